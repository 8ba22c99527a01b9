"""The interface of a model: what training, evaluation, the store and the figures expect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from gasp.models.trajectory import Trajectory
from gasp.settings import GaspError, Settings, Size

__all__ = ["LayerSizes", "Model", "ModelSettings"]


class LayerSizes(Settings):
    """Sizes of the layers, which all models share.

    Attributes:
        widths: number of channels of each convolution; (26, 30, 32) in GASPnet (arXiv 2507.16674).
        kernels: kernel size of each convolution, in locations of its input (our choice).
        strides: stride of each convolution, in locations of its input (our choice).
        hidden: number of units of the dense layer; 16 in GASPnet.
    """

    widths: tuple[Size, ...] = (26, 30, 32)
    kernels: tuple[Size, ...] = (5, 3, 3)
    strides: tuple[Size, ...] = (2, 2, 1)
    hidden: Size = 16

    @model_validator(mode="after")
    def _one_entry_for_each_convolution(self) -> Self:
        if not len(self.widths) == len(self.kernels) == len(self.strides) > 0:
            raise GaspError("widths, kernels and strides must have one entry for each convolution")
        return self


class ModelSettings(LayerSizes):
    """Settings that every model has.

    Attributes:
        kind: the model's name in specifications; each model has its own.
    """

    kind: str

    def wider(self, factor: float) -> Self:
        """The same settings with the width of every layer multiplied by ``factor``."""
        widths = tuple(round(width * factor) for width in self.widths)
        return self.changed({"widths": widths, "hidden": round(self.hidden * factor)})


class Model(nn.Module, ABC):
    """A network that reports the classes of the objects in an image.

    A subclass names its ``Settings`` and defines ``forward``. The other methods have defaults for a model without time steps,
    random choices or coupling.

    Args:
        channels, size: number of channels and side of the image, in pixels.
        classes, heads: number of classes that each head tells apart, and number of heads.
        **settings: the fields of ``Settings``.

    Raises:
        GaspError: for an unknown or impossible setting, or another argument below 1.
    """

    Settings: ClassVar[type[ModelSettings]]
    settings: ModelSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__()
        if min(channels, size, classes, heads) < 1:
            raise GaspError(f"channels, size, classes and heads must be at least 1, not {channels}, {size}, {classes}, {heads}")
        self.channels, self.size, self.classes, self.heads = channels, size, classes, heads
        self.settings = self.Settings.of(settings)

    @classmethod
    def kind(cls) -> str:
        """The model's name in specifications."""
        return str(cls.Settings.model_fields["kind"].default)

    @abstractmethod
    def forward(self, images: Tensor) -> Trajectory:
        """Process images ``(B, channels, size, size)`` in [0, 1].

        A subclass may have more arguments, all of them optional.
        """

    def run(
        self, images: Tensor, generator: torch.Generator, masks: Tensor | None = None, steps: int | None = None
    ) -> Trajectory:
        """Process scenes, as training and evaluation do. By default this is :meth:`forward` on the images.

        Args:
            images: ``(B, channels, size, size)`` in [0, 1].
            generator: the source of the model's random choices, on the CPU.
            masks: how much of each pixel each object covers, ``(B, G, size, size)``, for a model that uses them.
            steps: T, the number of steps; that of the settings when omitted. A model without time steps ignores it.
        """
        del generator, masks, steps
        return self(images)

    def coupling_parameters(self) -> list[nn.Parameter]:
        """The parameters of the coupling, whose gradient is clipped separately."""
        return []

    def check(self, images: Tensor) -> None:
        """Raise a ``GaspError`` unless the images have the expected shape and a floating-point type."""
        expected = (self.channels, self.size, self.size)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise GaspError(f"images must be (B, {', '.join(map(str, expected))}), not {tuple(images.shape)}")
        if not torch.is_floating_point(images):
            raise GaspError(f"images must be floating point in [0, 1], not {images.dtype}")
