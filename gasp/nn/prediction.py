"""Prediction: convolutions that predict the activity below them, and correct their own by how well they do."""

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
    """What L convolutions bring to their next sweep beside its feed-forward drive; of no arguments, nothing.

    Attributes:
        drive_weights: β of each convolution, ``(L)``.
        carried: what is added to its drive, ``(B, C, H, W)``: feedback, memory and error correction.
        errors: mean squared error of what each convolution predicts, ``(L)``; its gradient reaches the feedback alone.
        field: the pull of complex feedback on the phases of N oscillators, ``(2, N, B)``.
    """

    drive_weights: Sequence[Tensor] | Tensor = ()
    carried: Sequence[Tensor] = ()
    errors: Tensor | None = None
    field: Tensor | None = None

    def settle(self, layer: int, drive: Tensor) -> Tensor:
        """The activity of a layer, given its feed-forward drive: the drive itself, of a layer that predicts nothing."""
        if layer >= len(self.carried):
            return drive
        return (self.drive_weights[layer] * drive + self.carried[layer]).relu()


class Predictor(nn.ConvTranspose2d):
    """What one convolution predicts of the layer below: a transposed convolution, W^b * e + b."""

    @classmethod
    def of(cls, conv: nn.Conv2d, side: int) -> Predictor:
        """With kernel size and stride of a convolution on maps of so many pixels a side."""
        (kernel, _), (stride, _), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        left_out = (side + 2 * padding - kernel) % stride  # rows and columns at the far edge that no kernel covers
        return cls(conv.out_channels, conv.in_channels, kernel, stride, padding, left_out)

    def complex_prediction(self, z: Tensor) -> Tensor:
        """W^b * z, ``(2, B, C, H, W)``, of complex activity ``(2, B, C', H', W')``; without the bias."""
        geometry: Any = (self.stride, self.padding, self.output_padding)
        return F.conv_transpose2d(z.flatten(0, 1), self.weight, None, *geometry).unflatten(0, (2, -1))

    def error_gradient(self, error: Tensor) -> Tensor:
        """∇ of ‖e − W^b * x − b‖² in x, given the error e − W^b * x − b."""
        geometry: Any = (self.stride, self.padding)
        return -2 * F.conv2d(error, self.weight, None, *geometry)


class GenerativeFeedback(nn.Module):
    r"""Predictive dynamics of L convolutions, which mix feed-forward drive, feedback, memory and error correction.

    .. math:: e_n(t+1) = \Bigl[ \beta_n f_n(t+1) + \lambda_n d_n(t) + (1 - \beta_n - \lambda_n)\, e_n(t)
              - \frac{\alpha_n}{\sqrt{C_n}} \nabla_{e_n} \bigl\| e_{n-1}(t) - d_{n-1}(t) \bigr\|^2 \Bigr]_+, \qquad
              d_{n-1} = g\bigl(W^b_n * e_n + b_n\bigr)

    Here :math:`e_0` is the image, :math:`f_n` what layer n makes of :math:`e_{n-1}(t+1)`, :math:`W^b_n` a transposed
    convolution with the kernel size and stride of the convolution, g the ReLU, but the identity where the image is predicted,
    and :math:`C_n` how many neurons one neuron predicts. Nothing predicts the last convolution: its λ is 0. With β = 1 and
    λ = α = 0 nothing is left but the drive.

    Choksi, Mozafari, Biggs O'May, Ador, Alamia, VanRullen (2021), *Predify: Augmenting deep neural networks with brain-inspired
    predictive coding dynamics*, arXiv 2106.02749; from the authors' code are the order of updates, g and the scale
    :math:`\sqrt{C_n}`. Learned weights are those of Alamia, Mozafari, Choksi, VanRullen (2021), *On the role of feedback in
    visual processing: a predictive coding perspective*, arXiv 2106.04225, who learn one set for all layers.

    Ours: one set for each layer; activity is rectified, so that it stays an amplitude; predictors are trained together with the
    layers, by the loss on answers, to which the dynamics lead, and by the errors of each step. The authors train them by the
    errors of the first sweep, after the layers, or by the loss on answers.

    Args:
        convolutions: those that predict, bottom up.
        sides: of what each predicts: the image, in pixels, and the maps of all but the last, in locations.
        feedforward, feedback, error: β, λ and α, or where they start from.
        learned: whether they are learned.
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
        """What each convolution predicts: d_0 of the image to d_{L−1}, given the activity of all convolutions."""
        predicted = [layer(activity) for layer, activity in zip(self.layers, activities, strict=True)]
        return [predicted[0], *(response.relu() for response in predicted[1:])]

    def forward(self, image: Tensor, activities: Sequence[Tensor]) -> Prediction:
        """What is brought to the next sweep, given the image and the activity of every convolution."""
        drive_weights, feedback_weights, error_weights = self.weights()
        predictions = self.predictions(activities)
        below = [image, *activities[:-1]]
        carried = []
        for n, (activity, layer) in enumerate(zip(activities, self.layers, strict=True)):
            error = below[n] - predictions[n]
            gradient = layer.error_gradient(error * (predictions[n] > 0) if n else error)  # the image's is not rectified
            memory = (1 - drive_weights[n] - feedback_weights[n]) * activity
            corrected = memory - error_weights[n] / math.sqrt(layer.weight[0].numel()) * gradient
            is_last = n + 1 == len(predictions)
            carried.append(corrected if is_last else corrected + feedback_weights[n] * predictions[n + 1])
        is_trained = torch.is_grad_enabled()
        given = self.predictions([activity.detach() for activity in activities]) if is_trained else predictions
        errors = [F.mse_loss(prediction, target.detach()) for prediction, target in zip(given, below, strict=True)]
        return Prediction(drive_weights, carried, torch.stack(errors))

    @torch.no_grad()
    def fields(self, activities: Sequence[Tensor], phases: Sequence[Tensor]) -> list[Tensor]:
        r"""Complex feedback: with which phase, and how well, the convolutions above predict each location (ours).

        .. math:: F_i = \frac{2 \sum_c m_{ic} D_{ic}}{\sum_c m_{ic}^2 + |D_{ic}|^2}, \qquad
                  D_n = W^b_{n+1} * \bigl[ (1 - \lambda_{n+1})\, m_{n+1} e^{i\varphi_{n+1}} + \lambda_{n+1} D_{n+1} \bigr]

        :math:`|F_i| \le 1`, and :math:`F_i = e^{i\psi}` where all that predict location i have the phase ψ and predict it
        perfectly. It is 0 where a location is silent, or is predicted by nothing. D passes from the top down, so that every
        location hears all convolutions above it. Activity, phases and weights are taken as given: no gradient flows.

        Args:
            activities: m of the convolutions, ``(B, C, H, W)``.
            phases: φ, of locations ``(B, H, W)`` or of their channels ``(B, C, H, W)``, radians.

        Returns:
            F at the locations of every convolution but the last, ``(2, B, H, W)``.
        """
        _, feedback_weights, _ = self.weights()
        fields: list[Tensor] = []
        from_above = torch.zeros_like(activities[-1])
        for n in range(len(activities) - 1, 0, -1):
            z = torch.lerp(complex_activity(activities[n], phases[n]), from_above, feedback_weights[n])  # (2, B, C, H, W)
            from_above, below = self.layers[n].complex_prediction(z), activities[n - 1]
            power = below.square().sum(1) + from_above.square().sum((0, 2)) + AMPLITUDE_FLOOR  # (B, H, W)
            fields.insert(0, 2 * (below * from_above).sum(2) / power)
        return fields
