"""All that a training run needs to go on where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError

from gasp.files import read_tensors, write_tensors
from gasp.models import Model
from gasp.settings import GaspError, Settings, explain

__all__ = ["Checkpoint", "steps_done"]


class _Record(Settings):
    """What a checkpoint holds beside its tensors."""

    identity: str
    groups: list[dict[str, Any]]
    schedule: dict[str, Any]
    done: int = Field(ge=0)
    running: dict[str, float]
    history: list[dict[str, Any]]


def steps_done(path: Path) -> int:
    """How many training steps a checkpoint has behind it; 0 if there is none, or no longer.

    Raises:
        GaspError: if it cannot be read.
    """
    try:
        return _read(path)[1].done
    except GaspError:
        if path.exists():
            raise
        return 0


def _read(path: Path) -> tuple[dict[str, torch.Tensor], _Record]:
    tensors, record = read_tensors(path)
    try:
        return tensors, _Record.model_validate(record)
    except ValidationError as error:
        raise GaspError(f"{path} is not a checkpoint ({explain(error, _Record)}): remove it to start again") from error


@dataclass
class Checkpoint:
    """All that a run needs to go on: what it changes, and how far it is."""

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
        """Take up the checkpoint, if there is one."""
        if not self.path.exists():
            return
        tensors, record = _read(self.path)
        if record.identity != self.identity:
            raise GaspError(f"{self.path} is a checkpoint of {record.identity}, not of {self.identity}: move it away")
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
        except Exception as error:  # torch has a dozen kinds for states that do not fit
            raise GaspError(f"{self.path} is not a whole checkpoint ({error}): remove it to start again") from error
