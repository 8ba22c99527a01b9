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
from gasp.nn.kuramoto import align, mean_phase
from gasp.nn.layers import SILENT, PhaseConv2d, PhaseLinear, modulated
from gasp.nn.neighbourhood import Neighbourhood
from gasp.settings import GaspError, Size

__all__ = ["GASPnet", "GASPnetSettings"]

PhaseInit = Literal["bottom_up", "random", "ideal"]


class GASPnetSettings(RecurrentSettings):
    """Phases and their coupling.

    Attributes:
        iterations: K, Kuramoto iterations before each modulated sweep.
        step_size: η, of one iteration.
        modulation: a_F.
        key_size: d, how long keys and queries are.
        neighbourhood: σ of the spatial neighbourhood as a fraction of the image side; ``math.inf`` for N = 1.
        phase_init: ``"bottom_up"``: phases of the first layer start at random and are kept from step to step, those of
            deeper layers are set by their input at each sweep. ``"random"``: all start at random and are kept.
            ``"ideal"``: as bottom up, but those of the first layer start as the masks of the objects tell, spread
            evenly over the circle; with no iterations they stay so. An upper bound, not a model of vision.
    """

    kind: Literal["gaspnet"] = "gaspnet"
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(3.0, gt=0)
    modulation: float = Field(1.0, allow_inf_nan=False)
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

    def coupling_parameters(self) -> list[nn.Parameter]:
        return [*self.keys, *self.queries, self.log_desynchronization]

    def ideal_phases(self, masks: Tensor) -> Tensor:
        """Phases ``(N, B)`` whose first layer tells G objects of masks ``(B, G, size, size)`` apart; all others are 0.

        Objects are spread evenly over the circle. A location takes the mean phase of the objects in its receptive field, and
        where there is none a phase midway between two objects.
        """
        angles = torch.arange(masks.shape[1] + 1, device=masks.device) * (2 * math.pi / masks.shape[1])
        angles[-1] -= math.pi / masks.shape[1]
        conv = self.stages[0].linear
        assert isinstance(conv, PhaseConv2d)
        seen = F.avg_pool2d(masks, conv.kernel_size, conv.stride, conv.padding)  # type: ignore[arg-type]
        seen = torch.cat([seen, (seen.sum(1, keepdim=True) == 0).to(seen)], 1)  # (B, G + 1, H, W)
        real, imag = (torch.einsum("bghw,g->bhw", seen, part) for part in (angles.cos(), angles.sin()))
        others = [masks.new_zeros(len(masks), *shape) for shape in self.shapes[1:]]
        return self._join([mean_phase(real, imag), *others])

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        if self.settings.phase_init != "ideal":
            return super().run(images, generator, steps=steps)
        if masks is None:
            raise GaspError("a network with ideal phases must be given the masks of the objects")
        return self(images, self.ideal_phases(masks), steps)

    def forward(self, images: Tensor, phases: Tensor | None = None, steps: int | None = None) -> Trajectory:
        """Run over time.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            phases: initial phases ``(N, B)``, radians; random when omitted.
            steps: T of this run, when not the model's own.

        Raises:
            ValueError: if the images have another shape, or ``steps`` is below 1.
        """
        steps = self.duration(steps)
        activities = self.sweep(images)
        plain_second = self.stages[1].linear(activities[0])  # input of layer 2 never changes: computed once
        phases = self.initial_phases(len(images)) if phases is None else phases
        self.check_phases(phases, len(images))
        layers = self._split(phases)
        if self.settings.phase_init != "random":
            layers = [layers[0], *self._drives(activities, layers[0])]
        # the first layer's activity never changes, so what it sends is computed once
        gates, first = self.gates(activities), self._vectors(activities, slice(0, 1))
        logits, all_phases, all_gates = [self.logits(activities[-1])], [layers], [gates]
        for _ in range(1, steps):
            coupling = self._coupling(first + self._vectors(activities, slice(1, None)), gates)
            phases = align(
                self._join(layers), **coupling, iterations=self.settings.iterations, step_size=self.settings.step_size
            )
            activities, layers = self._modulated_sweep(activities[0], plain_second, self._split(phases))
            gates = [gates[0], *self.gates(activities[1:])]
            logits.append(self.logits(activities[-1]))
            all_phases.append(layers)
            all_gates.append(gates)
        return Trajectory.of_steps(logits, all_phases, all_gates)

    def coupling(self, activities: Sequence[Tensor]) -> dict[str, Any]:
        """The coupling of all oscillators, given the activity of every layer: what :func:`~gasp.nn.kuramoto.align` takes."""
        return self._coupling(self._vectors(activities), self.gates(activities))

    def gates(self, activities: Sequence[Tensor]) -> list[Tensor]:
        """How much each oscillator of the last layers pulls, one ``(B, H, W)`` or ``(B, n)`` a layer.

        Its squared amplitude against the layer's mean square: in [0, 1), 0 for a silent oscillator. The amplitude of a
        location is the norm over its channels, that of a read-out unit the probability it gives to its class.
        """
        *layers, readout = (activity.detach() for activity in activities)
        layers.append(self.logits(readout).softmax(-1).flatten(1))
        gates = []
        for activity in layers:
            power = activity.square().sum(1) if activity.ndim == 4 else activity.square()
            gates.append(power / (power + power.flatten(1).mean(1).view(-1, *[1] * (power.ndim - 1)) + 1e-9))
        return gates

    def _vectors(self, activities: Sequence[Tensor], layers: slice = slice(None)) -> list[Tensor]:
        """Keys and queries of the oscillators of some layers, one ``(N_layer, 2, d, B)`` a layer."""
        vectors = []
        for activity, key, query in zip(activities[layers], self.keys[layers], self.queries[layers], strict=True):
            both = torch.cat([key, query], 1).T  # (2d, C or n)
            # a unit's activity would only scale its vectors, and their norm is 1
            both = both @ activity.detach().flatten(2) if activity.ndim == 4 else both.expand(len(activity), -1, -1)
            both = both.flatten(1).T.contiguous().view(2, self.settings.key_size, -1, len(activity))
            vectors.append(_unit(both, dim=1).permute(2, 0, 1, 3))
        return vectors

    def _coupling(self, vectors: Sequence[Tensor], gates: Sequence[Tensor]) -> dict[str, Any]:
        """κ_i is the sum of the gates in the neighbourhood of i, so that alignment is an average over neighbours, and ε_i
        is a learned multiple of the neighbourhood's mean. Steps then stay below what makes the dynamics chaotic.
        """
        keys, queries = torch.cat(list(vectors)).unbind(1)
        pulls = self._join(gates)
        near = self.neighbourhood(pulls).expand_as(pulls) + SILENT  # gates of the neighbours, added up
        return {
            "keys": keys,
            "queries": queries,
            "gates": pulls,
            "neighbourhood": self.neighbourhood,
            "desynchronization": self.log_desynchronization.exp() * near / (pulls.sum(0) + SILENT),
            "normalization": near,
        }

    def _drives(self, activities: Sequence[Tensor], phases: Tensor) -> list[Tensor]:
        """Phases that the layers after the first take from their input, given the first layer's."""
        drives = []
        for stage, x in zip(self.stages[1:], activities, strict=False):
            phases = stage.linear.drive(x, phases)
            drives.append(phases)
        return drives

    def _modulated_sweep(self, x: Tensor, plain: Tensor, layers: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Activity and phases of all layers, given the first layer's activity and all phases after alignment."""
        activities, phases = [x], [layers[0]]
        for index, stage in enumerate(self.stages[1:], start=1):
            before = phases[-1]
            plain = plain if index == 1 else stage.linear(x)
            after = layers[index] if self.settings.phase_init == "random" else stage.linear.drive(x, before)
            x = stage.activate(modulated(plain, *stage.linear.carry(x, before), after, self.settings.modulation))
            activities.append(x)
            phases.append(after)
        return activities, phases

    def _split(self, phases: Tensor) -> list[Tensor]:
        """``(N, B)`` to one ``(B, H, W)`` or ``(B, n)`` a layer."""
        parts = phases.split([math.prod(shape) for shape in self.shapes])
        return [part.T.contiguous().unflatten(1, shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def _join(self, layers: Sequence[Tensor]) -> Tensor:
        """The inverse of ``_split``."""
        return torch.cat([layer.flatten(1).T for layer in layers])


def _unit(vectors: Tensor, dim: int) -> Tensor:
    """Vectors of norm 1; a zero vector stays zero."""
    return vectors * (vectors.square().sum(dim, keepdim=True) + 1e-12).rsqrt()
