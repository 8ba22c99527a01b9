"""What the models are trained for: classification over time, and synchrony."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gasp.nn.phasors import length, mean_phasor

__all__ = ["classification_loss", "coverage", "object_phasors", "synchrony_loss"]

ORDER_SMOOTHING = 1e-4  # of an object's order parameter: bounds the gradient of its mean phase where its phases cancel


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Cross-entropy at every time step, averaged over steps, images and heads.

    A head that must report n objects has n targets of weight 1/n each.

    Args:
        logits: ``(T, B, heads, classes)``.
        targets: ``(B, heads, classes)``, 1 for the classes that are present and 0 elsewhere.
    """
    weights = targets / targets.sum(-1, keepdim=True)
    return -(weights * logits.log_softmax(-1)).sum(-1).mean()


def coverage(masks: Tensor, phases: Tensor) -> Tensor:
    """How much of each location each object covers: masks ``(B, G, *, *)`` at the resolution of ``(…, H, W)``."""
    height, width = phases.shape[-2:]
    return F.adaptive_avg_pool2d(masks, (height, width))


def object_phasors(phases: Tensor, masks: Tensor) -> Tensor:
    """The mean phasor of the locations of each object, weighted by coverage, ``(2, T, B, G)``; arguments as in
    :func:`synchrony_loss`.
    """
    return mean_phasor(phases.flatten(2).unsqueeze(2), coverage(masks, phases).flatten(2))


def synchrony_loss(phases: Tensor, masks: Tensor) -> Tensor:
    r"""Zero when every object is in phase within and the objects' mean phases cancel.

    .. math:: L = \frac1G \sum_g (1 - R_g) + \Bigl| \frac1G \sum_g e^{i\bar\varphi_g} \Bigr|^2

    with R the order parameter and :math:`\bar\varphi` the mean phase of an object's locations, weighted by how much of
    each the object covers.

    Args:
        phases: ``(T, B, H, W)``, radians.
        masks: how much of each pixel each of G objects covers, ``(B, G, *, *)`` in [0, 1], at any resolution.

    Source: KuraNet (arXiv 2105.02838), which KomplexNet (arXiv 2502.21077) trains with; the weights are ours.
    """
    means = object_phasors(phases, masks)  # (2, T, B, G)
    order = length(means, ORDER_SMOOTHING)  # (T, B, G)
    balance = (means / order).mean(-1).square().sum(0)  # (T, B)
    return (1 - order).mean() + balance.mean()
