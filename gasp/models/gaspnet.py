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
from gasp.nn.kuramoto import Coupling, align
from gasp.nn.layers import AMPLITUDE_FLOOR, PhaseConv2d, PhaseLinear, complex_activity, modulated
from gasp.nn.neighbourhood import Neighbourhood
from gasp.nn.phasors import angle, mean_phasor
from gasp.settings import GaspError, Size

__all__ = ["GASPnet", "GASPnetSettings"]

NORM_SMOOTHING = 1e-6  # of keys and queries: a vector of 0 stays 0 and has a finite gradient
FIGURE_COVERAGE = 0.1
PhaseInit = Literal["bottom_up", "random", "ideal", "figure"]


class GASPnetSettings(RecurrentSettings):
    """Phases and their coupling.

    Attributes:
        iterations: K, Kuramoto iterations before each modulated sweep.
        step_size: η, of one iteration.
        modulation: a_F, or where it starts from.
        learned_modulation: whether a_F is learned, one for every channel and unit (ours; the paper has one for all).
        key_size: d, how long keys and queries are.
        neighbourhood: σ of the spatial neighbourhood as a fraction of the image side; ``math.inf`` for N = 1.
        phase_init: ``"bottom_up"``: phases of the first layer start at random and are kept from step to step, those of
            deeper layers are set by their input at each sweep. ``"random"``: all start at random and are kept.
            ``"ideal"``: as bottom up, but those of the first layer start as the masks of the objects tell, spread
            evenly over the circle; with no iterations they stay so. An upper bound, not a model of vision.
            ``"figure"``: as ideal, but a location takes the phase of the first object that covers a tenth of its receptive
            field, a background being the last, and not the mean phase of all objects in it.
    """

    kind: Literal["gaspnet"] = "gaspnet"
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(3.0, gt=0)
    modulation: float = Field(1.0, allow_inf_nan=False)
    learned_modulation: bool = False
    key_size: Size = 8
    neighbourhood: float = Field(0.12, gt=0)
    phase_init: PhaseInit = "bottom_up"


