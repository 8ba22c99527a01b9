r"""What is where, for any network: to which pixels is a reported class attributed?

Attributions are a fair baseline for phases (:mod:`gasp.learning.binding`). A network without phases can show where an object
is only by an attribution: a map of how much each pixel contributes to an output. The output is the answer for a class at the
last step, :math:`\ell_c`, or its contrast with other classes,

.. math:: \ell_c - \frac{1}{|C| - 1} \sum_{c' \in C, c' \ne c} \ell_{c'}

with C the classes of the objects that the same head reports. All attributions are computed with captum (Kokhlikyan and
others, 2020, *Captum: A unified and generic model interpretability library for PyTorch*, arXiv 2009.07896):

- ``saliency``: absolute gradient (Simonyan, Vedaldi, Zisserman 2013, arXiv 1312.6034)
- ``input_x_gradient``: gradient × pixel (Shrikumar, Greenside, Kundaje 2016, arXiv 1605.01713)
- ``integrated_gradients``: mean gradient over 32 steps from a black image × pixel (Sundararajan, Taly, Yan 2017, arXiv
  1703.01365)
- ``grad_cam``: sum of the last convolution's channels, each weighted by its mean gradient; negative values are set to 0
  (Selvaraju and others 2017, arXiv 1610.02391)
- ``occlusion``: drop of the output under a black square, 8 pixels wide and moved by 4 (Zeiler, Fergus 2013, arXiv 1311.2901)

In a network with several steps, Grad-CAM uses the last sweep only. Gradients flow as in training: not through keys, gates
and drives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gasp.data.corruptions import Corruption, corrupt
from gasp.data.scenes import Scenes
from gasp.learning.binding import reporting_units
from gasp.models import Layered, Model
from gasp.nn.layers import PhaseConv2d
from gasp.settings import GaspError

__all__ = ["METHODS", "Method", "attribution_pointing", "attributions", "points_at"]

Method = Literal["saliency", "input_x_gradient", "integrated_gradients", "grad_cam", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)
INTEGRATION_STEPS = 32
OCCLUDED, OCCLUSION_STEP = 8, 4  # pixels
BATCH = 100


def attributions(
    model: Model,
    images: Tensor,
    units: Tensor,
    method: Method,
    contrast: bool = False,
    masks: Tensor | None = None,
    seed: int = 0,
    steps: int | None = None,
) -> Tensor:
    """The contribution of every pixel to the unit of each object, ``(B, R, size, size)``, summed over colour channels.

    Args:
        images: ``(B, channels, size, size)`` in [0, 1].
        units: units of the read-out, ``(B, R)``, see :func:`gasp.learning.binding.reporting_units`.
        method: one of ``METHODS``.
        contrast: whether to subtract the mean output of the units of the other objects in the same head.
        masks: how much of each pixel each object covers, for a model that is told where objects are.
        seed: seed of the model's random choices, which are the same in all forward runs of an attribution.
        steps: T, the number of steps; that of the settings when omitted.

    Raises:
        GaspError: for an unknown method, and for Grad-CAM of a model without convolutions.
    """
    if method not in METHODS:
        raise GaspError(f"there is no attribution {method!r}, only {', '.join(METHODS)}")
    weights = _outputs(units, model.classes, model.heads, contrast)  # (B, R, heads · classes)

    def asked(inputs: Tensor) -> Tensor:
        """The output for every object, ``(B, R)``."""
        answers = model.run(inputs, torch.Generator().manual_seed(seed), masks, steps).answers[-1]
        return torch.einsum("bk,brk->br", answers.flatten(1), weights)

    attribute = _attribution(asked, model, method)
    inputs = images.detach().clone().requires_grad_()
    maps = [attribute(inputs, target).detach().sum(1) for target in range(units.shape[1])]
    return torch.stack(maps, 1)


def attribution_pointing(
    model: Model,
    scenes: Scenes,
    method: Method,
    contrast: bool = False,
    corruption: tuple[Corruption, float] | None = None,
    seed: int = 0,
    steps: int | None = None,
) -> Tensor:
    """Whether the class of each reported object is attributed to that object, ``(n, R)`` bool, see :func:`points_at`.

    Args:
        method, contrast, steps: as in :func:`attributions`.
        corruption: a corruption of the images and its level.
        seed: seed of noise and of the model's random choices.
    """
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    units = reporting_units(scenes)
    found = []
    for start in range(0, len(scenes), BATCH):
        some = slice(start, start + BATCH)
        images, masks, _ = scenes.batch(some, device)
        if corruption is not None:
            images = corrupt(images, *corruption, generator)
        maps = attributions(model, images, units[some].to(device), method, contrast, masks, seed + start, steps)
        found.append(points_at(maps, masks).cpu())
    return torch.cat(found)


def points_at(maps: Tensor, masks: Tensor) -> Tensor:
    """Whether an attribution is larger inside its object than inside any other, ``(B, R)`` bool.

    The means over the pixels of each object are compared, weighted by how much of each pixel it covers. If several objects
    share the largest mean, as in a map that is 0 everywhere, the map points at none of them.

    Args:
        maps: attributions of the first R objects, ``(B, R, size, size)``.
        masks: ``(B, G, size, size)`` in [0, 1].
    """
    shares = masks / masks.sum((-2, -1), keepdim=True).clamp(min=1e-6)
    means = torch.einsum("brhw,bghw->brg", maps, shares)
    own = means.diagonal(dim1=-2, dim2=-1)  # (B, R)
    others = means.clone()
    others.diagonal(dim1=-2, dim2=-1).fill_(-torch.inf)
    return own > others.amax(-1)


def _outputs(units: Tensor, classes: int, heads: int, contrast: bool) -> Tensor:
    """The weight of every unit in the output for each object, ``(B, R, heads · classes)``."""
    own = nn.functional.one_hot(units, heads * classes).float()
    if not contrast:
        return own
    rivals = (units.unsqueeze(1) // classes == units.unsqueeze(2) // classes) & (units.unsqueeze(1) != units.unsqueeze(2))
    shares = rivals / rivals.sum(-1, keepdim=True).clamp(min=1)  # (B, R, R)
    return own - shares @ own


def _attribution(asked: Callable[[Tensor], Tensor], model: Model, method: Method) -> Callable[[Tensor, int], Tensor]:
    """The function from images and the index of an object to its attribution map, ``(B, channels or 1, size, size)``.

    Every forward run gets the images of one batch, in the same order, so that each image meets the same random choices.
    """
    from captum.attr import InputXGradient, IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion, Saliency

    if method == "grad_cam":
        last = _last_convolution(model)
        cam = LayerGradCam(asked, last)
        return lambda images, target: LayerAttribution.interpolate(
            cam.attribute(images, target=target, relu_attributions=True), images.shape[-2:], "bilinear"
        )
    if method == "integrated_gradients":
        integrated = IntegratedGradients(asked)
        return lambda images, target: integrated.attribute(
            images, target=target, n_steps=INTEGRATION_STEPS, internal_batch_size=len(images)
        )
    if method == "occlusion":
        occlusion = Occlusion(asked)
        return lambda images, target: occlusion.attribute(
            images,
            sliding_window_shapes=(images.shape[1], OCCLUDED, OCCLUDED),
            strides=(images.shape[1], OCCLUSION_STEP, OCCLUSION_STEP),
            target=target,
        )
    gradient = Saliency(asked) if method == "saliency" else InputXGradient(asked)
    return lambda images, target: gradient.attribute(images, target=target)


def _last_convolution(model: Model) -> nn.Module:
    """The module whose output is the activity of the last convolution, in every sweep."""
    stages = model.stages if isinstance(model, Layered) else []
    convolutions = [stage for stage in stages if isinstance(stage.linear, PhaseConv2d)]
    if not convolutions:
        raise GaspError(f"a {type(model).__name__} has no convolution for Grad-CAM")
    return convolutions[-1].activation
