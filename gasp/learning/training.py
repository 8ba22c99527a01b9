"""Train one model, with checkpoints from which training resumes exactly."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gasp.data.scenes import Scenes
from gasp.files import uninterrupted
from gasp.learning.checkpoint import Checkpoint
from gasp.learning.devices import keep_memory
from gasp.learning.losses import classification_loss, gate_loss, key_loss, synchrony_loss
from gasp.models import Model, Trajectory
from gasp.settings import Count, RunError, Settings

__all__ = [
    "TrainingSettings",
    "descend",
    "fit",
    "no_progress",
    "objectives",
    "terminable",
]

CHECKPOINT_SECONDS = 15.0


class TrainingSettings(Settings):
    """How a model is trained.

    Attributes:
        epochs: number of epochs.
        scenes: number of scenes per epoch.
        examples: number of different scenes, which all epochs repeat; when omitted, every scene is new.
        batch_size: number of scenes per training step.
        learning_rate: peak of the one-cycle schedule of Adam.
        synchrony_weight: λ, the weight of the synchrony loss.
        synchrony_layers: the convolutions that have a synchrony loss: the first, or all, with the mean of their losses.
        key_weight: weight of the loss on the keys of all convolutions (ours).
        gate_weight: weight of the loss on the learned gate (ours).
        reconstruction_weight: weight of the error with which convolutions predict the layer below; it trains only the
            parameters of the prediction.
        told_objects: the objects whose masks the losses on phases and keys use: all, or those that a model must report. The
            loss on the gate always uses the masks of the latter. If a model must report none, as in visual reasoning, all
            these losses use all masks.
        loss_steps: the time steps whose answers are trained: all, or the last.
        gradient_norm: the norm to which gradients are clipped, separately for the coupling and for all other parameters.
    """

    epochs: Count
    scenes: Count
    examples: Count | None = None
    batch_size: Count = 128
    learning_rate: float = Field(1e-2, gt=0)
    synchrony_weight: float = Field(0.5, ge=0)
    synchrony_layers: Literal["first", "all"] = "first"
    key_weight: float = Field(0.0, ge=0)
    gate_weight: float = Field(0.0, ge=0)
    reconstruction_weight: float = Field(0.0, ge=0)
    told_objects: Literal["all", "reported"] = "all"
    loss_steps: Literal["all", "last"] = "all"
    gradient_norm: float = Field(1.0, gt=0)

    @property
    def steps_per_epoch(self) -> int:
        return max(self.scenes // self.batch_size, 1)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C inside the block, unless another handler is installed, so that a stopped notebook is saved."""
    is_free = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if is_free:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if is_free:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def no_progress(_steps: int) -> None:
    """The progress callback that does nothing."""


def fit(
    model: Model,
    scenes_of: Callable[[int], Scenes],
    validate: Callable[[Model], dict[str, list[float]]],
    settings: TrainingSettings,
    seed: int,
    checkpoint: Path,
    identity: str,
    progress: Callable[[int], object] = no_progress,
) -> list[dict[str, Any]]:
    """Train a model in place, and resume from its checkpoint if there is one.

    A resumed run ends with the same weights as an uninterrupted one, bit for bit. Scenes are a function of the epoch, and all
    else that training depends on is in the checkpoint.

    Args:
        scenes_of: gives the scenes of an epoch; a pure function of its number.
        validate: gives the model's metrics after an epoch, one value per time step.
        seed: seed of the order of scenes and of initial phases.
        checkpoint: file of the checkpoint.
        identity: name of the run, such as its key; a checkpoint of another run is refused.
        progress: called with the number of new steps; if it raises, the run is saved first.

    Returns:
        one record per epoch: ``epoch``, the mean training losses and the result of ``validate``.

    Raises:
        GaspError: for an unreadable checkpoint, a checkpoint of another run, or a loss that is not finite.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the current step is finished and saved.
    """
    keep_memory()
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    total = settings.epochs * settings.steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total)
    generator = torch.Generator().manual_seed(seed)
    state = Checkpoint(checkpoint, identity, model, optimizer, schedule, generator)
    state.restore()
    progress(state.done)
    saved = time.monotonic()
    with uninterrupted() as stop_if_asked:
        for epoch in range(len(state.history), settings.epochs):
            scenes = scenes_of(epoch)
            order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            done = state.done - epoch * settings.steps_per_epoch
            model.train()
            for batch in order.split(settings.batch_size)[done : settings.steps_per_epoch]:
                _step(state, scenes.batch(batch, device), settings, len(scenes.head_of_object))
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
            found = validate(model)
            if not all(math.isfinite(value) for values in found.values() for value in values):  # after the last step, too
                raise RunError(
                    f"the answers on validation scenes became infinite or no number in epoch {epoch + 1}. Lower learning_rate, "
                    f"remove {checkpoint} if it is there, then run again"
                )
            state.history.append({"epoch": epoch + 1, "train": means, "validation": found})
            state.running = {}
            state.save()
            stop_if_asked()
    model.eval()
    return state.history