class GASPnet(Oscillating):
    r"""A CNN whose layers carry phases, aligned over time steps by global key-query agreement.

    Alamia, Muzellec, Serre, VanRullen (2025), *GASPnet: Global Agreement to Synchronize Phases*, arXiv 2507.16674.

    Step 0 is the plain feed-forward sweep of :class:`~gasp.models.cnn.CNN`. Each later step aligns the phases of all
    layers by Kuramoto iterations, coupled by the keys and queries of the last sweep, then sweeps again with every
    connection weighted by :math:`1 + a_F \cos(\varphi_i - \varphi_j)`. An oscillator is a location of a convolution, or
    a dense unit. Keys, queries, gates and drives take activity and weights as given: phases send no gradient into them.

    """

    Settings = GASPnetSettings
    settings: GASPnetSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        widths = [stage.linear.out_channels for stage in self.stages if isinstance(stage.linear, PhaseConv2d)]
        units = [stage.linear.out_features for stage in self.stages if isinstance(stage.linear, PhaseLinear)]
        self.neighbourhood = Neighbourhood(self.grids, sum(units), self.settings.neighbourhood)
        self.shapes: list[tuple[int, ...]] = [*self.grids, *((n,) for n in units)]
        self.oscillators = sum(map(math.prod, self.shapes))
        # queries start equal to keys: what is alike attracts
        self.keys = nn.ParameterList([torch.randn(n, self.settings.key_size) / math.sqrt(n) for n in widths])
        self.keys.extend(F.normalize(torch.randn(n, self.settings.key_size), dim=-1) for n in units)
        self.queries = nn.ParameterList([key.detach().clone() for key in self.keys])
        self.log_desynchronization = nn.Parameter(torch.tensor(0.5).log())
        if self.settings.learned_modulation:
            shapes = [*((n, 1, 1) for n in widths), *((n,) for n in units)]
            self.modulations = nn.ParameterList([torch.full(shape, self.settings.modulation) for shape in shapes[1:]])

    def coupling_parameters(self) -> list[nn.Parameter]:
        learned = self.modulations if self.settings.learned_modulation else ()
        return [*super().coupling_parameters(), *self.keys, *self.queries, self.log_desynchronization, *learned]

    def ideal_phases(self, masks: Tensor) -> Tensor:
        """Initial phases ``(N, B)``, radians, whose first layer tells G objects apart; all others are 0.

        Objects are spread evenly over the circle. A location takes the mean phase of the objects in its receptive field,
        weighted by coverage, or the phase of one of them (``phase_init="figure"``). Where there is none, its phase is midway
        between two objects.

        Args:
            masks: coverage of the pixels by each object, ``(B, G, size, size)``.
        """
        conv = self.stages[0].linear
        assert isinstance(conv, PhaseConv2d)
        objects = masks.shape[1]
        coverage = F.avg_pool2d(masks, conv.kernel_size, conv.stride, conv.padding)  # type: ignore[arg-type]
        if self.settings.phase_init == "figure":
            covers = coverage >= FIGURE_COVERAGE
            coverage = (covers & (covers.cumsum(1) == 1)).to(coverage)  # of the first of them alone
        nothing = (coverage.sum(1, keepdim=True) == 0).to(coverage)  # (B, 1, H, W)
        coverage = torch.cat([coverage, nothing], 1)  # (B, G + 1, H, W)
        angles = torch.arange(objects + 1, device=masks.device) * (2 * math.pi / objects)  # (G + 1)
        angles[-1] -= math.pi / objects
        first = angle(mean_phasor(angles.view(-1, 1, 1), coverage, dim=-3))  # (B, H, W)
        others = [masks.new_zeros(len(masks), *shape) for shape in self.shapes[1:]]
        return self._per_oscillator([first, *others])

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        if self.settings.phase_init not in ("ideal", "figure"):
            return super().run(images, generator, steps=steps)
        if masks is None:
            raise GaspError("a network with ideal phases must be given the masks of the objects")
        return self(images, self.ideal_phases(masks), steps)

    def forward(self, images: Tensor, phases: Tensor | None = None, steps: int | None = None) -> Trajectory:
        """Run over time.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            phases: initial phases ``(N, B)``, radians; random when omitted.
            steps: T of this run; the model's own when omitted.

        Raises:
            GaspError: if images or phases have another shape or type, or ``steps`` is below 1.
        """
        steps = self.duration(steps)
        activities = self.sweep(images)
        phases = self.initial_phases(len(images)) if phases is None else phases
        self.check_phases(phases, len(images))
        layer_phases = self._per_layer(phases)
        if self.settings.phase_init != "random":
            layer_phases = self._driven_phases(activities, layer_phases[0])
        plain_second = self.stages[1].linear(activities[0])  # the input of layer 2 never changes: computed once
        gates = self.gates(activities)
        logits, all_phases, all_gates = [self.logits(activities[-1])], [layer_phases], [gates]
        for _ in range(1, steps):
            phases = align(
                self._per_oscillator(layer_phases),
                self.coupling(activities, gates),
                self.settings.iterations,
                self.settings.step_size,
            )
            activities, layer_phases = self._modulated_sweep(activities[0], plain_second, self._per_layer(phases))
            gates = self.gates(activities)
            logits.append(self.logits(activities[-1]))
            all_phases.append(layer_phases)
            all_gates.append(gates)
        return Trajectory.of_steps(logits, all_phases, all_gates, self.leak)

    def coupling(self, activities: Sequence[Tensor], gates: Sequence[Tensor]) -> Coupling:
        r"""The coupling of all oscillators, given the activity of every layer and its :meth:`gates`.

        .. math:: \kappa_i = \sum_j N_{ij} g_j, \qquad \varepsilon_i = \hat\varepsilon\, \kappa_i \Big/ \sum_j g_j

        So alignment is an average over neighbours, and repulsion is a learned multiple :math:`\hat\varepsilon` of the mean
        gate. Steps then stay below what makes the dynamics chaotic.
        """
        keys, queries = self._keys_and_queries(activities)
        pulls = self._per_oscillator(gates)  # (N, B)
        nearby_gates = self.neighbourhood(pulls).expand_as(pulls) + AMPLITUDE_FLOOR
        total_gates = pulls.sum(0) + AMPLITUDE_FLOOR  # (B)
        return Coupling(
            queries=queries,
            keys=keys,
            gates=pulls,
            neighbourhood=self.neighbourhood,
            desynchronization=self.log_desynchronization.exp() * nearby_gates / total_gates,
            normalization=nearby_gates,
        )

    def gates(self, activities: Sequence[Tensor]) -> list[Tensor]:
        r"""How much each oscillator pulls, one ``(B, H, W)`` or ``(B, n)`` a layer, given the activity of every layer.

        .. math:: g_j = a_j^2 / (a_j^2 + \langle a^2 \rangle)

        with the mean over the layer: in [0, 1), 0 for a silent oscillator. The amplitude a of a location is the norm over
        its channels, that of a read-out unit the probability that it gives to its class.
        """
        *layers, readout = (activity.detach() for activity in activities)
        probabilities = self.logits(readout).softmax(-1).flatten(1)  # (B, heads · classes)
        gates = []
        for activity in (*layers, probabilities):
            power = activity.square().sum(1) if activity.ndim == 4 else activity.square()  # (B, H, W) or (B, n)
            mean_power = power.mean(tuple(range(1, power.ndim)), keepdim=True)
            gates.append(power / (power + mean_power + 1e-9))
        return gates

    def _keys_and_queries(self, activities: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Unit vectors ``(N, d, B)`` each, linear in the activity of a location; that of a silent one is 0."""
        layers = []
        for activity, key, query in zip(activities, self.keys, self.queries, strict=True):
            weights = torch.cat([key, query], 1).T  # (2d, C or n)
            is_map = activity.ndim == 4  # the activity of a unit would only scale its vectors, whose norm is 1
            vectors = weights @ activity.detach().flatten(2) if is_map else weights.expand(len(activity), -1, -1)  # (B, 2d, n)
            vectors = vectors.flatten(1).T.contiguous()  # (2dn, B)
            vectors = vectors.view(2, self.settings.key_size, -1, len(activity))  # (2, d, n, B)
            inverse_norm = (vectors.square().sum(1, keepdim=True) + NORM_SMOOTHING**2).rsqrt()  # (2, 1, n, B)
            layers.append((vectors * inverse_norm).permute(2, 0, 1, 3))  # (n, 2, d, B)
        keys, queries = torch.cat(layers).unbind(1)  # (N, d, B) each
        return keys, queries

    def _driven_phases(self, activities: Sequence[Tensor], first: Tensor) -> list[Tensor]:
        """Phases of all layers: those of the first, and those that each later layer takes from its input."""
        phases = [first]
        for stage, activity in zip(self.stages[1:], activities, strict=False):
            phases.append(stage.linear.driven_phases(activity, phases[-1]))
        return phases

    def _modulated_sweep(
        self, first: Tensor, plain_second: Tensor, aligned: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Activity and phases of all layers.

        Args:
            first: activity of the first layer, which never changes.
            plain_second: what the second layer makes of it without phases.
            aligned: phases of every layer after alignment.
        """
        activities, phases = [first], [aligned[0]]
        for index, stage in enumerate(self.stages[1:], start=1):
            activity, sent = activities[-1], phases[-1]
            own = aligned[index] if self.settings.phase_init == "random" else stage.linear.driven_phases(activity, sent)
            plain = plain_second if index == 1 else stage.linear(activity)
            response = stage.linear.complex_response(complex_activity(activity, sent))
            modulation = self.modulations[index - 1] if self.settings.learned_modulation else self.settings.modulation
            activities.append(stage.activate(modulated(plain, response, own, modulation)))
            phases.append(own)
        return activities, phases

    def _per_layer(self, phases: Tensor) -> list[Tensor]:
        """``(N, B)`` to one ``(B, H, W)`` or ``(B, n)`` a layer."""
        layers = phases.split([math.prod(shape) for shape in self.shapes])
        return [layer.T.contiguous().unflatten(1, shape) for layer, shape in zip(layers, self.shapes, strict=True)]

    def _per_oscillator(self, layers: Sequence[Tensor]) -> Tensor:
        """One ``(B, H, W)`` or ``(B, n)`` a layer to ``(N, B)``."""
        return torch.cat([layer.flatten(1).T for layer in layers])
