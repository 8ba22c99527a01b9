"""Replace single settings of a profile by name, before it is validated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gasp.experiments.specification import Evaluation
from gasp.experiments.variants import MODELS
from gasp.learning.training import TrainingSettings
from gasp.models import LayerSizes, ModelSettings
from gasp.settings import GaspError, known_names

__all__ = ["override"]


def override(values: dict[str, Any], key: str, value: Any, keys: Collection[str]) -> None:
    """Replace the setting of this name, dotted or not, wherever it is nested, and in all models that have it.

    Args:
        values: a profile as YAML has it.
        keys: its possible keys at the top level.

    Raises:
        GaspError: for a name that is unknown, or that fits several settings.
    """
    paths = [
        *((name,) for name in keys if name not in ("name", "network", "models", "training", "evaluation")),
        *(("network", name) for name in LayerSizes.model_fields),
        *(
            ("models", kind, name)
            for kind, model in MODELS.items()
            for name in model.Settings.model_fields
            if name not in ModelSettings.model_fields
        ),
        *(("training", name) for name in TrainingSettings.model_fields),
        *(("evaluation", name) for name in Evaluation.model_fields),
    ]
    asked = tuple(key.split("."))
    fitting = [path for path in paths if path[-len(asked) :] == asked]
    if not fitting:
        raise GaspError(f"unknown parameter {key!r}: {known_names(asked[-1], sorted({path[-1] for path in paths}))}")
    if len({path[0] for path in fitting}) > 1:
        names = " or ".join(".".join(path) for path in fitting)
        raise GaspError(f"parameter {key!r} could be {names}: write it in full")
    for path in fitting:
        _replace(values, path, value)


def _replace(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Replace one value, and remove what single data sets or blocks of the grid set for it."""
    *sections, name = path
    special = values.get("datasets") if sections else None
    parts = [*special.values()] if isinstance(special, dict) else []
    for section in sections:
        parts = [part.get(section) for part in parts if isinstance(part, dict)]
    if name in ("seeds", "draw") and isinstance(values.get("grid"), list):
        parts += values["grid"]
    for part in parts:
        if isinstance(part, dict):
            part.pop(name, None)
    place = values
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            return  # validation says what is wrong with the section
    place[name] = value
