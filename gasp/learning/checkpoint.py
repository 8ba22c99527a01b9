"""Checkpoints: everything that a training run needs to resume exactly where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError

from gasp.files import read_tensors, write_tensors
from gasp.models import Model
from gasp.settings import GaspError, RunError, Settings, explain

__all__ = ["Checkpoint", "steps_done"]


class _Record(Settings):
    """The plain values of a checkpoint, beside its tensors."""

    identity: str
    groups: list[dict[str, Any]]
    schedule: dict[str, Any]
    done: int = Field(ge=0)
    running: dict[str, float]
    history: list[dict[str, Any]]


def steps_done(path: Path) -> int:
    """The number of training steps completed in a checkpoint; 0 if there is no checkpoint.

    Raises:
        GaspError: if the checkpoint is damaged.
    """
    try:
        return _read(path)[1].done
    except GaspError:
        if path.exists():  # in the meantime, the process that finished the run may have removed it
            raise
        return 0


def _read(path: Path) -> tuple[dict[str, torch.Tensor], _Record]:
    tensors, record = read_tensors(path)
    try:
        return tensors, _Record.model_validate(record)
    except ValidationError as error:
        raise RunError(f"{path} is not a checkpoint ({explain(error, _Record)}): remove it to start again") from error


@dataclass
class Checkpoint:
    """The state of a training run.

    Attributes:
        path: file of the checkpoint.
        identity: name of the run, such as its key.
        model, optimizer, schedule, generator: objects that training steps change.
        done: training steps so far.
        running: sums of the losses over the steps of this epoch, by name.
        history: one record per finished epoch.
    """

    path: Path
    identity: str
    model: Model
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    done: int = 0
    running: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    def save(self) -> None:
        """Write the checkpoint, completely or not at all.

        Raises:
            GaspError: if the file cannot be written.
        """
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        optimizer = self.optimizer.state_dict()
        for index, state in optimizer["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
        schedule = {key: value for key, value in self.schedule.state_dict().items() if not callable(value)}
        record = _Record(
            identity=self.identity,
            groups=optimizer["param_groups"],
            schedule=schedule,
            done=self.done,
            running=self.running,
            history=self.history,
        )
        write_tensors(self.path, tensors | {"generator": self.generator.get_state()}, record.model_dump())

    def restore(self) -> None:
        """Load the state from the file, if there is one.

        Raises:
            GaspError: if the file is damaged, belongs to another run, or does not fit this one.
        """
        if not self.path.exists():
            return
        tensors, record = _read(self.path)
        if record.identity != self.identity:
            raise RunError(f"{self.path} is a checkpoint of {record.identity}, not of {self.identity}: move it away")
        try:
            model = {name.removeprefix("model/"): tensor for name, tensor in tensors.items() if name.startswith("model/")}
            self.model.load_state_dict(model)
            state: dict[int, dict[str, torch.Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith("optimizer/"):
                    _, index, entry = name.split("/")
                    state.setdefault(int(index), {})[entry] = tensor
            self.optimizer.load_state_dict({"state": state, "param_groups": record.groups})
            self.schedule.load_state_dict(record.schedule)
            self.generator.set_state(tensors["generator"])
            self.done, self.running, self.history = record.done, record.running, record.history
        except Exception as error:  # states that do not fit raise many kinds of exceptions
            raise RunError(f"{self.path} does not fit this run ({error}): remove it to start again") from error
