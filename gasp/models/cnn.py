"""The feed-forward network that GASPnet is at t = 0."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gasp.models.trajectory import Trajectory
from gasp.nn.layers import PhaseConv2d, PhaseLinear

__all__ = ["CNN"]


class Stage(nn.Module):
    """One layer: a linear map, its normalisation and its activation function."""

    linear: PhaseConv2d | PhaseLinear

    def __init__(self, linear: PhaseConv2d | PhaseLinear, norm: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.activation = linear, norm, activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.linear(x))

    def activate(self, response: Tensor) -> Tensor:
        return self.activation(self.norm(response))


class CNN(nn.Module):
    """Three convolutions, a dense layer and a read-out.

    The first layer has neither bias nor normalisation, so an empty background has activity exactly 0. The other
    convolutions have instance normalisation and the dense layer has layer normalisation, as in KomplexNet
    (arXiv 2502.21077); without them no variant learned in our hands.

    Args:
        channels: of the image.
        size: side of the image, pixels.
        classes: of each head.
        heads: how many labels are reported apart, each among ``classes``.
        widths: channels of the convolutions; (26, 30, 32) in GASPnet (arXiv 2507.16674).
        kernels, strides: of the convolutions, ours.
        hidden: units of the dense layer; 16 in GASPnet.

    Raises:
        ValueError: for a size below 1 anywhere, or for convolution settings of different lengths.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 32,
        classes: int = 10,
        heads: int = 1,
        widths: Sequence[int] = (26, 30, 32),
        kernels: Sequence[int] = (5, 3, 3),
        strides: Sequence[int] = (2, 2, 1),
        hidden: int = 16,
    ) -> None:
        super().__init__()
        if not len(widths) == len(kernels) == len(strides):
            raise ValueError("widths, kernels and strides must have one entry for each convolution")
        if min(channels, size, classes, heads, hidden, *widths, *kernels, *strides) < 1:
            raise ValueError("every size of the network must be at least 1")
        self.channels, self.size, self.classes, self.heads = channels, size, classes, heads
        self.grids: list[tuple[int, int]] = []
        stages = []
        side, incoming = size, channels
        for index, (width, kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True)):
            conv = PhaseConv2d(incoming, width, kernel, stride, padding=kernel // 2, bias=index > 0)
            norm = nn.InstanceNorm2d(width, affine=True) if index else nn.Identity()
            stages.append(Stage(conv, norm, nn.ReLU()))
            side, incoming = (side + 2 * (kernel // 2) - kernel) // stride + 1, width
            self.grids.append((side, side))
        stages.append(Stage(PhaseLinear(incoming * side * side, hidden), nn.LayerNorm(hidden), nn.ReLU()))
        stages.append(Stage(PhaseLinear(hidden, heads * classes), nn.Identity(), nn.Identity()))
        self.stages: Sequence[Stage] = nn.ModuleList(stages)  # type: ignore[assignment]
        self.to(memory_format=torch.channels_last)  # convolutions are then nearly twice as fast on a CPU

    def forward(self, images: Tensor) -> Trajectory:
        """Images ``(B, channels, size, size)`` in [0, 1]; a trajectory of one step."""
        return Trajectory(self.logits(self.sweep(images)[-1])[None])

    def run(
        self,
        images: Tensor,
        generator: torch.Generator,  # noqa: ARG002
        masks: Tensor | None = None,  # noqa: ARG002
        steps: int | None = None,  # noqa: ARG002
    ) -> Trajectory:
        """A forward run of any model on scenes.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            generator: of random choices, if the model makes any.
            masks: of the objects, ``(B, G, size, size)``: for models that are told where they are.
            steps: T of this run, when not the model's own; a model without time has one.
        """
        return self(images)

    def coupling_parameters(self) -> list[nn.Parameter]:
        """Those that only phases depend on: none here."""
        return []

    def sweep(self, images: Tensor) -> list[Tensor]:
        """The activity of every layer, bottom up."""
        self.check(images)
        activities = []
        x = images
        for stage in self.stages:
            x = stage(x)
            activities.append(x)
        return activities

    def logits(self, readout: Tensor) -> Tensor:
        return readout.unflatten(1, (self.heads, self.classes))

    def check(self, images: Tensor) -> None:
        expected = (self.channels, self.size, self.size)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise ValueError(f"images must be (B, {', '.join(map(str, expected))}), not {tuple(images.shape)}")
        if not torch.is_floating_point(images):
            raise ValueError(f"images must be floating point in [0, 1], not {images.dtype}")
