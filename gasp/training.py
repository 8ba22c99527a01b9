"""Fit one model: the loop, its checkpoints, exact resume."""

from __future__ import annotations

import contextlib
import ctypes
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gasp.data.scenes import Scenes
from gasp.files import whole
from gasp.models import CNN, Trajectory
from gasp.objectives import classification_loss, synchrony_loss
from gasp.settings import GaspError, Settings

__all__ = [
    "TrainingSettings",
    "choose_device",
    "descend",
    "fit",
    "keep_memory",
    "objectives",
    "read_tensors",
    "unheard",
    "write_tensors",
]

CHECKPOINT_SECONDS = 15.0


class TrainingSettings(Settings):
    """How long and how a model is trained.

    Attributes:
        epochs: passes over freshly composed scenes.
        scenes: how many each epoch composes.
        batch_size: scenes per step.
        learning_rate: peak of the one-cycle schedule of Adam.
        synchrony_weight: λ, of the synchrony loss.
        gradient_norm: what gradients are clipped to, those of the coupling apart from the rest.
    """

    epochs: int = Field(ge=1)
    scenes: int = Field(ge=1)
    batch_size: int = Field(128, ge=1)
    learning_rate: float = Field(1e-2, gt=0)
    synchrony_weight: float = Field(0.5, ge=0)
    gradient_norm: float = Field(1.0, gt=0)

    @property
    def steps_per_epoch(self) -> int:
        return max(self.scenes // self.batch_size, 1)


def choose_device(name: str = "auto") -> torch.device:
    """``auto``: CUDA, else MPS, else the CPU; otherwise the device of this name.

    Raises:
        GaspError: if there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise GaspError(f"device {name!r} is not to be had here ({str(error).splitlines()[0]}): use auto or cpu") from error
    return torch.device(name)


def keep_memory() -> None:
    """Have glibc keep memory that was freed: a step that gets it anew from the kernel may take twice as long."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # their names in malloc.h begin with M_
        mallopt(mmap_threshold, 2**25)  # the largest that glibc takes
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 2**26)


def unheard(_steps: int) -> None:
    """Progress that nobody listens to."""


def fit(
    model: CNN,
    scenes_of: Callable[[int], Scenes],
    validate: Callable[[CNN], dict[str, list[float]]],
    settings: TrainingSettings,
    seed: int,
    checkpoint: Path,
    identity: str,
    progress: Callable[[int], object] = unheard,
) -> list[dict[str, Any]]:
    """Train a model in place; a checkpoint of the same run is taken up where it stopped.

    A resumed run ends in the same weights, bit for bit, as one that was never stopped: scenes are a function of the
    epoch, and weights, optimiser, schedule, random state, position and running means are in the checkpoint.

    Args:
        scenes_of: the scenes of an epoch, a pure function of its number.
        validate: metrics of the model after an epoch, one value a time step.
        seed: of the order of scenes and of initial phases.
        checkpoint: file to resume from and to save to.
        identity: what the checkpoint must be of, such as the key of the run.
        progress: told how many steps were done since it was last told; whatever it raises, the run is saved first.

    Returns:
        a record an epoch: ``epoch``, training losses, and what ``validate`` gave.

    Raises:
        GaspError: for a checkpoint of another run or one that cannot be read, and for a loss that is not finite.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, with the step that it met done and saved.
    """
    keep_memory()
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    total = settings.epochs * settings.steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total)
    generator = torch.Generator().manual_seed(seed)
    state = _Checkpoint(checkpoint, identity, model, optimizer, schedule, generator)
    state.restore()
    progress(state.done)
    saved = time.monotonic()
    with _whole_steps() as stop_if_asked:
        for epoch in range(len(state.history), settings.epochs):
            scenes = scenes_of(epoch)
            order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            model.train()
            for batch in order.split(settings.batch_size)[state.done - epoch * settings.steps_per_epoch :]:
                if state.done == (epoch + 1) * settings.steps_per_epoch:
                    break
                _step(state, scenes.batch(batch, device), settings)
                try:
                    progress(1)
                    stop_if_asked()
                except BaseException:
                    state.save()
                    raise
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    state.save()
                    saved = time.monotonic()
            model.eval()
            means = {name: [value / settings.steps_per_epoch] for name, value in state.running.items()}
            state.history.append({"epoch": epoch + 1, "train": means, "validation": validate(model)})
            state.running = {}
            state.save()
            stop_if_asked()
    model.eval()
    return state.history


