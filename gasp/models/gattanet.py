"""GAttANet: global attention agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gasp.models.recurrent import Recurrent, RecurrentSettings
from gasp.models.trajectory import Trajectory
from gasp.nn.layers import PhaseConv2d
from gasp.settings import Size

__all__ = ["GAttANet", "GAttANetSettings"]


class GAttANetSettings(RecurrentSettings):
    """Settings of global attention.

    Attributes:
        key_size: d, the number of entries of a key or query.
    """

    kind: Literal["gattanet"] = "gattanet"
    key_size: Size = 8


class GAttANet(Recurrent):
    r"""A CNN whose activity is modulated over time steps by the agreement of each neuron with one global query.

    .. math::

        m_i^{t} = f\Bigl(\sum_j w_{ij} m_j^{t} + b_i\Bigr) \bigl[1 + \alpha_l \tanh(a_i^{t-1})\bigr]

        a_i = \langle k_i, \bar q \rangle / \sqrt d, \qquad \bar q = \frac1L \sum_l \frac{1}{N_l} \sum_{i \in l} q_i

    VanRullen, Alamia (2021), *GAttANet: Global attention agreement for convolutional neural networks*, arXiv 2104.05575.

    Every location of a convolution, and every dense unit, has a key and a query, linear in its activity. Step 0 is the
    plain feed-forward sweep of :class:`~gasp.models.cnn.CNN`; each later step sweeps again, modulated by the agreement of
    the previous sweep. There are no phases.

    From the source: keys and queries in every layer; one global query; modulation of the next sweep by their agreement.

    From secondary accounts of its equations, not checked against the source: the mean within each layer before the mean over
    layers; each dense unit's own key and query, scaled by its activity; 1 + α a with one learned α per layer.

    Ours: dividing a by √d and bounding it by tanh, so that activity stays finite over any number of steps; α = 1 and equal
    keys and queries at the start; modulation of the read-out; the sizes.
    """

    Settings = GAttANetSettings
    settings: GAttANetSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        key_size = self.settings.key_size
        linears = [stage.linear for stage in self.stages]
        widths = [linear.out_channels if isinstance(linear, PhaseConv2d) else linear.out_features for linear in linears]
        self.keys = nn.ParameterList([torch.randn(n, key_size) / math.sqrt(n) for n in widths])
        self.queries = nn.ParameterList([key.detach().clone() for key in self.keys])
        self.strengths = nn.Parameter(torch.ones(len(widths)))

    def forward(self, images: Tensor, steps: int | None = None) -> Trajectory:
        """Process images over time steps.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            steps: T, the number of steps; that of the settings when omitted.

        Raises:
            GaspError: if the images have the wrong shape or type, or ``steps`` is below 1.
        """
        steps = self.duration(steps)
        activities = self.sweep(images)
        plain_first = activities[0]  # the input of layer 1 never changes: computed once
        logits = [self.logits(activities[-1])]
        for _ in range(1, steps):
            first, *gains = self.gains(activities)
            activities = [plain_first * first]
            for stage, gain in zip(self.stages[1:], gains, strict=True):
                activities.append(stage(activities[-1]) * gain)
            logits.append(self.logits(activities[-1]))
        return Trajectory.of_steps(logits, leak=self.leak)

    def global_query(self, activities: Sequence[Tensor]) -> Tensor:
        """The mean query of each layer, averaged over layers, ``(B, d)``.

        Queries are linear in activity, so the mean query of a layer's locations is the query of their mean activity.
        """
        pooled = []
        for x, query in zip(activities, self.queries, strict=True):
            is_map = x.ndim == 4  # a dense unit has its own query, scaled by its activity
            pooled.append(x.flatten(2).mean(2) @ query if is_map else x @ query / x.shape[1])  # (B, d)
        return torch.stack(pooled).mean(0)

    def agreements(self, activities: Sequence[Tensor]) -> list[Tensor]:
        """The agreement a of every neuron with the global query, ``(B, H, W)`` or ``(B, n)`` per layer."""
        query = self.global_query(activities) / math.sqrt(self.settings.key_size)
        agreements = []
        for x, key in zip(activities, self.keys, strict=True):
            projected = query @ key.T  # (B, C or n): ⟨k_i, q⟩ = ⟨m_i, W_k q⟩, so no key is ever formed
            agreements.append(torch.einsum("bchw,bc->bhw", x, projected) if x.ndim == 4 else x * projected)
        return agreements

    def gains(self, activities: Sequence[Tensor]) -> list[Tensor]:
        """The factors by which the next sweep multiplies activity, ``(B, 1, H, W)`` or ``(B, n)`` per layer."""
        gains = []
        for agreement, strength in zip(self.agreements(activities), self.strengths, strict=True):
            gain = 1 + strength * agreement.tanh()
            gains.append(gain.unsqueeze(1) if gain.ndim == 3 else gain)
        return gains