def _step(state: Checkpoint, batch: tuple[Tensor, Tensor, Tensor], settings: TrainingSettings, reported: int) -> None:
    """Make one training step. If its loss or gradient is not finite, save the state before the step and raise an error."""
    images, masks, targets = batch
    before = state.generator.get_state()
    losses = objectives(state.model.run(images, state.generator, masks), targets, masks, settings, reported)
    loss = total_loss(losses, settings)
    try:
        descend(state.model, loss, state.optimizer, settings.gradient_norm)
    except FloatingPointError as error:
        state.generator.set_state(before)
        state.save()
        epoch, step = divmod(state.done, settings.steps_per_epoch)
        began = _first_lost(state.model, partial(state.model.run, images, state.generator, masks))
        raise RunError(
            f"{error} in epoch {epoch + 1}, step {step}, and it began in {began}; {state.path} holds the state before. "
            "Lower learning_rate, then run again"
        ) from error
    state.schedule.step()
    state.done += 1
    for name, value in losses.items():
        state.running[name] = state.running.get(name, 0.0) + value.item()


def total_loss(losses: dict[str, Tensor], settings: TrainingSettings) -> Tensor:
    """The weighted sum of the losses of :func:`objectives`."""
    weights = {
        "synchrony_loss": settings.synchrony_weight,
        "key_loss": settings.key_weight,
        "gate_loss": settings.gate_weight,
        "reconstruction_loss": settings.reconstruction_weight,
    }
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


def objectives(
    trajectory: Trajectory, targets: Tensor, masks: Tensor, settings: TrainingSettings, reported: int = 0
) -> dict[str, Tensor]:
    """The losses before weighting: classification over time, synchrony, and those on keys, gate and prediction, if trained.

    Every step is trained by its own logits. A learned leak of the read-out is trained by a loss on the answers, which sends no
    gradient into the logits.

    Args:
        reported: the number of objects that must be reported, whose masks come first; 0 if none or all must be.
    """
    logits = trajectory.logits if settings.loss_steps == "all" else trajectory.logits[-1:]
    foreground = masks[:, :reported] if reported else masks
    told = foreground if settings.told_objects == "reported" else masks
    maps = [phases[1:] for phases in trajectory.phases if phases.ndim == 4 and len(phases) > 1]  # (T − 1, B, H, W)
    chosen = maps if settings.synchrony_layers == "all" else maps[:1]
    synchrony = torch.stack([synchrony_loss(phases, told) for phases in chosen]).mean() if chosen else targets.new_zeros(())
    losses = {"classification_loss": classification_loss(logits, targets), "synchrony_loss": synchrony}
    if settings.key_weight and trajectory.keys:
        pairs = zip(trajectory.keys, trajectory.queries, strict=True)
        losses["key_loss"] = torch.stack([key_loss(keys, queries, told) for keys, queries in pairs]).mean()
    if settings.gate_weight and trajectory.participation is not None:
        losses["gate_loss"] = gate_loss(trajectory.participation, foreground)
    if settings.reconstruction_weight and trajectory.prediction_errors is not None:
        losses["reconstruction_loss"] = trajectory.prediction_errors.mean()
    if isinstance(trajectory.leak, Tensor):
        answers = replace(trajectory, logits=trajectory.logits.detach()).answers
        losses["readout_loss"] = classification_loss(answers, targets)
    return losses


def descend(model: Model, loss: Tensor, optimizer: torch.optim.Optimizer, gradient_norm: float) -> None:
    """Make one step of the optimizer. Gradients of the coupling and of all other parameters are clipped separately.

    Raises:
        FloatingPointError: if the loss or its gradient is not finite. Then no step is made.
    """
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss became {loss.item()}")
    optimizer.zero_grad()
    loss.backward()
    coupling = set(model.coupling_parameters())
    for inside in (False, True):
        parameters = [p for p in model.parameters() if (p in coupling) == inside]
        norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if not torch.isfinite(norm):
            raise FloatingPointError("the gradient became infinite or no number")
        nn.utils.clip_grads_with_norm_(parameters, gradient_norm, norm)
    optimizer.step()


def _first_lost(model: Model, again: Callable[[], object]) -> str:
    """The first module whose output is not finite in a step; otherwise, the topmost parameter whose gradient is not.

    Args:
        again: repeats the forward run of that step.
    """
    lost: list[str] = []

    def listen(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and not output.isfinite().all():
            lost.append(name)

    hooks = [module.register_forward_hook(partial(listen, name)) for name, module in model.named_modules()]
    with torch.no_grad():
        again()
    for hook in hooks:
        hook.remove()
    of_gradient = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    if lost:
        return f"the answer of {lost[0]}"
    return f"the gradient of {of_gradient[-1]}" if of_gradient else "the loss itself"