def _step(state: _Checkpoint, batch: tuple[Tensor, Tensor, Tensor], settings: TrainingSettings) -> None:
    """One training step, unless its loss is lost."""
    images, masks, targets = batch
    losses = objectives(state.model.run(images, state.generator, masks), targets, masks)
    loss = losses["classification_loss"] + settings.synchrony_weight * losses["synchrony_loss"]
    if not torch.isfinite(loss):
        epoch, step = divmod(state.done, settings.steps_per_epoch)
        kept = f"{state.path} holds the last good state. " if state.path.exists() else ""
        raise GaspError(
            f"the loss became {loss.item()} in epoch {epoch + 1}, step {step}; {kept}Lower learning_rate, then run again"
        )
    descend(state.model, loss, state.optimizer, settings.gradient_norm)
    state.schedule.step()
    state.done += 1
    for name, value in losses.items():
        state.running[name] = state.running.get(name, 0.0) + value.item()


@contextlib.contextmanager
def _whole_steps() -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM wait until the step that they meet is whole; a second one does not wait.

    Gives a function that raises ``KeyboardInterrupt`` if one has come. In any thread but the main one, where Python knows no
    signals, it does nothing.
    """
    received = False

    def receive(number: int, _frame: object) -> None:
        nonlocal received
        received = True
        signal.signal(number, before[number])

    def stop_if_asked() -> None:
        if received:
            raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    before: dict[int, Any] = {}
    try:
        for asked in (signal.SIGINT, signal.SIGTERM) if is_main else ():
            before[asked] = signal.signal(asked, receive)
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def objectives(trajectory: Trajectory, targets: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Classification over time, and synchrony of the first layer's phases once they were aligned."""
    synchrony = targets.new_zeros(())
    if trajectory.phases and len(trajectory.logits) > 1:
        synchrony = synchrony_loss(trajectory.phases[0][1:], masks)
    return {"classification_loss": classification_loss(trajectory.logits, targets), "synchrony_loss": synchrony}


def descend(model: CNN, loss: Tensor, optimizer: torch.optim.Optimizer, gradient_norm: float) -> None:
    """One step of the optimizer down the gradient of the loss, clipped for the coupling apart from the rest."""
    optimizer.zero_grad()
    loss.backward()
    coupling = set(model.coupling_parameters())
    for inside in (False, True):
        nn.utils.clip_grad_norm_([p for p in model.parameters() if (p in coupling) == inside], gradient_norm)
    optimizer.step()


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write a safetensors file, whole or not at all, with a record of plain values beside the tensors."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole(path) as scratch:
        save_file(stored, scratch, {"record": json.dumps(record)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What :func:`write_tensors` wrote.

    Raises:
        GaspError: if the file is not whole.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(json.loads(file.metadata()["record"]))  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise GaspError(f"{path} cannot be read ({error}): remove it; what it held is trained again") from error


@dataclass
class _Checkpoint:
    """All that a run needs to go on: what it changes, and how far it is."""

    path: Path
    identity: str
    model: CNN
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    done: int = 0
    running: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    def save(self) -> None:
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, state in optimizer["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
        schedule = {key: value for key, value in self.schedule.state_dict().items() if not callable(value)}
        record = {
            "identity": self.identity,
            "groups": optimizer["param_groups"],
            "schedule": schedule,
            "done": self.done,
            "running": self.running,
            "history": self.history,
        }
        write_tensors(self.path, tensors | {"generator": self.generator.get_state()}, record)

    def restore(self) -> None:
        """Take up the checkpoint, if there is one."""
        if not self.path.exists():
            return
        tensors, record = read_tensors(self.path)
        if record.get("identity") != self.identity:
            raise GaspError(
                f"{self.path} is a checkpoint of another run ({record.get('identity')}, not {self.identity}): move it away"
            )
        try:
            model = {name.removeprefix("model/"): tensor for name, tensor in tensors.items() if name.startswith("model/")}
            self.model.load_state_dict(model)
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith("optimizer/"):
                    _, index, entry = name.split("/")
                    state.setdefault(int(index), {})[entry] = tensor
            self.optimizer.load_state_dict({"state": state, "param_groups": record["groups"]})
            self.schedule.load_state_dict(record["schedule"])
            self.generator.set_state(tensors["generator"])
            self.done, self.running, self.history = record["done"], record["running"], record["history"]
        except (AttributeError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise GaspError(f"{self.path} is not a whole checkpoint ({error}): remove it to start again") from error
