"""The variants that the book compares: models with changed settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gasp.models import CNN, GASPnet, GAttANet, KomplexNet, Model, PredictiveCNN, PredictiveGASPnet

__all__ = ["MODELS", "VARIANTS", "Variant"]


@dataclass(frozen=True)
class Variant:
    """A model with the settings in which it differs from a profile.

    Attributes:
        label: its name on pages.
        model: its class.
        settings: replacements in the model's own ``Settings``.
        training: replacements in :class:`~gasp.learning.training.TrainingSettings`.
        wider: factor by which the width of every layer is multiplied.
    """

    label: str
    model: type[Model]
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    wider: float = 1.0

    @property
    def changed(self) -> set[str]:
        """The names of the settings that it replaces."""
        return {*self.settings, *self.training}


# our additions to the paper's mechanisms (see ``GASPnetSettings``), and the losses with which they are trained
GATE = {"key_source": "network", "learned_gate": True}
LEAKY = {"readout": "leaky"}
GATED = {**GATE, **LEAKY, "learned_modulation": True, "drive": "channel"}
PLAIN = {**GATED, "learned_modulation": False, "modulation": 0.0}
TOLD = {**LEAKY, "learned_modulation": True, "phase_init": "told", "iterations": 0}
MASKS = {"key_weight": 1.0, "gate_weight": 1.0, "told_objects": "reported"}
LABELS = {"synchrony_weight": 0.0}
PREDICTION = {"reconstruction_weight": 1.0}

VARIANTS = {
    "cnn": Variant("CNN, same layers", CNN),
    "cnn_parameters": Variant("CNN, as many parameters", CNN, wider=1.11),
    "cnn_wide": Variant("CNN, 1.5 times as wide", CNN, wider=1.5),
    "cnn_wider": Variant("CNN, twice as wide", CNN, wider=2.0),
    "cnn_compute": Variant("CNN, as many multiplications", CNN, wider=3.25),
    "gaspnet": Variant("GASPnet", GASPnet, GATED, MASKS),
    "gaspnet_two_steps": Variant("GASPnet, two steps", GASPnet, {**GATED, "steps": 2}, MASKS),
    # trained without masks, the phases of single channels often all become alike; those of locations do so less often
    "gaspnet_labels": Variant("GASPnet, labels only", GASPnet, {**GATED, "drive": "amplitude"}, LABELS),
    "gate": Variant("gate without phases", GASPnet, {**GATE, "steps": 1}, MASKS),
    "gate_labels": Variant("gate without phases, labels only", GASPnet, {**GATE, "steps": 1}, LABELS),
    "fixed_modulation": Variant("modulation fixed at 1", GASPnet, {**GATED, "learned_modulation": False}, MASKS),
    "no_modulation": Variant("no modulation", GASPnet, PLAIN, MASKS),
    "no_synchrony_loss": Variant("no synchrony loss", GASPnet, GATED, {**MASKS, "synchrony_weight": 0.0}),
    "no_neighbourhood": Variant("no neighbourhood", GASPnet, {**GATED, "neighbourhood": math.inf}, MASKS),
    # without a gate, phases alone must set apart what need not be reported: the losses on phases and keys take all masks
    "no_gate": Variant("no gate", GASPnet, {**GATED, "learned_gate": False}, {"key_weight": 1.0}),
    "no_alignment": Variant("phases never aligned", GASPnet, {**GATED, "iterations": 0}, MASKS),
    "no_key_loss": Variant("no loss on keys", GASPnet, GATED, {**MASKS, "key_weight": 0.0}),
    "layer_keys": Variant("keys from the layer itself", GASPnet, {**GATED, "key_source": "layer"}, MASKS),
    "told_phases": Variant("phases set by masks in every convolution", GASPnet, TOLD),
    # the paper's mechanisms alone, and what they are compared with
    "paper_gaspnet": Variant("GASPnet (paper)", GASPnet),
    "paper_cnn_parameters": Variant("CNN, as many parameters", CNN, wider=1.03),
    "paper_cnn_compute": Variant("CNN, as many multiplications", CNN, wider=3.0),
    "paper_no_modulation": Variant("no modulation", GASPnet, {"modulation": 0.0}),
    "paper_no_synchrony_loss": Variant("no synchrony loss", GASPnet, training={"synchrony_weight": 0.0}),
    "paper_no_neighbourhood": Variant("no neighbourhood", GASPnet, {"neighbourhood": math.inf}),
    "paper_random_phases": Variant("random initial phases in every layer", GASPnet, {"phase_init": "random"}),
    "paper_ideal_phases": Variant(
        "ideal phases, set by masks in the first layer", GASPnet, {"phase_init": "ideal", "iterations": 0}
    ),
    "paper_gattanet": Variant("GAttANet (paper)", GAttANet),
    "paper_komplexnet": Variant("KomplexNet (paper)", KomplexNet),
    # predecessors of GASPnet and models beyond it, with our read-out
    "komplexnet_feedback": Variant("KomplexNet with feedback", KomplexNet, LEAKY | {"feedback": True}),
    "komplexnet": Variant("KomplexNet", KomplexNet, LEAKY),
    "gattanet": Variant("GAttANet", GAttANet, LEAKY),
    "predictive_cnn": Variant("CNN with prediction", PredictiveCNN, LEAKY, PREDICTION),
    "predictive_gaspnet": Variant("GASPnet with prediction", PredictiveGASPnet, GATED, MASKS | PREDICTION),
}

MODELS: dict[str, type[Model]] = {variant.model.kind(): variant.model for variant in VARIANTS.values()}
