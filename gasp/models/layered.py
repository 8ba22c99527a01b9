"""The stack of layers that all models of this book share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, channels_last, nn

from gasp.models.model import Model
from gasp.nn.layers import PhaseConv2d, PhaseLinear
from gasp.settings import GaspError

__all__ = ["Layered", "Stage"]


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


class Layered(Model):
    """Convolutions, a dense layer and a read-out.

    The first layer has neither bias nor normalisation, so an empty background has activity exactly 0. The other
    convolutions have instance normalisation and the dense layer has layer normalisation, as in KomplexNet
    (arXiv 2502.21077). Without normalisation no variant learned in our trials.

    Attributes:
        grids: (height, width) of each convolution's map.
        stages: the layers, bottom up.

    Raises:
        GaspError: if the strides reduce a normalised map to a single location, or as for :class:`~gasp.models.model.Model`.
    """

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        sizes = self.settings
        self.grids: list[tuple[int, int]] = []
        stages = []
        side, incoming = size, channels
        for index, (width, kernel, stride) in enumerate(zip(sizes.widths, sizes.kernels, sizes.strides, strict=True)):
            conv = PhaseConv2d(incoming, width, kernel, stride, padding=kernel // 2, bias=index > 0)
            norm = nn.InstanceNorm2d(width, affine=True) if index else nn.Identity()
            stages.append(Stage(conv, norm, nn.ReLU()))
            side, incoming = (side + 2 * (kernel // 2) - kernel) // stride + 1, width
            self.grids.append((side, side))
            if index and side == 1:
                raise GaspError(f"strides {sizes.strides} leave one location to convolution {index + 1}: lower them")
        dense = PhaseLinear(incoming * side * side, sizes.hidden)
        stages.append(Stage(dense, nn.LayerNorm(sizes.hidden), nn.ReLU()))
        stages.append(Stage(PhaseLinear(sizes.hidden, heads * classes), nn.Identity(), nn.Identity()))
        self.stages: Sequence[Stage] = nn.ModuleList(stages)  # type: ignore[assignment]
        self.to(memory_format=channels_last)  # convolutions are then nearly twice as fast on a CPU

    def sweep(self, images: Tensor) -> list[Tensor]:
        """The activity of every layer in a plain feed-forward sweep, bottom up."""
        self.check(images)
        return self.sweep_from(self.stages[0](images))

    def sweep_from(self, activity: Tensor, start: int = 1) -> list[Tensor]:
        """A plain sweep from layer ``start`` up, given the activity of the layer below it, which is the first of the result."""
        activities = [activity]
        for stage in self.stages[start:]:
            activities.append(stage(activities[-1]))
        return activities

    def coupling_parameters(self) -> list[nn.Parameter]:
        """All parameters except those of the layers, so that the gradient of the layers is clipped as in the CNN."""
        return [parameter for name, parameter in self.named_parameters() if not name.startswith("stages.")]

    def logits(self, readout: Tensor) -> Tensor:
        """The logits of each head, ``(B, heads, classes)``, from the read-out ``(B, heads · classes)``."""
        return readout.unflatten(1, (self.heads, self.classes))
