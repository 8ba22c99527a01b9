"""Training: exact resume, checkpoints that are refused, a loss that is lost, progress, learning, devices."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from gasp.data.scenes import Scenes
from gasp.files import read_tensors, write_tensors
from gasp.learning import training as module
from gasp.learning.checkpoint import steps_done
from gasp.learning.devices import choose_device
from gasp.learning.evaluation import accuracy
from gasp.learning.losses import classification_loss, gate_loss, key_loss, synchrony_loss
from gasp.learning.training import TrainingSettings, fit, objectives, total_loss
from gasp.models import CNN, GASPnet, Trajectory
from gasp.settings import GaspError

SIZES = {"size": 16, "classes": 4, "widths": (4, 4), "kernels": (3, 3), "strides": (2, 2), "hidden": 8}
SHORT = TrainingSettings(epochs=3, scenes=32, batch_size=8, learning_rate=0.02)
LONG = SHORT.model_copy(update={"epochs": 8, "scenes": 64})
STEPS = SHORT.epochs * SHORT.steps_per_epoch
kinds = pytest.mark.parametrize("kind", ["cnn", "gaspnet"])


class StoppedError(Exception):
    """What a test stops a run with."""


def build(kind: str) -> CNN:
    torch.manual_seed(1)
    return CNN(**SIZES) if kind == "cnn" else GASPnet(steps=3, iterations=2, key_size=4, **SIZES)


def bands(epoch: int, count: int = 32) -> Scenes:
    """Two of four horizontal bands light up, each of them an object; a network can learn which."""
    generator = torch.Generator().manual_seed(epoch)
    present = torch.rand(count, 4, generator=generator).argsort(1)[:, :2]
    rows = torch.arange(16) // 4
    masks = (rows == present.unsqueeze(-1)).unsqueeze(-1).expand(-1, -1, -1, 16).to(torch.uint8) * 255
    noise = torch.randint(0, 40, (count, 1, 16, 16), generator=generator)
    targets = torch.zeros(count, 1, 4, dtype=torch.bool).scatter(2, present.unsqueeze(1), True)
    images = (masks.sum(1, keepdim=True) * 0.8 + noise).to(torch.uint8)
    return Scenes(images, masks, targets, present.to(torch.uint8), (0, 0))


def train(model: CNN, checkpoint: Path, settings=SHORT, identity="run", progress=module.no_progress, scenes_of=bands) -> list:
    return fit(model, scenes_of, partial(accuracy, scenes=bands(99, 16)), settings, 5, checkpoint, identity, progress)


def stop_at(step: int, told: list[int]):
    def progress(steps: int) -> None:
        told.append(steps)
        if sum(told) >= step:
            raise StoppedError

    return progress


def assert_same(model: CNN, history: list, other: CNN, other_history: list) -> None:
    expected = other.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert history == other_history


# resume


@kinds
@pytest.mark.parametrize("stops", [(1,), (2,), (4,), (5,), (7,), (8,), (STEPS - 1,), (STEPS,), (3, 4, 6, 11)], ids=str)
def test_a_stopped_run_ends_as_one_that_never_was_bit_for_bit(kind, stops, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0)
    whole, stopped = build(kind), tmp_path / "stopped.safetensors"
    history = train(whole, tmp_path / "whole.safetensors")
    for stop in stops:
        with pytest.raises(StoppedError):
            train(build(kind), stopped, progress=stop_at(stop, []))
    told: list[int] = []
    model = build(kind)
    torch.manual_seed(123)
    assert_same(model, train(model, stopped, progress=told.append), whole, history)
    assert told[0] == stops[-1], "it did not go on from where it was"


@kinds
def test_how_often_a_checkpoint_is_written_changes_nothing(kind, tmp_path, monkeypatch):
    rarely, often = build(kind), build(kind)
    history = train(rarely, tmp_path / "rarely.safetensors")
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0)
    assert_same(often, train(often, tmp_path / "often.safetensors"), rarely, history)


@kinds
def test_a_finished_run_is_taken_up_without_a_step(kind, tmp_path):
    model, again = build(kind), build(kind)
    history, told = train(model, tmp_path / "run.safetensors"), []
    assert_same(again, train(again, tmp_path / "run.safetensors", progress=told.append), model, history)
    assert told == [STEPS]


def train_until_killed(checkpoint: str) -> None:
    """What the killed process does: a checkpoint after each step, and steps that take their time."""
    torch.set_num_threads(1)
    module.CHECKPOINT_SECONDS = 0
    train(build("gaspnet"), Path(checkpoint), LONG, progress=lambda _: time.sleep(0.02), scenes_of=partial(bands, count=64))


@pytest.mark.usefixtures("one_thread")
def test_a_killed_process_loses_nothing(tmp_path):
    whole, killed = build("gaspnet"), tmp_path / "killed.safetensors"
    history = train(whole, tmp_path / "whole.safetensors", LONG, scenes_of=partial(bands, count=64))
    command = [sys.executable, "-c", f"import test_training; test_training.train_until_killed({str(killed)!r})"]
    seed = random.randrange(1_000_000)
    delays = random.Random(seed)
    done = 0
    for _ in range(2):
        with subprocess.Popen(command, cwd=Path(__file__).parent) as process:
            while process.poll() is None and (not killed.exists() or read_tensors(killed)[1]["done"] == done):
                time.sleep(0.005)
            time.sleep(delay := delays.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        before, done = done, read_tensors(killed)[1]["done"]
        print(f"seed {seed}: killed {delay:.3f} s after a checkpoint, at step {done}")
        assert before < done < LONG.epochs * LONG.steps_per_epoch
    model = build("gaspnet")
    assert_same(model, train(model, killed, LONG, scenes_of=partial(bands, count=64)), whole, history)


@pytest.mark.parametrize("after", [1, 2, 4, 5, STEPS - 1])
def test_a_run_that_is_told_to_stop_is_saved_at_that_very_step(after, tmp_path):
    path, whole, stopped, told = tmp_path / "run.safetensors", build("gaspnet"), build("gaspnet"), []
    history = train(whole, tmp_path / "whole.safetensors")

    def stop(steps: int) -> None:
        told.append(steps)
        if sum(told) == after:
            raise GaspError("enough")

    with pytest.raises(GaspError, match="enough"):
        train(stopped, path, progress=stop)
    assert read_tensors(path)[1]["done"] == after
    again = build("gaspnet")
    assert_same(again, train(again, path), whole, history)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_end_saves_and_leaves(number, tmp_path):
    path, told = tmp_path / "run.safetensors", []
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    class Signalled(GASPnet):
        """In its third step it is told to stop: before the gradient, so the step is half-way."""

        def run(self, *arguments, **more):
            if self.training:
                told.append(1)
                if len(told) == 3:
                    os.kill(os.getpid(), number)
            return super().run(*arguments, **more)

    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        train(Signalled(**SIZES, steps=2, iterations=1), path)
    assert len(told) == 3
    assert read_tensors(path)[1]["done"] == 3
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_checkpoint_that_is_gone_has_no_steps_behind_it(tmp_path):
    train(build("cnn"), tmp_path / "run.safetensors")
    assert steps_done(tmp_path / "run.safetensors") == STEPS
    assert steps_done(tmp_path / "gone.safetensors") == 0


# checkpoints that are refused


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without(path: Path, prefix: str) -> None:
    tensors, record = read_tensors(path)
    write_tensors(path, {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}, record)


def changed(path: Path, **entries: object) -> None:
    tensors, record = read_tensors(path)
    write_tensors(path, tensors, record | entries)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "another identity": partial(changed, identity="other"),
    "no record": lambda path: write_tensors(path, read_tensors(path)[0], {}),
    "steps that are no number": partial(changed, done="many"),
    "steps below none": partial(changed, done=-1),
    "a history that is none": partial(changed, history={"epoch": 1}),
    "a flipped bit of a weight": flipped,
    "a number changed in its record": lambda path: path.write_bytes(path.read_bytes().replace(b'"done\\": 4', b'"done\\": 3')),
    "truncated": truncated,
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": lambda path: path.write_bytes(random.Random(0).randbytes(5000)),
    "text": lambda path: path.write_text("once upon a time"),
    "other tensors": lambda path: save_file({"x": torch.zeros(3)}, path),
    "other tensors with metadata": lambda path: save_file({"x": torch.zeros(3)}, path, {"format": "pt"}),
    "a record that is no JSON": lambda path: save_file({"x": torch.zeros(3)}, path, {"record": "{"}),
    "a record that is a list": lambda path: save_file({"x": torch.zeros(3)}, path, {"record": json.dumps(["run"])}),
    "no weights": partial(without, prefix="model/"),
    "no random state": partial(without, prefix="generator"),
    "only weights": lambda path: write_tensors(path, build("gaspnet").state_dict(), {"identity": "run"}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_checkpoint_that_is_not_of_this_run_is_refused(damage, tmp_path):
    path = tmp_path / "run.safetensors"
    train(build("gaspnet"), path, SHORT.model_copy(update={"epochs": 1}))
    before = path.read_bytes()
    damage(path)
    kept = path.read_bytes()
    assert kept != before
    with pytest.raises(GaspError, match=r"remove it|move it away") as error:
        train(build("gaspnet"), path)
    assert str(path) in str(error.value)
    assert path.read_bytes() == kept


def test_a_checkpoint_of_a_model_of_another_size_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    train(build("cnn"), path)
    with pytest.raises(GaspError, match="remove it") as error:
        train(CNN(**SIZES | {"hidden": 9}), path)
    assert str(path) in str(error.value)


# a loss that is lost


class Lost(CNN):
    """A network whose answer is not a number from a given training step on."""

    def __init__(self, after: int) -> None:
        super().__init__(**SIZES)
        self.left = after

    def run(self, images, generator, masks=None, steps=None) -> Trajectory:
        result = super().run(images, generator, masks, steps)
        self.left -= self.training
        return Trajectory(result.logits * float("nan")) if self.left < 0 else result


@pytest.mark.parametrize(("after", "epoch", "step"), [(0, 1, 0), (4, 2, 0), (6, 2, 2), (11, 3, 3)])
def test_a_loss_that_is_lost_names_its_step_and_keeps_the_state_before(after, epoch, step, tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(GaspError, match=rf"the loss became nan in epoch {epoch}, step {step}, .*learning_rate") as error:
        train(Lost(after), path)
    assert str(path) in str(error.value)
    tensors, record = read_tensors(path)
    assert record["done"] == after
    assert all(tensor.isfinite().all() for tensor in tensors.values())


class Poisoned(GASPnet):
    """A network one of whose layers answers with infinity, or sends back an infinite gradient, from a given step on."""

    def __init__(self, layer: str, backward: bool) -> None:
        super().__init__(**SIZES, steps=2, iterations=1)
        self.done = 0
        module = self.get_submodule(layer)
        if backward:
            module.weight.register_hook(lambda gradient: gradient * self.poison)
        else:
            module.register_forward_hook(lambda _module, _inputs, output: output * self.poison)

    def run(self, *arguments, **more) -> Trajectory:
        self.done += self.training and torch.is_grad_enabled()
        return super().run(*arguments, **more)

    @property
    def poison(self) -> float:
        return float("inf") if self.training and self.done > 6 else 1.0


@pytest.mark.parametrize("layer", ["stages.0.linear", "stages.1.norm", "stages.3.linear"])
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_a_step_that_is_lost_names_where_it_began_and_leaves_finite_weights(layer, backward, tmp_path):
    path = tmp_path / "run.safetensors"
    torch.manual_seed(0)
    model = Poisoned(layer, backward)
    what = f"gradient of {layer}.weight" if backward else f"answer of {layer}"
    with pytest.raises(GaspError, match=rf"in epoch 2, step 2, and it began in the {what};"):
        train(model, path)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert read_tensors(path)[1]["done"] == 6


def test_a_model_that_the_last_step_of_an_epoch_destroys_is_not_kept(tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(GaspError, match="became infinite or no number in epoch 1"):
        train(build("cnn"), path, SHORT.changed({"learning_rate": 1e36, "scenes": 8}))
    assert not path.exists()


# progress and learning


@kinds
@pytest.mark.parametrize("scenes", [32, 30, 5], ids=lambda scenes: f"{scenes} scenes")
def test_progress_adds_up_to_all_steps(kind, scenes, tmp_path):
    settings, told = SHORT.model_copy(update={"scenes": scenes}), []
    train(build(kind), tmp_path / "run.safetensors", settings, progress=told.append, scenes_of=partial(bands, count=scenes))
    assert sum(told) == settings.epochs * settings.steps_per_epoch


def test_a_model_is_told_where_the_objects_of_each_scene_are(tmp_path):
    class Watching(CNN):
        def run(self, images, generator, masks=None, steps=None) -> Trajectory:
            seen.append(torch.equal(images > 0.5, masks.sum(1, keepdim=True) > 0))
            return super().run(images, generator, masks, steps)

    seen: list[bool] = []
    train(Watching(**SIZES), tmp_path / "run.safetensors")
    assert len(seen) == STEPS + SHORT.epochs  # of training, and once an epoch of validation
    assert all(seen)


@kinds
def test_training_lowers_the_loss(kind, tmp_path):
    settings = TrainingSettings(epochs=6, scenes=128, batch_size=16, learning_rate=0.02)
    history = train(build(kind), tmp_path / "run.safetensors", settings, scenes_of=partial(bands, count=128))
    first, last = (record["train"]["classification_loss"][0] for record in (history[0], history[-1]))
    floor = torch.tensor(2.0).log().item()
    assert last - floor < (first - floor) / 4
    assert history[-1]["validation"]["object_accuracy"][-1] > 0.9
    assert [record["epoch"] for record in history] == list(range(1, 7))


def test_training_lowers_the_synchrony_loss(tmp_path):
    settings = TrainingSettings(epochs=6, scenes=128, batch_size=16, learning_rate=0.02, synchrony_weight=5)
    history = train(build("gaspnet"), tmp_path / "run.safetensors", settings, scenes_of=partial(bands, count=128))
    losses = [record["train"]["synchrony_loss"][0] for record in history]
    assert losses[-1] < losses[0] - 0.05


def test_another_seed_trains_other_weights(tmp_path):
    models = [build("gaspnet"), build("gaspnet")]
    for seed, model in enumerate(models):
        fit(model, bands, partial(accuracy, scenes=bands(99, 16)), SHORT, seed, tmp_path / f"{seed}.safetensors", "run")
    first, second = (model.stages[0].linear.weight for model in models)
    assert not torch.equal(first, second)


@kinds
def test_a_model_trains_on_every_device(kind, device, tmp_path):
    model = build(kind).to(device)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    history = train(model, tmp_path / "run.safetensors")
    again = build(kind).to(device)
    assert train(again, tmp_path / "run.safetensors") == history
    for name, parameter in again.named_parameters():
        assert parameter.device.type == device.type
        assert parameter.isfinite().all(), name
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gpu", "there is no device 'gpu': use auto, cpu, cuda or mps"),
        ("", "there is no device '': use auto, cpu, cuda or mps"),
        ("cuda:99", "auto or cpu"),
        ("meta", "auto or cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused(name, advice):
    with pytest.raises(GaspError, match=advice) as error:
        choose_device(name)
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_automatic_device_can_be_computed_on():
    assert torch.ones(2, device=choose_device()).sum().item() == 2


@pytest.mark.parametrize("key", ["epochs", "scenes", "batch_size", "learning_rate", "gradient_norm"])
def test_settings_that_train_nothing_are_refused(key):
    with pytest.raises(ValidationError, match=key):
        TrainingSettings(**{"epochs": 1, "scenes": 1} | {key: 0})


# files of tensors


def test_tensors_and_their_record_survive_a_round_trip(tmp_path):
    tensors = {"a": torch.randn(3, 4).T, "b": torch.arange(5), "c": torch.tensor(0.1, requires_grad=True)}
    record = {"number": 0.1 + 0.2, "list": [1, None, "ü"]}
    write_tensors(tmp_path / "new" / "x.safetensors", tensors, record)
    found, found_record = read_tensors(tmp_path / "new" / "x.safetensors")
    assert found_record == record
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_file_that_is_replaced_while_it_is_read_is_the_one_or_the_other(tmp_path):
    path, over = tmp_path / "x.safetensors", threading.Event()

    def write(number: int) -> None:
        write_tensors(path, {"a": torch.full((64,), number)}, {"number": number})

    def replace() -> None:
        for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
            write(number)

    write(0)
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(replace)
        try:
            for _ in range(10_000):
                tensors, record = read_tensors(path)
                assert torch.equal(tensors["a"], torch.full((64,), record["number"]))
        finally:
            over.set()
    assert writer.exception() is None


def half_written(path: Path, content: bytes):
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError(28, "No space left on device")


def refuse(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("owner", "name", "fault"), [(Path, "write_bytes", half_written), (os, "replace", refuse)])
def test_a_failed_write_keeps_the_file_of_before_and_leaves_nothing_else(owner, name, fault, tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(2)}, {"version": 1})
    monkeypatch.setattr(owner, name, fault)
    with pytest.raises((OSError, GaspError), match="No space left"):
        write_tensors(path, {"a": torch.ones(2)}, {"version": 2})
    assert list(tmp_path.iterdir()) == [path]
    assert read_tensors(path)[1] == {"version": 1}


# what is minimised


def result_and_targets() -> tuple[Trajectory, Tensor, Tensor]:
    """A trajectory of three steps and four images, with two maps of phases and a dense layer's, masks and targets."""
    phases = tuple(6 * torch.rand(3, 4, *shape) for shape in ((8, 8), (4, 4), (5,)))
    masks = torch.zeros(4, 2, 8, 8)
    masks[:, 0, :3], masks[:, 1, 5:] = 1, 1
    return Trajectory(torch.randn(3, 4, 1, 10), phases, phases), masks, torch.eye(10)[:4].unsqueeze(1)


