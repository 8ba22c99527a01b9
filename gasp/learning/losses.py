"""The losses: classification over time, synchrony of phases, keys, and the learned gate."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gasp.nn.phasors import length, mean_phasor

__all__ = ["classification_loss", "coverage", "gate_loss", "key_loss", "object_phasors", "synchrony_loss"]

COVERAGE_SMOOTHING = 1e-6  # added to an object's coverage, which is 0 if the object is fully hidden
KEY_SHARPNESS = 4.0  # τ of the loss on keys
ORDER_SMOOTHING = 1e-4  # of an object's order parameter; bounds the gradient of its mean phase where its phases cancel


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    r"""Cross-entropy at every time step, averaged over steps, images and heads.

    A head that must report n objects has n targets with a weight of 1/n each.

    Args:
        logits: ``(T, B, heads, classes)``.
        targets: ``(B, heads, classes)``, 1 for the classes that are present and 0 elsewhere.
    """
    weights = targets / targets.sum(-1, keepdim=True)
    return -(weights * logits.log_softmax(-1)).sum(-1).mean()


def coverage(masks: Tensor, phases: Tensor) -> Tensor:
    """How much of each location each object covers: masks ``(B, G, *, *)``, resized to the map of phases ``(…, H, W)``."""
    height, width = phases.shape[-2:]
    return F.adaptive_avg_pool2d(masks, (height, width))


def object_phasors(phases: Tensor, masks: Tensor) -> Tensor:
    """The mean phasor of the locations of each object, weighted by coverage, ``(2, T, B, G)``. The arguments are those of
    :func:`synchrony_loss`.
    """
    return mean_phasor(phases.flatten(2).unsqueeze(2), coverage(masks, phases).flatten(2))


def synchrony_loss(phases: Tensor, masks: Tensor) -> Tensor:
    r"""The synchrony loss: 0 when each object has one phase and the mean phases of the objects cancel.

    .. math:: L = \frac1G \sum_o (1 - R_o) + \Bigl| \frac1G \sum_o e^{i\bar\varphi_o} \Bigr|^2

    with :math:`R_o` the order parameter and :math:`\bar\varphi_o` the mean phase of the locations of object o, one of G. Each
    location is weighted by how much of it the object covers.

    Args:
        phases: ``(T, B, H, W)``, radians.
        masks: how much of each pixel each of G objects covers, ``(B, G, *, *)`` in [0, 1], at any resolution.

    Source: KuraNet (arXiv 2105.02838), as used by KomplexNet (arXiv 2502.21077); the weights are ours.
    """
    means = object_phasors(phases, masks)  # (2, T, B, G)
    order = length(means, ORDER_SMOOTHING)  # (T, B, G)
    balance = (means / order).mean(-1).square().sum(0)  # (T, B)
    return (1 - order).mean() + balance.mean()


def key_loss(keys: Tensor, queries: Tensor, masks: Tensor) -> Tensor:
    r"""The loss on keys (ours): the query of every location must find its own object among the mean keys of all objects.

    .. math::

        L &= -\frac1G \sum_o \frac{\sum_i c_{oi} \log \operatorname{softmax}_o\bigl(\tau \langle q_i, \mu_o \rangle\bigr)}
                                 {\sum_i c_{oi}}

        \mu_o &= \sum_i c_{oi} k_i \Big/ \sum_i c_{oi}

    with c how much of location i object o covers, and τ = 4. All objects have the same weight. If all keys are equal, the loss
    is log G.

    Args:
        keys, queries: ``(T, B, d, H, W)``.
        masks: how much of each pixel each of G objects covers, ``(B, G, *, *)`` in [0, 1], at any resolution.
    """
    weights = coverage(masks, keys).flatten(2)  # (B, G, n)
    weights = weights / (weights.sum(-1, keepdim=True) + COVERAGE_SMOOTHING)
    means = torch.einsum("bgn,tbdn->tbgd", weights, keys.flatten(3))
    likeness = torch.einsum("tbdn,tbgd->tbgn", queries.flatten(3), means)
    surprise = -(KEY_SHARPNESS * likeness).log_softmax(2)  # (T, B, G, n)
    return (weights * surprise).sum(-1).mean()


def gate_loss(participation: Tensor, masks: Tensor) -> Tensor:
    """The loss on the learned gate (ours): cross-entropy between the gate of a location and how much of it the objects cover.

    Args:
        participation: the learned gate, ``(B, H, W)`` in [0, 1].
        masks: how much of each pixel each of the objects covers, ``(B, G, *, *)`` in [0, 1], at any resolution.
    """
    return F.binary_cross_entropy(participation, coverage(masks, participation).sum(1).clamp(max=1))
