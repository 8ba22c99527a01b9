"""KomplexNet: complex-valued activity whose phases are synchronised in the first layer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from gasp.models.recurrent import Oscillating, RecurrentSettings
from gasp.models.trajectory import Trajectory
from gasp.nn.feedback import Feedback
from gasp.nn.kuramoto import Coupling, align
from gasp.nn.layers import AMPLITUDE_FLOOR, complex_activity
from gasp.nn.phasors import angle, length, phasors
from gasp.settings import Size

__all__ = ["KomplexNet", "KomplexNetSettings"]


class KomplexNetSettings(RecurrentSettings):
    """Settings of complex activity and of the coupling of the first layer.

    Attributes:
        iterations: Kuramoto iterations before each complex sweep.
        step_size: step size of an iteration.
        coherence: c, the weight of the magnitude; with 0, every step equals the CNN.
        kernel_size: side of K, in locations of the first layer; 7 locations of two pixels span about the authors' 13 of one.
        feedback: whether the layers above also pull the phases of the first layer.
        feedback_kernel_size: side of the feedback kernels, in locations of the first layer; 5 span about the authors' 11.
    """

    kind: Literal["komplexnet"] = "komplexnet"
    iterations: int = Field(5, ge=0, le=4096)
    step_size: float = Field(2.0, gt=0)
    coherence: float = Field(0.5, ge=0, le=1)
    kernel_size: Size = 7
    feedback: bool = False
    feedback_kernel_size: Size = 5

    @field_validator("kernel_size", "feedback_kernel_size")
    @classmethod
    def _kernel_has_a_centre(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("a kernel must have an odd size, so that it has a centre")
        return size


class KomplexNet(Oscillating):
    r"""A CNN with complex activity. A learned local coupling synchronises the phases of its first layer.

    In the first layer,

    .. math:: \dot\varphi_i = \sum_j g_j \bigl(K_{x_j - x_i} - \varepsilon_i\bigr) \sin(\varphi_j - \varphi_i) / \kappa_i

    and in deeper layers, with :math:`z = m e^{i\varphi}`,

    .. math::

        m_i = f\Bigl( &(1 - c) \Bigl[\sum_j w_{ij} m_j + b_i\Bigr] \\
        &+ c\, \Bigl|\sum_j w_{ij} z_j\Bigr| \Bigr)

        \varphi_i = \arg \sum_j w_{ij} z_j

    Muzellec, Alamia, Serre, VanRullen (2025), *Enhancing deep neural networks through complex-valued representations and
    Kuramoto synchronization dynamics*, arXiv 2502.21077. The magnitude with c = 1/2 is that of Reichert, Serre (2013),
    *Neuronal Synchrony in Complex-Valued Deep Networks*, arXiv 1312.6115.

    Step 0 is the plain feed-forward sweep of :class:`~gasp.models.cnn.CNN` (c = 0). Each later step aligns the first
    layer's phases by further Kuramoto iterations, then sweeps again.

    From the authors' code: random initial phases, kept from step to step; a local kernel, nearly flat before training; the
    global ε; gates that are the tanh of amplitude; c = 1/2; normalisation and ReLU of the magnitude; a phase for every neuron
    of the deeper layers.

    Different in the authors' code: every channel of the first layer has its own phases and a kernel to each other channel (8
    channels, 13×13 locations of one pixel); ε = 0.202 is fixed; each of 15 steps has one iteration of size 0.006; the first
    sweep is already complex; biases are added to real and imaginary parts.

    Ours: one phase per location, as in GASPnet, because kernels between all 26 channels would have two thirds as many
    parameters as the network and take several times as long; fewer and larger steps; κ, the sum of the gates in reach, and a
    learned ε relative to it; the plain step 0; biases in the plain term only, so that only phase differences matter;
    magnitudes in the logits, too; no gradient through gates and deeper phases into activity and weights.

    With feedback, the phases of the layers above in the previous sweep pull those of the first layer from t = 1 on, through
    the field of :class:`~gasp.nn.feedback.Feedback`. From the authors' code: a transposed convolution from every channel of
    layer 2; one weight for each channel of the first layer and unit of each dense layer; gates that are the tanh of amplitude;
    no ε; kernels and weights that start at 0 (there at 1e-6); the step size of the first layer's own coupling; phases kept
    from step to step.

    Ours, with feedback: one phase per location, so a kernel leads from every channel of layer 2 to a location, and the weight
    between a location and a unit is the mean over the location's channels, weighted by activity; a kernel from every deeper
    convolution, because layer 2 is the last one in the authors' code; division by the sum of gates, which bounds the pull of
    each layer; a field that is constant during the iterations of a step; gradients into kernels and weights only.
    """

    Settings = KomplexNetSettings
    settings: KomplexNetSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        kernel_size = self.settings.kernel_size
        self.oscillators = math.prod(self.grids[0])
        self.kernel = nn.Parameter(torch.ones(kernel_size, kernel_size))
        self.log_desynchronization = nn.Parameter(torch.tensor(0.5).log())
        self.feedback: Feedback | None = None
        if self.settings.feedback:
            units = (self.settings.hidden, heads * classes)
            size = self.settings.feedback_kernel_size
            self.feedback = Feedback(self.grids[0], self.settings.widths, self.settings.strides, units, size)

    def forward(self, images: Tensor, phases: Tensor | None = None, steps: int | None = None) -> Trajectory:
        """Process images over time steps.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            phases: initial phases ``(N, B)`` of the first layer, radians; random when omitted.
            steps: T, the number of steps; that of the settings when omitted.

        Raises:
            GaspError: if images have the wrong shape or type, phases the wrong shape, or ``steps`` is below 1.
        """
        steps = self.duration(steps)
        self.check(images)
        phases = self.initial_phases(len(images)) if phases is None else phases
        self.check_phases(phases, len(images))
        first = self.stages[0](images)
        plain_second = self.stages[1].linear(first)  # computed once: the input of layer 2 changes in phase only
        coupling = self.coupling(first)
        logits: list[Tensor] = []
        all_phases, all_gates = [], []
        activities: list[Tensor] = []  # of the previous sweep, as are the directions
        directions: list[Tensor] = []
        for step in range(steps):
            if step:
                if self.feedback is not None:
                    coupling = replace(coupling, field=self.feedback(first, activities[1:], directions))
                phases = align(phases, coupling, self.settings.iterations, self.settings.step_size)
            grid = phases.T.contiguous().unflatten(1, self.grids[0])  # (B, H, W)
            coherence = self.settings.coherence if step else 0.0
            activities, directions, layer_phases = self._complex_sweep(first, plain_second, grid, coherence)
            logits.append(self.logits(activities[-1]))
            all_phases.append(layer_phases)
            all_gates.append([_gates(activity) for activity in activities])
        return Trajectory.of_steps(logits, all_phases, all_gates, self.leak)

    def coupling(self, first: Tensor) -> Coupling:
        r"""The coupling of all locations of the first layer, given its activity ``(B, C, H, W)``.

        .. math:: \kappa_i = \sum_{j \text{ in reach}} g_j, \qquad \varepsilon_i = \hat\varepsilon\, \kappa_i \Big/ \sum_j g_j

        as in GASPnet. There are no keys or queries: agreement is 1 for all pairs, and the kernel serves as the neighbourhood.
        """
        height, width = self.grids[0]
        cells = torch.eye(height * width).to(first).view(-1, 1, height, width)
        kernels = torch.stack([self.kernel, torch.ones_like(self.kernel)]).unsqueeze(1)  # (2, 1, side, side)
        attraction, reach = F.conv2d(cells, kernels, padding="same").flatten(2).unbind(1)  # (N, N), from row to column
        gates = _gates(first).flatten(1).T  # (N, B)
        nearby_gates = reach.T @ gates + AMPLITUDE_FLOOR
        total_gates = gates.sum(0) + AMPLITUDE_FLOOR  # (B)
        alike = torch.ones_like(gates).unsqueeze(1)  # (N, 1, B)
        return Coupling(
            queries=alike,
            keys=alike,
            gates=gates,
            neighbourhood=lambda sources: (attraction.T @ sources.flatten(1)).view_as(sources),
            desynchronization=self.log_desynchronization.exp() * nearby_gates / total_gates,
            normalization=nearby_gates,
        )

    def _complex_sweep(
        self, first: Tensor, plain_second: Tensor, phases: Tensor, coherence: float
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """A sweep, given activity and phases of the first layer.

        Returns:
            activity of all layers; unit phasors of the neurons of all layers except the first, ``(2, B, C, H, W)`` or
            ``(2, B, n)``; phases of all layers, one per location or unit.
        """
        activities, directions, layer_phases = [first], [], [phases]
        z = complex_activity(first + AMPLITUDE_FLOOR, phasors(phases))  # (2, B, C, H, W)
        for index, stage in enumerate(self.stages[1:], start=1):
            plain = plain_second if index == 1 else stage.linear(activities[-1])
            with torch.set_grad_enabled(torch.is_grad_enabled() and coherence > 0):
                response = stage.linear.complex_response(z)  # (2, B, C, H, W) or (2, B, n)
                magnitude = length(response)
            activity = stage.activate(plain.lerp(magnitude, coherence))
            direction = (response / magnitude).detach()
            z = (activity + AMPLITUDE_FLOOR) * direction
            pooled = z.sum(2) if z.ndim == 5 else response  # channels of a location share the phase of their sum
            activities.append(activity)
            directions.append(direction)
            layer_phases.append(angle(pooled.detach()))
        return activities, directions, layer_phases


def _gates(activity: Tensor) -> Tensor:
    """How much each location, ``(B, H, W)``, or unit, ``(B, n)``, pulls: tanh of its amplitude, the norm over channels."""
    activity = activity.detach()
    amplitude = activity.square().sum(1).sqrt() if activity.ndim == 4 else activity.abs()
    return amplitude.tanh()