def test_every_step_is_trained_or_the_last_alone():
    trajectory, masks, targets = result_and_targets()
    of_steps = [classification_loss(step[None], targets) for step in trajectory.logits]
    every, last = (
        objectives(trajectory, targets, masks, SHORT.changed({"loss_steps": steps}))["classification_loss"]
        for steps in ("all", "last")
    )
    torch.testing.assert_close(every, torch.stack(of_steps).mean())
    torch.testing.assert_close(last, of_steps[-1])


def test_synchrony_is_asked_of_the_first_convolution_or_of_all_once_phases_were_aligned():
    trajectory, masks, targets = result_and_targets()
    first, second = (synchrony_loss(phases[1:], masks) for phases in trajectory.phases[:2])
    found = {
        layers: objectives(trajectory, targets, masks, SHORT.changed({"synchrony_layers": layers}))["synchrony_loss"]
        for layers in ("first", "all")
    }
    torch.testing.assert_close(found, {"first": first, "all": (first + second) / 2})


def test_keys_and_gate_are_told_of_objects_only_where_that_has_weight():
    trajectory, masks, targets = result_and_targets()
    keys, queries = ([torch.randn(2, 4, 5, side, side) for side in (8, 4)] for _ in range(2))
    participation = torch.rand(4, 8, 8)
    trajectory = replace(trajectory, keys=tuple(keys), queries=tuple(queries), participation=participation)
    assert objectives(trajectory, targets, masks, SHORT).keys() == {"classification_loss", "synchrony_loss"}
    found = objectives(trajectory, targets, masks, SHORT.changed({"key_weight": 1.0, "gate_weight": 1.0}))
    of_layers = [key_loss(*pair, masks) for pair in zip(keys, queries, strict=True)]
    torch.testing.assert_close(found["key_loss"], torch.stack(of_layers).mean())
    torch.testing.assert_close(found["gate_loss"], gate_loss(participation, masks))


