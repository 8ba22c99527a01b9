"""Predictive coding: convolutions predict the activity of the layer below and correct their own activity by the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, channels_last, nn
from torch.nn import functional as F

from gasp.nn.layers import AMPLITUDE_FLOOR, complex_activity

__all__ = ["GenerativeFeedback", "Prediction", "Predictor"]


@dataclass(frozen=True)
class Prediction:
    """The contributions of prediction to the next sweep of L convolutions; none by default.

    Attributes:
        drive_weights: β of each convolution, ``(L)``.
        carried: the sum of feedback, memory and error correction for each convolution, ``(B, C, H, W)``.
        errors: mean squared error of each convolution's prediction, ``(L)``; its gradient reaches only the predictors.
        field: pull of complex feedback on the phases of N oscillators, ``(2, N, B)``.
    """

    drive_weights: Sequence[Tensor] | Tensor = ()
    carried: Sequence[Tensor] = ()
    errors: Tensor | None = None
    field: Tensor | None = None

    def settle(self, layer: int, drive: Tensor) -> Tensor:
        """The activity of a layer, given its feed-forward drive. For a layer that predicts nothing, it is the drive itself."""
        if layer >= len(self.carried):
            return drive
        return (self.drive_weights[layer] * drive + self.carried[layer]).relu()


class Predictor(nn.ConvTranspose2d):
    """The transposed convolution by which a convolution predicts the layer below."""

    @classmethod
    def of(cls, conv: nn.Conv2d, side: int) -> Predictor:
        """The predictor of a convolution whose input has this side. Both have the same kernel size, stride and padding."""
        (kernel, _), (stride, _), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        left_out = (side + 2 * padding - kernel) % stride  # rows and columns at the far edge that the kernel never covers
        return cls(conv.out_channels, conv.in_channels, kernel, stride, padding, left_out)

    def complex_prediction(self, z: Tensor) -> Tensor:
        r"""The prediction :math:`W^b * z`, ``(2, B, C, H, W)``, from complex activity ``(2, B, C', H', W')``, without bias."""
        geometry: Any = (self.stride, self.padding, self.output_padding)
        return F.conv_transpose2d(z.flatten(0, 1), self.weight, None, *geometry).unflatten(0, (2, -1))

    def error_gradient(self, error: Tensor) -> Tensor:
        r"""The gradient of :math:`\|e - W^b * x - b\|^2` with respect to x, given the error :math:`e - W^b * x - b`."""
        geometry: Any = (self.stride, self.padding)
        return -2 * F.conv2d(error, self.weight, None, *geometry)


class GenerativeFeedback(nn.Module):
    r"""Predictive dynamics of L convolutions: a mixture of feed-forward drive, feedback, memory and error correction.

    .. math::

        e_n(t+1) = \Bigl[ &\beta_n f_n(t+1) + \lambda_n d_n(t) \\
        &+ (1 - \beta_n - \lambda_n)\, e_n(t) \\
        &- \tfrac{\alpha_n}{\sqrt{C_n}} \nabla_{e_n} \bigl\| e_{n-1}(t) - d_{n-1}(t) \bigr\|^2 \Bigr]_+

        d_{n-1} = g\bigl(W^b_n * e_n + b_n\bigr)

    Here :math:`e_0` is the image, :math:`f_n` the response of layer n to :math:`e_{n-1}(t+1)`, :math:`W^b_n` a transposed
    convolution with the kernel size and stride of the convolution, and :math:`C_n` the number of neurons that one neuron
    predicts. g is the ReLU, or the identity where the image is predicted. No layer predicts the last convolution, so its λ is
    0. With β = 1 and λ = α = 0 only the drive is left.

    Choksi, Mozafari, Biggs O'May, Ador, Alamia, VanRullen (2021), *Predify: Augmenting deep neural networks with brain-inspired
    predictive coding dynamics*, arXiv 2106.02749. The order of updates, g and the scale :math:`\sqrt{C_n}` are from the
    authors' code. Learned β, λ and α follow Alamia, Mozafari, Choksi, VanRullen (2021), *On the role of feedback in visual
    processing: a predictive coding perspective*, arXiv 2106.04225, who learn one set for all layers.

    Ours: one set of β, λ and α for each layer; activity is rectified, so that it stays an amplitude; predictors are trained
    together with the layers, by the loss on answers and by the prediction errors of each step. The authors train them after the
    layers by the errors of the first sweep, or by the loss on answers.

    Args:
        convolutions: the convolutions that predict, bottom up.
        sides: side of the input that each predicts: of the image, in pixels, then of the maps below, in locations.
        feedforward, feedback, error: β, λ and α, or their initial values if they are learned.
        learned: whether β, λ and α are learned.
    """

    def __init__(
        self,
        convolutions: Sequence[nn.Conv2d],
        sides: Sequence[int],
        feedforward: float,
        feedback: float,
        error: float,
        learned: bool = False,
    ) -> None:
        super().__init__()
        layers = [Predictor.of(conv, side) for conv, side in zip(convolutions, sides, strict=True)]
        self.layers: Sequence[Predictor] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.to(memory_format=channels_last)
        drive, errors = torch.full((len(layers),), feedforward), torch.full((len(layers),), error)
        from_above = torch.full((len(layers),), feedback)
        from_above[-1] = 0.0
        self.learned = learned
        if learned:  # sigmoids keep β, λ and the memory's weight positive, with sum 1
            self.drive_logits = nn.Parameter(drive.logit())
            self.feedback_logits = nn.Parameter((from_above / (1 - drive))[:-1].logit())
            self.log_error_weights = nn.Parameter(errors.log())
        else:
            self.register_buffer("fixed", torch.stack([drive, from_above, errors]), persistent=False)

    def weights(self) -> Tensor:
        """β, λ and α of each convolution, ``(3, L)``."""
        if not self.learned:
            return self.get_buffer("fixed")
        drive = self.drive_logits.sigmoid()
        feedback = F.pad((1 - drive[:-1]) * self.feedback_logits.sigmoid(), (0, 1))
        return torch.stack([drive, feedback, self.log_error_weights.exp()])

    def predictions(self, activities: Sequence[Tensor]) -> list[Tensor]:
        """The predictions d of the image and of all layers but the last, given the activity of all convolutions."""
        predicted = [layer(activity) for layer, activity in zip(self.layers, activities, strict=True)]
        return [predicted[0], *(response.relu() for response in predicted[1:])]

    def forward(self, image: Tensor, activities: Sequence[Tensor]) -> Prediction:
        """The contributions to the next sweep, given the image and the activity of every convolution."""
        drive_weights, feedback_weights, error_weights = self.weights()
        predictions = self.predictions(activities)
        below = [image, *activities[:-1]]
        carried = []
        for n, (activity, layer) in enumerate(zip(activities, self.layers, strict=True)):
            error = below[n] - predictions[n]
            gradient = layer.error_gradient(error * (predictions[n] > 0) if n else error)  # no ReLU for the image
            memory = (1 - drive_weights[n] - feedback_weights[n]) * activity
            corrected = memory - error_weights[n] / math.sqrt(layer.weight[0].numel()) * gradient
            is_last = n + 1 == len(predictions)
            carried.append(corrected if is_last else corrected + feedback_weights[n] * predictions[n + 1])
        is_trained = torch.is_grad_enabled()
        given = self.predictions([activity.detach() for activity in activities]) if is_trained else predictions
        errors = [F.mse_loss(prediction, target.detach()) for prediction, target in zip(given, below, strict=True)]
        return Prediction(drive_weights, carried, torch.stack(errors))

    @torch.no_grad()
    def fields(self, activities: Sequence[Tensor], units: Sequence[Tensor]) -> list[Tensor]:
        r"""Complex feedback (ours): the phase with which the convolutions above predict each location, and how well.

        .. math::

            F_i = \frac{2 \sum_c m_{ic} D_{ic}}{\sum_c m_{ic}^2 + |D_{ic}|^2}

            D_n = W^b_{n+1} * \bigl[ &(1 - \lambda_{n+1})\, m_{n+1} e^{i\varphi_{n+1}} \\
            &+ \lambda_{n+1} D_{n+1} \bigr]

        :math:`|F_i| \le 1`. :math:`F_i = e^{i\psi}` if all neurons that predict location i have the phase ψ and predict it
        perfectly. F is 0 at a location that is silent or that nothing predicts. D is passed from the top down, so that every
        location receives feedback from all convolutions above it. No gradient flows.

        Args:
            activities: m of the convolutions, ``(B, C, H, W)``.
            units: phasors of φ, one for each location, ``(2, B, H, W)``, or channel, ``(2, B, C, H, W)``.

        Returns:
            F at the locations of every convolution except the last, ``(2, B, H, W)``.
        """
        _, feedback_weights, _ = self.weights()
        fields: list[Tensor] = []
        from_above = torch.zeros_like(activities[-1])
        for n in range(len(activities) - 1, 0, -1):
            z = torch.lerp(complex_activity(activities[n], units[n]), from_above, feedback_weights[n])  # (2, B, C, H, W)
            from_above, below = self.layers[n].complex_prediction(z), activities[n - 1]
            power = below.square().sum(1) + from_above.square().sum((0, 2)) + AMPLITUDE_FLOOR  # (B, H, W)
            fields.insert(0, 2 * (below * from_above).sum(2) / power)
        return fields
