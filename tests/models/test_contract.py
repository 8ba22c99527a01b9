"""What every registered model keeps; a new model inherits these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from drawn import filled, object_masks, sparse
from torch import Tensor
from torch.nn import functional as F

from gasp.experiments.variants import MODELS
from gasp.learning.training import TrainingSettings, descend, objectives, total_loss
from gasp.models import CNN, Model, Recurrent, Trajectory
from gasp.settings import GaspError, Settings

float64 = pytest.mark.usefixtures("float64")
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
Build = Callable[..., Model]


def build(model: type[Model], **settings: Any) -> Model:
    """The network of one seed, whatever its settings."""
    torch.manual_seed(1)
    return model(**settings)


def cases() -> Iterator[Any]:
    """Each model as it is, and with each other choice of a mechanism that its settings name."""
    for kind, model in MODELS.items():
        yield pytest.param(partial(build, model), id=kind)
        for name, field in model.Settings.model_fields.items():
            choices = [False, True] if field.annotation is bool else get_args(field.annotation)
            if field.annotation is bool or get_origin(field.annotation) is Literal:
                for choice in choices:
                    if choice != field.default:
                        yield pytest.param(partial(build, model, **{name: choice}), id=f"{kind} {name} {choice}")


CASES = list(cases())
models = pytest.mark.parametrize("kind", CASES)


def is_recurrent(case: Any) -> bool:
    return issubclass(case.values[0].args[0], Recurrent)


recurrent = pytest.mark.parametrize("kind", [case for case in CASES if is_recurrent(case)])


def run(model: Model, images: Tensor, seed: int = 0, steps: int | None = None) -> Trajectory:
    """A run on images with the objects of ``sparse``."""
    masks = F.interpolate(object_masks(len(images)), model.size).to(images)
    return model.run(images, torch.Generator().manual_seed(seed), masks, steps)


def training_loss(model: Model, images: Tensor) -> Tensor:
    """The loss of training, for one object of each head."""
    classes = torch.arange(len(images), device=images.device) % model.classes
    targets = F.one_hot(classes, model.classes).unsqueeze(1).expand(-1, model.heads, -1).to(images)
    settings = TrainingSettings(epochs=1, scenes=1, synchrony_weight=1.0)
    return total_loss(objectives(run(model, images), targets, object_masks(len(images)).to(images), settings), settings)


SIZES = [
    {},
    {"classes": 4},
    {"heads": 2, "classes": 7},
    {"channels": 3, "size": 48, "hidden": 5},
    {"size": 17, "kernels": (4, 3, 2), "strides": (3, 1, 1)},
    {"widths": (4, 5, 6, 7), "kernels": (3, 3, 3, 3), "strides": (1, 2, 1, 1)},
    {"widths": (4,), "kernels": (3,), "strides": (2,)},
]


@models
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_results_have_the_shapes_of_the_network(kind: Build, sizes):
    model = kind(**sizes)
    images = torch.rand(2, model.channels, model.size, model.size)
    result, steps = run(model, images), getattr(model.settings, "steps", 1)
    layers = [*model.grids, (model.settings.hidden,), (model.heads * model.classes,)]
    assert result.logits.shape == (steps, 2, model.heads, model.classes)
    expected = [(steps, 2, *layer) for layer in layers] if result.phases else []
    assert [phases.shape for phases in result.phases] == expected
    assert [gates.shape for gates in result.gates] == expected
    assert [activity.shape[2:] for activity in model.sweep(images)] == [layer if len(layer) == 2 else () for layer in layers]


@models
@dtypes
def test_results_are_finite_and_have_the_precision_of_the_network(kind: Build, dtype):
    for images in (sparse(), filled(), torch.zeros(2, 1, 32, 32)):
        result = run(kind().to(dtype), images.to(dtype))
        for tensor in (result.logits, *result.phases, *result.gates):
            assert tensor.dtype == dtype
            assert tensor.isfinite().all()
        assert all((gates >= 0).all() and (gates <= 1).all() for gates in result.gates)


plain_at_first = pytest.mark.parametrize("kind", [case for case in CASES if is_recurrent(case) and "gate" not in case.id])


@plain_at_first
def test_step_0_is_the_cnn_of_the_same_weights(kind: Build):
    for sizes in ({}, {"widths": (6, 7), "kernels": (3, 3), "strides": (2, 2), "hidden": 12, "heads": 2}):
        cnn, model, images = CNN(**sizes), kind(**sizes), sparse()
        assert not model.load_state_dict(cnn.state_dict(), strict=False).unexpected_keys
        assert torch.equal(run(model, images).logits[0], cnn(images).logits[0])


@models
def test_a_run_repeats_with_its_generator(kind: Build):
    model, images = kind(), sparse()
    first, second = run(model, images), run(model, images)
    assert torch.equal(first.logits, second.logits)
    assert all(map(torch.equal, first.phases, second.phases))


@recurrent
def test_a_longer_run_begins_with_the_shorter_one(kind: Build):
    model, images = kind(), sparse()
    long = run(model, images, steps=12)
    for steps in (1, 2, 5):
        short = run(model, images, steps=steps)
        assert len(short.logits) == steps
        assert torch.equal(long.logits[:steps], short.logits)
        assert all(torch.equal(more[:steps], phases) for more, phases in zip(long.phases, short.phases, strict=True))
    assert long.logits.isfinite().all()


@recurrent
@float64
def test_every_step_changes_the_result(kind: Build):
    logits = run(kind(steps=4), sparse()).logits
    assert (logits.diff(dim=0).abs().amax((1, 2, 3)) > 1e-4).all()


@models
@float64
def test_images_of_a_batch_do_not_influence_each_other(kind: Build):
    model, images = kind(), sparse(4)
    other = torch.cat([images[:3], filled(1)])
    before, after = run(model, images).logits, run(model, other).logits
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=0, atol=1e-9)
    assert (after[:, 3] - before[:, 3]).abs().max() > 1e-4


@models
def test_a_run_gives_the_same_result_on_every_device(kind: Build, device):
    dtype = torch.float32 if device.type == "mps" else torch.float64
    model, images = kind().to(dtype), filled().to(dtype)
    expected = run(model, images).logits
    actual = run(model.to(device), images.to(device)).logits
    assert actual.device.type == device.type
    torch.testing.assert_close(actual.cpu(), expected, rtol=0, atol=1e-8 if dtype == torch.float64 else 1e-3)


@models
def test_saved_parameters_restore_the_model(kind: Build, tmp_path):
    model, other, images = kind(), kind(), sparse()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    assert not torch.equal(run(other, images).logits, run(model, images).logits)
    torch.save(model.state_dict(), tmp_path / "weights")
    other.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    assert torch.equal(run(other, images).logits, run(model, images).logits)


# training


@models
@dtypes
def test_training_gives_a_finite_gradient_to_every_parameter(kind: Build, dtype):
    model = kind().to(dtype)
    training_loss(model, sparse().to(dtype)).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.isfinite().all()] == []
    assert [name for name, gradient in gradients.items() if not gradient.abs().max() > 0] == []


@models
@dtypes
def test_an_empty_image_gives_finite_gradients(kind: Build, dtype):
    model = kind().to(dtype)
    training_loss(model, torch.zeros(3, 1, 32, 32, dtype=dtype)).backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()] == []


@plain_at_first
@float64
def test_every_parameter_of_the_coupling_changes_every_step_but_the_first(kind: Build):
    model, images = kind(), sparse()
    before = run(model, images).answers
    for parameter in model.coupling_parameters():
        with torch.no_grad():
            kept = parameter.clone()
            parameter.add_(torch.randn_like(parameter))
            after = run(model, images).answers
            parameter.copy_(kept)
        assert torch.equal(after[0], before[0])
        assert (after[1:] - before[1:]).abs().amax((1, 2, 3)).min() > 1e-6


@recurrent
def test_the_parameters_of_the_coupling_are_those_that_the_cnn_does_not_have(kind: Build):
    model = kind()
    coupling = set(model.coupling_parameters())
    names = {name for name, parameter in model.named_parameters() if parameter not in coupling}
    assert names == {name for name, _ in CNN().named_parameters()}
    small = [p for name, p in model.named_parameters() if p in coupling and not name.startswith(("key_network", "generative"))]
    assert coupling
    assert sum(p.numel() for p in small) < 0.05 * sum(parameter.numel() for parameter in model.parameters())


@models
def test_training_lowers_the_loss(kind: Build):
    model, images = kind(), sparse(8)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(8):
        losses.append(training_loss(model, images))
        descend(model, losses[-1], optimizer, gradient_norm=1.0)
    assert losses[-1] < losses[0] - 0.1


# settings


def others(settings: Settings, name: str) -> Iterator[dict[str, Any]]:
    """Other values of a setting, most of them possible."""
    value, annotation = getattr(settings, name), type(settings).model_fields[name].annotation
    if get_origin(annotation) is Literal:
        values = [choice for choice in get_args(annotation) if choice != value]
    elif isinstance(value, tuple):
        values = [tuple(entry + change for entry in value) for change in (1, 2)]
    elif isinstance(value, bool):
        values = [not value]
    elif isinstance(value, int):
        values = [value + 1, value + 2]
    else:
        values = [value / 2, value + 1]
    return ({name: other} for other in values)


SETTINGS = [
    pytest.param(model, name, id=f"{kind} {name}")
    for kind, model in MODELS.items()
    for name in model.Settings.model_fields
    if name != "kind"
]


# what else must be set for a setting to have an effect
NEEDED = {name: {"key_source": "network"} for name in ("key_channels", "key_dilations", "key_separable")}
NEEDED["feedback_kernel_size"] = {"feedback": True}


@pytest.mark.parametrize(("model", "name"), SETTINGS)
def test_every_setting_changes_the_parameters_or_the_result(model, name):
    def outcome(**settings: Any) -> tuple[list[torch.Size], Tensor]:
        network = build(model, **NEEDED.get(name, {}), **settings).double()
        return [parameter.shape for parameter in network.parameters()], run(network, sparse().double()).answers

    torch.manual_seed(0)
    shapes, logits = outcome()
    tried = 0
    for change in others(model().settings, name):
        try:
            model(**change)
        except GaspError:
            continue
        tried += 1
        torch.manual_seed(0)
        other_shapes, other_logits = outcome(**change)
        changed = other_shapes != shapes or other_logits.shape != logits.shape
        assert changed or (other_logits[-1] - logits[-1]).abs().max() > 1e-4, change
    assert tried


IMPOSSIBLE = {
    "one width less": {"widths": (26, 30)},
    "one stride more": {"strides": (2, 2, 1, 1)},
    "a kernel of no pixels": {"kernels": (5, 3, 0)},
    "maps of one location": {"strides": (8, 8, 2)},
    "no units": {"hidden": 0},
    "no classes": {"classes": 0},
    "no heads": {"heads": 0},
    "no channels": {"channels": 0},
    "text for a number": {"hidden": "16"},
}


@models
@pytest.mark.parametrize("settings", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_settings_are_refused(kind: Build, settings):
    with pytest.raises(GaspError, match=next(iter(settings))):
        kind(**settings)


@models
def test_unknown_settings_are_refused_with_the_nearest_known_one(kind: Build):
    with pytest.raises(GaspError, match="unknown key width: did you mean widths"):
        kind(width=3)


@models
@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 3, 32, 32), (2, 1, 32, 28), (2, 1, 28, 28)], ids=str)
def test_images_of_another_shape_are_refused(kind: Build, shape):
    with pytest.raises(GaspError, match="images must be"):
        run(kind(), torch.rand(shape)) if len(shape) == 4 else kind()(torch.rand(shape))


@models
def test_images_of_bytes_are_refused(kind: Build):
    with pytest.raises(GaspError, match="floating point"):
        kind()(torch.zeros(2, 1, 32, 32, dtype=torch.uint8))


@recurrent
@pytest.mark.parametrize("steps", [0, -1])
def test_a_run_of_no_steps_is_refused(kind: Build, steps):
    with pytest.raises(GaspError, match="steps"):
        run(kind(), sparse(), steps=steps)
    with pytest.raises(GaspError, match="steps"):
        kind(steps=steps)
