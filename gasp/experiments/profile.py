"""Profiles: at what scale the book is run, and the grid of runs that it asks for."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from gasp.experiments.specification import (
    VARIANTS,
    Attention,
    ComplexDynamics,
    Dataset,
    Dynamics,
    Evaluation,
    Experiment,
    Network,
)
from gasp.experiments.store import Store, project_root
from gasp.learning.training import TrainingSettings
from gasp.models import CNN, GASPnet, GAttANet, KomplexNet
from gasp.settings import GaspError, Settings, explain, read_yaml

__all__ = ["Profile", "load_profile"]

S = TypeVar("S", bound=Settings)


class Task(Dataset):
    """A data set, and what it changes of a profile's settings."""

    network: dict[str, Any] = Field({})
    dynamics: dict[str, Any] = Field({})
    training: dict[str, Any] = Field({})


class Block(Settings):
    """A part of the grid: every variant on every data set, with every seed.

    Attributes:
        seeds: those of the profile when omitted.
    """

    datasets: tuple[str, ...] = Field(min_length=1)
    variants: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(None, min_length=1)


class Profile(Settings):
    """At what scale the book is run; read from ``book/profiles/NAME.yaml``.

    Attributes:
        description: one line for the reader.
        judges: whether runs this long can judge a claim; if not, pages say so.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        workers: how many runs at once; 0 for one a core, or one alone on a GPU.
        seeds: of the runs.
        datasets: by name.
        grid: the runs.
        dynamics: of GASPnet.
    """

    name: str
    description: str
    judges: bool
    device: str = "auto"
    workers: int = Field(0, ge=0)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    datasets: dict[str, Task]
    grid: tuple[Block, ...]
    network: Network = Network()
    dynamics: Dynamics = Dynamics()
    training: TrainingSettings
    evaluation: Evaluation

    @model_validator(mode="after")
    def _names_and_changes(self) -> Self:
        for block in self.grid:
            self._check(block.datasets, block.variants)
        for name, task in self.datasets.items():
            for section in ("network", "dynamics", "training"):
                settings = getattr(self, section)
                try:
                    _changed(settings, getattr(task, section))
                except ValidationError as error:
                    raise GaspError(f"in datasets.{name}.{section}, {explain(error, type(settings))}") from None
        return self

    @property
    def store(self) -> Store:
        return Store(project_root() / "runs" / self.name)

    @property
    def of_trained_networks(self) -> Profile:
        """Where to find networks that have learned enough to be looked at: this profile, or ``cpu`` if it judges nothing."""
        return self if self.judges else load_profile("cpu")

    def experiments(self, datasets: Sequence[str] | None = None, variants: Sequence[str] | None = None) -> list[Experiment]:
        """The runs of the grid, first seeds first; of all data sets and variants where none are named."""
        self._check(datasets or (), variants or ())
        cells = dict.fromkeys(
            (seed, dataset, variant)
            for block in self.grid
            for dataset, variant, seed in itertools.product(block.datasets, block.variants, block.seeds or self.seeds)
            if (datasets is None or dataset in datasets) and (variants is None or variant in variants)
        )
        return [self.experiment(dataset, variant, seed) for seed, dataset, variant in sorted(cells, key=itemgetter(0))]

    def experiment(self, dataset: str, variant: str, seed: int) -> Experiment:
        self._check([dataset], [variant])
        if seed < 0:
            raise GaspError(f"a seed must be at least 0, not {seed}")
        task, changes = self.datasets[dataset], VARIANTS[variant]
        network = _changed(self.network, task.network)
        ours = _changed(self.dynamics, task.dynamics | changes.dynamics)
        dynamics: dict[type[CNN], Dynamics | Attention | ComplexDynamics | None] = {
            CNN: None,
            GASPnet: ours,
            GAttANet: Attention(steps=ours.steps),
            KomplexNet: ComplexDynamics(steps=ours.steps),
        }
        return Experiment(
            dataset=dataset,
            data=Dataset(items=task.items, background=task.background, scenes=task.scenes),
            variant=variant,
            network=network.wider(changes.wider),
            dynamics=dynamics[changes.model],
            training=_changed(self.training, task.training | changes.training),
            evaluation=self.evaluation,
            seed=seed,
        )

    def _check(self, datasets: Sequence[str], variants: Sequence[str]) -> None:
        for dataset in datasets:
            if dataset not in self.datasets:
                raise GaspError(f"profile {self.name} has no data set {dataset!r}, but {', '.join(self.datasets)}")
        for variant in variants:
            if variant not in VARIANTS:
                raise GaspError(f"unknown variant {variant!r}: there are {', '.join(VARIANTS)}")


def _changed(settings: S, changes: dict[str, Any]) -> S:
    """Settings with some values replaced, as strictly checked as a profile's."""
    return type(settings).model_validate_json(json.dumps({**settings.model_dump(), **changes}))


def load_profile(name: str, /, **overrides: Any) -> Profile:
    """Read a profile; ``overrides`` replace single values by their name, such as ``epochs=2``.

    Raises:
        GaspError: for a profile that does not exist or is not YAML, and for every unknown, missing or mistyped key.
    """
    folder = project_root() / "book" / "profiles"
    path = folder / f"{name}.yaml"
    try:
        values = read_yaml(path.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise GaspError(f"unknown profile {name!r}: there are {known}") from None
    except (GaspError, OSError, UnicodeDecodeError) as error:
        raise GaspError(f"{path} is not a profile: {error}") from error
    if not isinstance(values, dict):
        raise GaspError(f"{path} is not a profile: it must be a mapping of keys to values")
    if "name" in values:
        raise GaspError(f"{path}: unknown key name: a profile is called as its file")
    for key, value in overrides.items():
        _override(values, key, value)
    try:
        # JSON in between, so that a list may stand for a tuple while all else is strict
        return Profile.model_validate_json(json.dumps({"name": name, **values}, default=str))
    except (ValidationError, TypeError) as error:
        complaint = explain(error, Profile) if isinstance(error, ValidationError) else str(error)
        raise GaspError(f"{path}: {complaint}") from None


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    """Replace the one setting of this name, dotted or not, wherever it is nested."""
    sections = {
        "": Profile.model_fields,
        "network": Network.model_fields,
        "dynamics": Dynamics.model_fields,
        "training": TrainingSettings.model_fields,
        "evaluation": Evaluation.model_fields,
    }
    paths = [(section, name) for section, fields in sections.items() for name in fields if name not in (*sections, "name")]
    fitting = [(section, name) for section, name in paths if key in (name, f"{section}.{name}")]
    if not fitting:
        close = difflib.get_close_matches(key.rpartition(".")[2], [name for _, name in paths], 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise GaspError(
            f"unknown parameter {key!r}{hint}: there are {', '.join('.'.join(filter(None, path)) for path in paths)}"
        )
    if len(fitting) > 1:
        raise GaspError(f"parameter {key!r} could be {' or '.join('.'.join(path) for path in fitting)}: write it in full")
    (section, name), *_ = fitting
    place = values.setdefault(section, {}) if section else values
    if isinstance(place, dict):  # else validation says what is wrong with the section
        place[name] = value
    # what single data sets or blocks of the grid say of it gives way
    datasets, grid = values.get("datasets"), values.get("grid")
    parts = [*datasets.values()] if isinstance(datasets, dict) else []
    parts = [part.get(section) for part in parts if isinstance(part, dict)] if section else []
    if (section, name) == ("", "seeds") and isinstance(grid, list):
        parts = grid
    for part in parts:
        if isinstance(part, dict):
            part.pop(name, None)
