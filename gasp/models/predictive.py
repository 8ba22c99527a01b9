"""Networks whose convolutions predict the activity of the layer below: a CNN and GASPnet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gasp.models.gaspnet import GASPnet, GASPnetSettings
from gasp.models.recurrent import Recurrent, RecurrentSettings
from gasp.models.trajectory import Trajectory
from gasp.nn.prediction import GenerativeFeedback, Prediction
from gasp.settings import GaspError

__all__ = ["PredictiveCNN", "PredictiveCNNSettings", "PredictiveGASPnet", "PredictiveGASPnetSettings"]


class PredictiveSettings(RecurrentSettings):
    """Weights of the terms of :class:`~gasp.nn.prediction.GenerativeFeedback`. The weight of memory is 1 − β − λ.

    With β = 1 and λ = α = 0, the network equals the one without prediction. The default values are ours: a few steps must do
    what takes many in Predify's example, whose values are given below.

    Attributes:
        feedforward_weight: β; 0.2 to 0.6 in Predify's example.
        feedback_weight: λ; 0.05 to 0.1 in Predify's example.
        error_weight: α; 0.01 in Predify's example.
        learned_weights: whether all three are learned, separately for each convolution.
    """

    feedforward_weight: float = Field(1 / 3, ge=0, le=1)
    feedback_weight: float = Field(1 / 3, ge=0, le=1)
    error_weight: float = Field(0.1, ge=0, allow_inf_nan=False)
    learned_weights: bool = False

    @model_validator(mode="after")
    def _weights_leave_room_for_memory(self) -> Self:
        mixed = self.feedforward_weight + self.feedback_weight
        if mixed > 1:
            raise GaspError(f"feedforward_weight and feedback_weight must sum to at most 1, not {mixed:g}")
        starts = self.feedforward_weight, self.feedback_weight, self.error_weight, 1 - mixed
        if self.learned_weights and min(starts) <= 0:
            raise GaspError("learned_weights must start above 0: feedforward_weight, feedback_weight, error_weight and memory")
        return self


class Predictive(Recurrent):
    """A recurrent network with generative feedback between its convolutions.

    Attributes:
        generative_feedback: the predictors of all convolutions and their dynamics.
    """

    settings: PredictiveSettings

    def __init__(self, channels: int = 1, size: int = 32, classes: int = 10, heads: int = 1, **settings: Any) -> None:
        super().__init__(channels, size, classes, heads, **settings)
        chosen = self.settings
        convolutions = [stage.linear for stage in self.stages if isinstance(stage.linear, nn.Conv2d)]
        sides = [size, *(side for side, _ in self.grids[:-1])]
        weights = chosen.feedforward_weight, chosen.feedback_weight, chosen.error_weight
        self.generative_feedback = GenerativeFeedback(convolutions, sides, *weights, chosen.learned_weights)


class PredictiveCNNSettings(PredictiveSettings):
    """Settings of the predictive CNN: sizes of the layers, time steps and prediction."""

    kind: Literal["predictive_cnn"] = "predictive_cnn"


class PredictiveCNN(Predictive):
    """A CNN with predictive dynamics: step 0 is the plain sweep of :class:`~gasp.models.cnn.CNN`.

    Each later step sweeps again. The activity of every convolution is then a mixture of its drive and of the contributions of
    :class:`~gasp.nn.prediction.GenerativeFeedback`. Dense layers are computed as before.
    """

    Settings = PredictiveCNNSettings
    settings: PredictiveCNNSettings

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
        drive = activities[0]  # constant, because the image is
        logits, errors = [self.logits(activities[-1])], []
        for _ in range(1, steps):
            prediction = self.generative_feedback(images, activities[: len(self.grids)])
            activities = [prediction.settle(0, drive)]
            for layer, stage in enumerate(self.stages[1:], start=1):
                activities.append(prediction.settle(layer, stage(activities[-1])))
            logits.append(self.logits(activities[-1]))
            errors.append(prediction.errors)
        return Trajectory.of_steps(logits, leak=self.leak, prediction_errors=errors)


class PredictiveGASPnetSettings(PredictiveSettings, GASPnetSettings):
    """GASPnet's settings and those of prediction.

    Attributes:
        phase_feedback: μ, the strength with which complex feedback pulls the phases of the convolutions; with 0, feedback
            changes activity only.
    """

    kind: Literal["predictive_gaspnet"] = "predictive_gaspnet"  # type: ignore[assignment]
    phase_feedback: float = Field(0.3, ge=0, allow_inf_nan=False)


class PredictiveGASPnet(Predictive, GASPnet):
    r"""GASPnet with predictive dynamics, and feedback that carries phases down (ours).

    The drive of a convolution is its modulated response. While phases align, location i of a convolution is also pulled
    towards the phase with which the convolutions above predict it:

    .. math:: \dot\varphi_i = \sum_j g_j r_{ij} \sin(\varphi_j - \varphi_i) + \mu \operatorname{Im}(e^{-i\varphi_i} F_i)

    with F as in :meth:`~gasp.nn.prediction.GenerativeFeedback.fields`. A deep layer, whose receptive fields are larger than
    those of the first, thus binds together the locations that it predicts. At t = 1, feedback carries phases that still follow
    from random ones, so it is informative only from t = 2 on.
    """

    Settings = PredictiveGASPnetSettings  # type: ignore[assignment]
    settings: PredictiveGASPnetSettings

    def predict(self, images: Tensor, activities: Sequence[Tensor], units: Sequence[Tensor]) -> Prediction:
        count = len(self.grids)
        prediction = self.generative_feedback(images, activities[:count])
        if self.settings.phase_feedback == 0:
            return prediction
        fields = self.generative_feedback.fields(activities[:count], units[:count])
        fields += [images.new_zeros(2, len(images), *shape) for shape in self.layout.shapes[len(fields) :]]  # nothing above
        field = torch.cat([part.flatten(2) for part in fields], 2).mT  # (2, N, B)
        return replace(prediction, field=self.settings.phase_feedback * field)
