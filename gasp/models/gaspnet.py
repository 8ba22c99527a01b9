"""GASPnet: global agreement to synchronize phases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from gasp.models.recurrent import Oscillating, RecurrentSettings
from gasp.models.trajectory import Trajectory
from gasp.nn.keys import KeyNetwork
from gasp.nn.kuramoto import Coupling, align
from gasp.nn.layers import AMPLITUDE_FLOOR, PhaseConv2d, PhaseLinear, complex_activity, location_phases, modulated
from gasp.nn.neighbourhood import Neighbourhood
from gasp.nn.oscillators import Oscillators, relative_power
from gasp.nn.phasors import direction, phasors
from gasp.nn.prediction import Prediction
from gasp.nn.told import told_phases
from gasp.settings import GaspError, Size

__all__ = ["GASPnet", "GASPnetSettings"]

NORM_SMOOTHING = 1e-6  # for keys and queries: a zero vector stays zero and has a finite gradient
TOLD = ("ideal", "figure", "told")


class GASPnetSettings(RecurrentSettings):
    """Settings of phases and their coupling. By default, all mechanisms are the paper's; those marked *ours* are off.

    Attributes:
        iterations: K, Kuramoto iterations before each modulated sweep; with 0, phases are never aligned.
        step_size: η, the step size of an iteration.
        modulation: :math:`a_F`; its initial value if it is learned.
        learned_modulation: whether :math:`a_F` is learned, one for each channel and unit (ours; the paper has one for all).
        key_size: d, the number of entries of a key or query.
        key_source: the features of which keys and queries of the first layer are linear functions: the activity of the layer
            (``"layer"``), or those of a :class:`~gasp.nn.keys.KeyNetwork`, with a larger receptive field (``"network"``, ours).
        key_channels: width of the :class:`~gasp.nn.keys.KeyNetwork`, which also takes ``key_dilations`` and ``key_separable``.
        learned_gate: whether the same features also decide how much each location of the first layer takes part (ours).
        neighbourhood: σ of the spatial neighbourhood as a fraction of the image side; ``math.inf`` for N = 1.
        drive: how a location takes its phase from its receptive field: as the mean phase, weighted by ``"amplitude"``, by
            ``"gate"``, or equally (``"area"``). With ``"channel"`` (ours), in a modulated sweep each channel takes the phase
            of its own complex input, as a dense unit does; the location takes their mean, weighted by amplitude.
        phase_init: ``"bottom_up"``: phases of the first layer start at random and are kept from step to step; those of
            deeper layers are set by their input at each sweep. ``"random"``: all phases start at random and are kept.
            The others are upper bounds, not models of vision: they compute initial phases from the masks of the objects.
            Without iterations, they stay as they are. ``"ideal"``: as bottom up, but phases of the first layer come from the
            masks, one per object, spread evenly over the circle. ``"figure"``: as ideal, but a location takes the phase of one
            object, the first that covers at least a tenth of its receptive field (a background comes last). ``"told"``: the
            phases of all convolutions come from the first object that covers a tenth of a location, and are kept.
    """

    kind: Literal["gaspnet"] = "gaspnet"
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(3.0, gt=0)
    modulation: float = Field(1.0, allow_inf_nan=False)
    learned_modulation: bool = False
    key_size: Size = 8
    key_source: Literal["layer", "network"] = "layer"
    key_channels: Size = 16
    key_dilations: tuple[Size, ...] = (1, 2, 4)
    key_separable: bool = False
    learned_gate: bool = False
    neighbourhood: float = Field(0.12, gt=0)
    drive: Literal["amplitude", "gate", "area", "channel"] = "amplitude"
    phase_init: Literal["bottom_up", "random", "ideal", "figure", "told"] = "bottom_up"


class GASPnet(Oscillating):
    r"""A CNN whose layers carry phases, aligned over time steps by global key-query agreement.

    Alamia, Muzellec, Serre, VanRullen (2025), *GASPnet: Global Agreement to Synchronize Phases*, arXiv 2507.16674.

    Step 0 is the plain feed-forward sweep of :class:`~gasp.models.cnn.CNN`. Each later step aligns the phases of all
    layers by Kuramoto iterations, coupled by the keys and queries of the previous sweep, then sweeps again with every
    connection weighted by :math:`1 + a_F \cos(\varphi_i - \varphi_j)`. An oscillator is a location of a convolution, or
    a dense unit. No gradient flows through keys, queries, gates or driven phases into activity or the weights of the layers.

    A learned gate p (ours) multiplies the activity of the first layer, :math:`m_i \leftarrow p_i m_i` with
    :math:`p_i = \operatorname{sigmoid}(w \cdot h_i + b)` and the features h from which keys are computed. A location whose gate
    is closed is as silent as an empty background: it does not pull, drive, or send anything to the next layer.
    """

    Settings = GASPnetSettings
    settings: GASPnetSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        chosen = self.settings
        widths = [stage.linear.out_channels for stage in self.stages if isinstance(stage.linear, PhaseConv2d)]
        units = [stage.linear.out_features for stage in self.stages if isinstance(stage.linear, PhaseLinear)]
        self.neighbourhood = Neighbourhood(self.grids, sum(units), chosen.neighbourhood)
        self.layout = Oscillators(self.grids, units)
        self.oscillators = len(self.layout)
        # queries start equal to keys, so similar oscillators attract each other
        has_network = chosen.key_source == "network"
        features = [chosen.key_channels if has_network else widths[0], *widths[1:]]
        self.keys = nn.ParameterList([torch.randn(n, chosen.key_size) / math.sqrt(n) for n in features])
        self.keys.extend(F.normalize(torch.randn(n, chosen.key_size), dim=-1) for n in units)
        self.queries = nn.ParameterList([key.detach().clone() for key in self.keys])
        self.log_desynchronization = nn.Parameter(torch.tensor(0.5).log())
        if chosen.learned_modulation:
            shapes = [*((n, 1, 1) for n in widths), *((n,) for n in units)]
            self.modulations = nn.ParameterList([torch.full(shape, chosen.modulation) for shape in shapes[1:]])
        if has_network:
            like_first = (channels, chosen.key_channels, chosen.kernels[0], chosen.strides[0])
            self.key_network = KeyNetwork(*like_first, chosen.key_dilations, chosen.key_separable)
        if chosen.learned_gate:
            self.gate = nn.Conv2d(features[0], 1, 1)

    def told_phases(self, masks: Tensor) -> Tensor:
        """Initial phases ``(N, B)``, radians: from the masks for the first layer or all convolutions, 0 for all other layers.

        Args:
            masks: how much of each pixel each object covers, ``(B, G, size, size)``.
        """
        if self.settings.phase_init == "told":
            told = [told_phases(F.adaptive_avg_pool2d(masks, grid), figure=True) for grid in self.grids]
        else:
            conv = self.stages[0].linear
            assert isinstance(conv, PhaseConv2d)
            fields = F.avg_pool2d(masks, conv.kernel_size, conv.stride, conv.padding)  # type: ignore[arg-type]
            told = [told_phases(fields, figure=self.settings.phase_init == "figure")]
        others = [masks.new_zeros(len(masks), *shape) for shape in self.layout.shapes[len(told) :]]
        return self.layout.to_row([*told, *others])

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        if self.settings.phase_init not in TOLD:
            return super().run(images, generator, steps=steps)
        if masks is None:
            raise GaspError("a network whose phases are told must be given the masks of the objects")
        return self(images, self.told_phases(masks), steps)

    def forward(self, images: Tensor, phases: Tensor | None = None, steps: int | None = None) -> Trajectory:
        """Process images over time steps.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            phases: initial phases ``(N, B)``, radians; random when omitted.
            steps: T, the number of steps; that of the settings when omitted.

        Raises:
            GaspError: if images have the wrong shape or type, phases the wrong shape, or ``steps`` is below 1.
        """
        steps = self.duration(steps)
        self.check(images)
        phases = self.initial_phases(len(images)) if phases is None else phases
        self.check_phases(phases, len(images))
        first, features, participation = self.first_layer(images)
        plain_second = self.stages[1].linear(first)  # computed once: only prediction changes the input of layer 2
        activities = [first, *self.sweep_from(self.stages[1].activate(plain_second), start=2)]
        layer_phases = self._plain_phases(activities, self.layout.to_layers(phases))
        units = [phasors(layer) for layer in layer_phases]
        gates = self.gates(activities)
        logits, all_phases, all_gates = [self.logits(activities[-1])], [layer_phases], [gates]
        all_keys, all_queries, errors = [], [], []
        for _ in range(1, steps):
            prediction = self.predict(images, activities, units)
            coupling = self.coupling([features, *activities[1:]], gates, prediction.field)
            phases = align(self.layout.to_row(layer_phases), coupling, self.settings.iterations, self.settings.step_size)
            aligned = self.layout.to_layers(phases)
            activities, layer_phases, units = self._modulated_sweep(first, plain_second, aligned, prediction)
            gates = self.gates(activities)
            logits.append(self.logits(activities[-1]))
            all_phases.append(layer_phases)
            all_gates.append(gates)
            all_keys.append(self.layout.to_layers(coupling.keys)[: len(self.grids)])
            all_queries.append(self.layout.to_layers(coupling.queries)[: len(self.grids)])
            errors.append(prediction.errors)
        return Trajectory.of_steps(logits, all_phases, all_gates, self.leak, all_keys, all_queries, participation, errors)

    def predict(self, images: Tensor, activities: Sequence[Tensor], units: Sequence[Tensor]) -> Prediction:
        """The contributions of feedback to the next sweep, given activity and phasors of all layers; none by default."""
        del images, activities, units
        return Prediction()

    def first_layer(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What stays the same over time: the activity of the first layer, the features from which its keys are computed, and
        how much each location takes part, ``(B, H, W)``, if that is learned.
        """
        activity = self.stages[0](images)
        features = self.key_network(images) if self.settings.key_source == "network" else activity.detach()
        if not self.settings.learned_gate:
            return activity, features, None
        participation = self.gate(features).sigmoid()  # (B, 1, H, W)
        return activity * participation, features, participation.squeeze(1)

    def sweep(self, images: Tensor) -> list[Tensor]:
        self.check(images)
        return self.sweep_from(self.first_layer(images)[0])

    def coupling(self, features: Sequence[Tensor], gates: Sequence[Tensor], field: Tensor | None = None) -> Coupling:
        r"""The coupling of all oscillators, given the features from which keys are computed, :meth:`gates` and a field.

        .. math:: \kappa_i = \sum_j N_{ij} g_j, \qquad \varepsilon_i = \hat\varepsilon\, \kappa_i \Big/ \sum_j g_j

        Attraction is then an average over neighbours, and repulsion one over all oscillators, times :math:`\hat\varepsilon`.
        This keeps the steps small enough that the dynamics do not become chaotic.
        """
        keys, queries = self._keys_and_queries(features)
        pulls = self.layout.to_row(gates)  # (N, B)
        nearby_gates = self.neighbourhood(pulls).expand_as(pulls) + AMPLITUDE_FLOOR
        total_gates = pulls.sum(0) + AMPLITUDE_FLOOR  # (B)
        return Coupling(
            queries=queries,
            keys=keys,
            gates=pulls,
            neighbourhood=self.neighbourhood,
            desynchronization=self.log_desynchronization.exp() * nearby_gates / total_gates,
            normalization=nearby_gates,
            field=field,
        )

    def gates(self, activities: Sequence[Tensor]) -> list[Tensor]:
        r"""How much each oscillator pulls, ``(B, H, W)`` or ``(B, n)`` per layer, given the activity of every layer.

        .. math:: g_j = a_j^2 / (a_j^2 + \langle a^2 \rangle)

        with the mean taken over the layer. Gates are in [0, 1), and 0 for a silent oscillator. The amplitude a of a location
        is the norm over its channels; that of a read-out unit is the probability of its class.
        """
        *layers, readout = (activity.detach() for activity in activities)
        probabilities = self.logits(readout).softmax(-1).flatten(1)  # (B, heads · classes)
        return [relative_power(activity) for activity in (*layers, probabilities)]

    def _keys_and_queries(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and queries, ``(N, d, B)`` each: linear in a location's features, scaled to length 1; 0 if the features are 0.

        Features of the first layer are used as :meth:`first_layer` returns them; activity of deeper layers is detached.
        """
        layers = []
        first, *activities = features
        given = [first, *(activity.detach() for activity in activities)]
        for feature, key, query in zip(given, self.keys, self.queries, strict=True):
            weights = torch.cat([key, query], 1).T  # (2d, C or n)
            is_map = feature.ndim == 4  # a unit's activity would only scale its vectors, whose norm is 1 anyway
            vectors = weights @ feature.flatten(2) if is_map else weights.expand(len(feature), -1, -1)  # (B, 2d, n)
            vectors = vectors.flatten(1).T.contiguous()  # (2dn, B)
            vectors = vectors.view(2, self.settings.key_size, -1, len(feature))  # (2, d, n, B)
            inverse_norm = (vectors.square().sum(1, keepdim=True) + NORM_SMOOTHING**2).rsqrt()  # (2, 1, n, B)
            layers.append((vectors * inverse_norm).permute(2, 0, 1, 3))  # (n, 2, d, B)
        keys, queries = torch.cat(layers).unbind(1)  # (N, d, B) each
        return keys, queries

    def _plain_phases(self, activities: Sequence[Tensor], kept: Sequence[Tensor]) -> list[Tensor]:
        """The phases of all layers after the plain sweep, given the activity and the initial phases of every layer."""
        phases = [kept[0]]
        for layer in range(1, len(kept)):
            phases.append(self._own_phases(layer, activities[layer - 1], phases[-1], kept[layer]))
        return phases

    def _own_phases(self, layer: int, activity: Tensor, sent: Tensor, kept: Tensor) -> Tensor:
        """The phases of one layer: those that it keeps, or those driven by activity and phases of the layer below."""
        linear, drive = self.stages[layer].linear, self.settings.drive
        if self._keeps_phases(layer):
            return kept
        if isinstance(linear, PhaseConv2d) and drive in ("gate", "area"):
            gate = relative_power(activity.detach())
            activity = (gate if drive == "gate" else torch.ones_like(gate)).unsqueeze(1)
        return linear.driven_phases(activity, sent)

    def _keeps_phases(self, layer: int) -> bool:
        """Whether a layer keeps its phases from step to step, instead of taking them from its input."""
        is_map = isinstance(self.stages[layer].linear, PhaseConv2d)
        return self.settings.phase_init == "random" or (self.settings.phase_init == "told" and is_map)

    def _modulated_sweep(
        self, first: Tensor, plain_second: Tensor, aligned: Sequence[Tensor], prediction: Prediction
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """One sweep with modulated connections.

        Args:
            first: drive of the first layer, which never changes.
            plain_second: response of the second layer to it without phases.
            aligned: phases of every layer after alignment.
            prediction: the contributions of prediction to each layer.

        Returns:
            activity of all layers; their phases; and phasors of locations, units or, with ``drive="channel"``, channels.
        """
        activities, phases, units = [prediction.settle(0, first)], [aligned[0]], [phasors(aligned[0])]
        for index, stage in enumerate(self.stages[1:], start=1):
            below = activities[-1]
            plain = plain_second if below is first else stage.linear(below)
            response = stage.linear.complex_response(complex_activity(below, units[-1]))
            by_channel = self.settings.drive == "channel" and not self._keeps_phases(index)
            own = None if by_channel else self._own_phases(index, below, phases[-1], aligned[index])
            units.append(direction(response.detach()) if own is None else phasors(own))
            modulation = self.modulations[index - 1] if self.settings.learned_modulation else self.settings.modulation
            drive = stage.activate(modulated(plain, response, units[-1], modulation))
            activities.append(prediction.settle(index, drive))
            phases.append(location_phases(activities[-1], units[-1]) if own is None else own)
        return activities, phases, units