def test_where_one_of_two_objects_is_reported_the_gate_is_told_of_that_one_and_phases_of_what_the_settings_say():
    trajectory, masks, targets = result_and_targets()
    participation, phases = torch.rand(4, 8, 8), trajectory.phases[0][1:]
    trajectory, gated = replace(trajectory, participation=participation), SHORT.changed({"gate_weight": 1.0})
    for told, seen in {"all": masks, "reported": masks[:, :1]}.items():
        found = objectives(trajectory, targets, masks, gated.changed({"told_objects": told}), reported=1)
        torch.testing.assert_close(found["gate_loss"], gate_loss(participation, masks[:, :1]))
        torch.testing.assert_close(found["synchrony_loss"], synchrony_loss(phases, seen))


def test_where_no_object_is_reported_all_masks_are_told():
    trajectory, masks, targets = result_and_targets()
    asked = SHORT.changed({"told_objects": "reported"})
    found = objectives(trajectory, targets, masks, asked, reported=0)
    torch.testing.assert_close(found["synchrony_loss"], synchrony_loss(trajectory.phases[0][1:], masks))


def test_prediction_is_trained_only_where_that_has_weight():
    trajectory, masks, targets = result_and_targets()
    predicting = replace(trajectory, prediction_errors=torch.rand(2, 3))
    assert "reconstruction_loss" not in objectives(predicting, targets, masks, SHORT)
    weighted = SHORT.changed({"reconstruction_weight": 1.0})
    assert "reconstruction_loss" not in objectives(trajectory, targets, masks, weighted)
    found = objectives(predicting, targets, masks, weighted)["reconstruction_loss"]
    torch.testing.assert_close(found, predicting.prediction_errors.mean())


