"""Prediction: the sums that define it, its gradient of the error, and complex feedback."""

from __future__ import annotations

import math

import pytest
import torch
from drawn import close
from torch import Tensor, nn
from torch.nn import functional as F

from gasp.nn.phasors import phasors
from gasp.nn.prediction import GenerativeFeedback, Prediction, Predictor

pytestmark = pytest.mark.usefixtures("float64")
SIDES = (12, 6, 3)  # of the image and of the maps below the last


def feedback(feedforward: float = 0.4, above: float = 0.25, error: float = 0.3, learned: bool = False) -> GenerativeFeedback:
    """That of three convolutions, of one seed whatever its weights."""
    torch.manual_seed(1)
    convolutions = [nn.Conv2d(2, 4, 5, 2, 2), nn.Conv2d(4, 5, 3, 2, 1), nn.Conv2d(5, 6, 3, 1, 1)]
    return GenerativeFeedback(convolutions, SIDES, feedforward, above, error, learned)


def layers(batch: int = 3) -> tuple[Tensor, list[Tensor]]:
    """An image of two channels and the activity of three convolutions."""
    image, *activities = (torch.rand(batch, width, side, side) for width, side in zip((2, 4, 5, 6), (*SIDES, 3), strict=True))
    return image, activities


@pytest.mark.parametrize("side", [16, 17, 18])
@pytest.mark.parametrize(("kernel", "stride"), [(5, 2), (3, 1), (4, 3), (3, 3), (2, 2)])
def test_what_is_predicted_has_the_shape_of_the_layer_below(side, kernel, stride):
    conv = nn.Conv2d(2, 3, kernel, stride, kernel // 2)
    below = torch.rand(2, 2, side, side)
    predictor = Predictor.of(conv, side)
    assert predictor(conv(below)).shape == below.shape
    assert predictor.complex_prediction(torch.stack([conv(below)] * 2)).shape == (2, *below.shape)
    assert predictor.error_gradient(below).shape == conv(below).shape


def test_the_activity_is_the_mixture_that_defines_it():
    model, (image, activities) = feedback(), layers()
    drives = [torch.rand_like(activity) for activity in activities]
    prediction = model(image, activities)
    below = [image, *activities[:-1]]
    predicted = []
    for n, (predictor, activity) in enumerate(zip(model.layers, activities, strict=True)):
        response = F.conv_transpose2d(activity, predictor.weight, predictor.bias, (2, 2, 1)[n], (2, 1, 1)[n], (1, 1, 0)[n])
        predicted.append(response.relu() if n else response)
    for n, activity in enumerate(activities):
        free = activity.clone().requires_grad_()
        predictor = model.layers[n]
        response = predictor(free)
        error = (below[n] - (response.relu() if n else response)).square().sum()
        (gradient,) = torch.autograd.grad(error, free)
        count = (2 * 25, 4 * 9, 5 * 9)[n]  # neurons that one neuron predicts
        from_above, weight = (predicted[n + 1], 0.25) if n < 2 else (0.0, 0.0)
        mixed = 0.4 * drives[n] + weight * from_above + (0.6 - weight) * activity - 0.3 / math.sqrt(count) * gradient
        close(prediction.settle(n, drives[n]), mixed.clamp(min=0))


def test_with_the_drive_alone_nothing_is_left_but_the_drive():
    image, activities = layers()
    prediction = feedback(1.0, 0.0, 0.0)(image, activities)
    for n, activity in enumerate(activities):
        drive = torch.rand_like(activity)
        assert torch.equal(prediction.settle(n, drive), drive)


def test_a_layer_that_predicts_nothing_has_its_drive():
    image, activities = layers()
    drive = torch.randn(3, 7)
    assert feedback()(image, activities).settle(3, drive) is drive
    assert Prediction().settle(0, drive) is drive


def test_error_correction_lowers_the_error():
    model, (image, activities) = feedback(0.0, 0.0, 0.05), layers()
    prediction = model(image, activities)
    corrected = [prediction.settle(n, activity) for n, activity in enumerate(activities)]
    for n, below in enumerate([image, *activities[:-1]]):
        before, after = ((below - model.predictions(each)[n]).square().sum() for each in (activities, corrected))
        assert after < before


def test_errors_are_mean_squares_and_train_the_predictors_alone():
    model, (image, activities) = feedback(), layers()
    activities = [activity.requires_grad_() for activity in activities]
    errors = model(image, activities).errors
    predicted = model.predictions(activities)
    close(errors, torch.stack([(a - b).square().mean() for a, b in zip(predicted, [image, *activities], strict=False)]))
    errors.sum().backward()
    assert all(activity.grad is None for activity in activities)
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_learned_weights_start_as_the_chosen_ones_and_are_trained():
    chosen, learned, (image, activities) = feedback(), feedback(learned=True), layers()
    close(learned.weights(), chosen.weights(), 1e-6)  # they are stored in single precision
    close(learned.weights()[1, -1], torch.zeros(()))  # nothing predicts the last
    prediction = learned(image, activities)
    settled = [prediction.settle(n, torch.rand_like(activity)) for n, activity in enumerate(activities)]
    sum(activity.square().sum() for activity in settled).backward()
    for parameter in (learned.drive_logits, learned.feedback_logits, learned.log_error_weights):
        assert (parameter.grad.abs() > 0).all()
    with torch.no_grad():
        for parameter in (learned.drive_logits, learned.feedback_logits, learned.log_error_weights):
            parameter.copy_(3 * torch.randn_like(parameter))
    drive, above, error = learned.weights()
    assert (torch.cat([drive, above[:-1], 1 - drive - above, error]) > 0).all()


# complex feedback


def fields_of(model: GenerativeFeedback, activities: list[Tensor], phases: list[Tensor]) -> list[Tensor]:
    return model.fields(activities, [phasors(angle) for angle in phases])


def test_fields_are_the_complex_sums_that_define_them():
    model, (_, activities) = feedback(), layers()
    phases = [6 * torch.rand(3, 6, 6), 6 * torch.rand(3, 5, 3, 3), 6 * torch.rand(3, 3, 3)]  # the second: of channels
    found = fields_of(model, activities, phases)
    z = [
        activity * torch.exp(1j * (angle if angle.ndim == 4 else angle.unsqueeze(1)))
        for activity, angle in zip(activities, phases, strict=True)
    ]

    def down(n: int, z: Tensor) -> Tensor:
        predictor = model.layers[n]
        weight, geometry = predictor.weight, (predictor.stride, predictor.padding, predictor.output_padding)
        return torch.complex(*(F.conv_transpose2d(part.contiguous(), weight, None, *geometry) for part in (z.real, z.imag)))

    second = down(2, z[2])  # nothing is above the third
    first = down(1, 0.75 * z[1] + 0.25 * second)
    for n, from_above in enumerate([first, second]):
        power = (activities[n].square() + from_above.abs().square()).sum(1)
        expected = 2 * (activities[n] * from_above).sum(1) / power
        close(torch.complex(*found[n]), expected, 1e-5)
        assert expected.abs().max() > 0.1


def test_a_perfect_prediction_pulls_with_strength_1_to_the_phase_of_what_predicts():
    model, (_, activities) = feedback(above=0.0), layers()
    with torch.no_grad():
        for predictor in model.layers:
            predictor.weight.abs_()
    phases = [torch.zeros(3, 6, 6), torch.full((3, 3, 3), 1.2), torch.full((3, 3, 3), -0.7)]
    for n, angle in ((0, 1.2), (1, -0.7)):
        predicted = [*activities]
        predictor = model.layers[n + 1]
        predicted[n] = predictor(activities[n + 1]) - predictor.bias.view(-1, 1, 1)
        real, imag = fields_of(model, predicted, phases)[n]
        expected = torch.full_like(real, angle)
        close(real, expected.cos(), 1e-4)
        close(imag, expected.sin(), 1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_fields_are_at_most_1_and_0_where_nothing_is(scale):
    model, (_, activities) = feedback(), layers()
    activities = [scale * activity for activity in activities]
    activities[0][:, :, :2] = 0
    phases = [6 * torch.rand(3, side, side) for side in (6, 3, 3)]
    fields = fields_of(model, activities, phases)
    assert [field.shape for field in fields] == [(2, 3, 6, 6), (2, 3, 3, 3)]
    assert all((field.square().sum(0) <= 1 + 1e-12).all() for field in fields)
    assert (fields[0][:, :, :2] == 0).all()
    silent = fields_of(model, [torch.zeros_like(activity) for activity in activities], phases)
    assert all((field == 0).all() for field in silent)


def test_fields_turn_with_the_phases_and_pass_no_gradient():
    model, (_, activities) = feedback(), layers()
    phases = [(6 * torch.rand(3, side, side)).requires_grad_() for side in (6, 3, 3)]
    before, after = fields_of(model, activities, phases), fields_of(model, activities, [angle + 0.9 for angle in phases])
    for field, turned in zip(before, after, strict=True):
        assert not field.requires_grad
        close(torch.complex(*turned), torch.complex(*field) * complex(math.cos(0.9), math.sin(0.9)))


def test_the_field_of_the_first_layer_hears_all_layers_above():
    model, (_, activities) = feedback(), layers()
    phases = [6 * torch.rand(3, side, side) for side in (6, 3, 3)]
    before = fields_of(model, activities, phases)[0]
    for n in (1, 2):
        moved = [angle + 1.0 if index == n else angle for index, angle in enumerate(phases)]
        assert (fields_of(model, activities, moved)[0] - before).abs().max() > 1e-2