def test_every_loss_has_the_weight_that_its_setting_gives_it():
    weights = {"synchrony": 100.0, "key": 10.0, "gate": 2.0, "reconstruction": 0.25}
    losses = {f"{name}_loss": torch.tensor(float(index)) for index, name in enumerate(weights, 1)}
    settings = SHORT.changed({f"{name}_weight": weight for name, weight in weights.items()})
    assert total_loss({"classification_loss": torch.tensor(0.5), **losses}, settings) == 127.5


def test_a_learned_leak_is_trained_by_the_answers_and_changes_no_other_gradient():
    trajectory, masks, targets = result_and_targets()
    logits, leak = trajectory.logits.requires_grad_(), torch.tensor(0.5, requires_grad=True)
    losses = objectives(Trajectory(logits, leak=leak), targets, masks, SHORT)
    total_loss(losses, SHORT).backward()
    (alone,) = torch.autograd.grad(classification_loss(logits, targets), logits)
    torch.testing.assert_close(logits.grad, alone)
    lower, higher = (classification_loss(Trajectory(logits, leak=0.5 + step).answers, targets) for step in (-1e-3, 1e-3))
    assert leak.grad.item() == pytest.approx((higher - lower).item() / 2e-3, rel=1e-2)


def test_a_run_without_phases_or_alignment_has_no_synchrony_loss():
    trajectory, masks, targets = result_and_targets()
    for short in (Trajectory(trajectory.logits), Trajectory(trajectory.logits[:1], *[[p[:1] for p in trajectory.phases]] * 2)):
        assert objectives(short, targets, masks, SHORT)["synchrony_loss"] == 0
