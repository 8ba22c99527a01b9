"""Profiles: the scale at which the book is run, and the grid of its runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from pydantic import Field, ValidationError, create_model, model_validator

from gasp.experiments.overrides import override
from gasp.experiments.specification import Dataset, Evaluation, Experiment
from gasp.experiments.store import Store, project_root
from gasp.experiments.studies import Change, Study
from gasp.experiments.variants import MODELS, VARIANTS
from gasp.learning.training import TrainingSettings
from gasp.models import LayerSizes
from gasp.settings import MOST_SEEDS, GaspError, Seed, Settings, explain, known_names, read_yaml

__all__ = ["Profile", "load_profile"]

if TYPE_CHECKING:
    ModelSections = Settings
else:
    # one section for each registered model, such as ``models: {gaspnet: {steps: 2}}``
    ModelSections = create_model(
        "ModelSections", __base__=Settings, **{kind: (model.Settings, model.Settings()) for kind, model in MODELS.items()}
    )


class Task(Dataset):
    """A data set, the claims that are judged on it, and the settings in which it differs from the profile.

    Attributes:
        claims: names of the claims.
        network: replacements in the profile's layer sizes; ``models`` and ``training`` are replacements in its other sections.
    """

    claims: tuple[str, ...] = ()
    network: LayerSizes = LayerSizes()
    models: ModelSections = ModelSections()
    training: dict[str, Any] = Field({})


class Block(Settings):
    """A part of the grid: every variant on every data set, with every seed.

    Attributes:
        seeds: seeds of the block; those of the profile when omitted.
        draw: the draw of test scenes of the block; that of the profile when omitted.
    """

    datasets: tuple[str, ...] = Field(min_length=1)
    variants: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] | None = Field(None, min_length=1)
    draw: int | None = Field(None, ge=0)


class Profile(Settings):
    """The settings of all runs of the book at one scale, read from ``book/profiles/NAME.yaml``.

    Attributes:
        name: name of the file.
        description: one line for the reader.
        judges: whether the runs are long enough to judge claims; if not, pages say so.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        workers: number of simultaneous runs; with 0, one per core, or one per GPU.
        seeds: seeds of the runs.
        datasets: data sets by name.
        grid: runs whose models are tested.
        studies: runs whose models are only validated, by the name of the study.
        network: sizes of the layers of all models.
        models: further settings of single models.
        training: how models are trained.
        evaluation: how they are tested.
    """

    name: str
    description: str
    judges: bool
    device: str = "auto"
    workers: int = Field(0, ge=0)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    datasets: dict[str, Task]
    grid: tuple[Block, ...]
    studies: dict[str, Study] = Field({})
    network: LayerSizes = LayerSizes()
    models: ModelSections = ModelSections()
    training: TrainingSettings
    evaluation: Evaluation

    @model_validator(mode="after")
    def _every_run_can_be_specified(self) -> Self:
        for block in self.grid:
            self._check(block.datasets, block.variants)
        places: list[tuple[str, Callable[[], object]]] = [("grid", lambda: self._draws)]
        for dataset, variant in itertools.product(self.datasets, VARIANTS):
            places.append((f"datasets.{dataset}", partial(self.experiment, dataset, variant, 0)))
        places += [(f"studies.{name}", partial(self.study, name)) for name in self.studies]
        for place, specify in places:
            try:
                specify()
            except GaspError as error:
                raise GaspError(f"in {place}, {error}") from None
        return self

    @cached_property
    def store(self) -> Store:
        return Store(project_root() / "runs" / self.name)

    @property
    def keys(self) -> set[str]:
        """The keys of all runs of the grid and of the studies."""
        return {run.key for run in self.all_runs()}

    @property
    def examples(self) -> Profile:
        """The profile whose networks serve as examples: this one, or ``cpu`` if the runs of this one are too short."""
        return self if self.judges else load_profile("cpu")

    def studied(self, *studies: str) -> pd.DataFrame:
        """The results of those runs of some studies that are stored, as :meth:`Store.table` gives them."""
        runs = [run for name in studies for run in self.study(name)]
        return self.store.table([run for run in runs if run.key in self.store])

    def experiments(self, datasets: Sequence[str] | None = None, variants: Sequence[str] | None = None) -> list[Experiment]:
        """The runs of the grid, ordered by seed, for these data sets and variants; for all when omitted."""
        self._check(datasets or (), variants or ())
        return [run for run in self._grid if _is_among(run.dataset, datasets) and _is_among(run.variant, variants)]

    @cached_property
    def _grid(self) -> list[Experiment]:
        """The runs of the grid, ordered by seed."""
        cells = sorted(self._draws, key=lambda cell: cell[0])
        return [self.experiment(dataset, variant, seed) for seed, dataset, variant in cells]

    @cached_property
    def _draws(self) -> dict[tuple[int, str, str], int]:
        """The draw of test scenes for every seed, data set and variant of the grid."""
        draws: dict[tuple[int, str, str], int] = {}
        for block in self.grid:
            draw = self.evaluation.draw if block.draw is None else block.draw
            for dataset, variant, seed in itertools.product(block.datasets, block.variants, block.seeds or self.seeds):
                if draws.setdefault((seed, dataset, variant), draw) != draw:
                    raise GaspError(f"two blocks test {variant} on {dataset} on different draws of scenes")
        return draws

    def all_runs(
        self,
        datasets: Sequence[str] | None = None,
        variants: Sequence[str] | None = None,
        seeds: Sequence[int] | None = None,
        studies: Sequence[str] | None = None,
    ) -> list[Experiment]:
        """The runs of the grid and of the studies, or a selection of them.

        Args:
            datasets, variants, seeds: only these. Data sets or variants given without studies select runs of the grid alone.
            studies: only these studies, without the grid. A variant that a study changes still counts as that variant.
        """
        grid = [] if studies else self.experiments(datasets, variants)
        chosen = studies or (() if datasets or variants else self.studies)
        runs = [*grid, *(run for name in chosen for run in self.study(name, datasets, variants))]
        return [run for run in runs if seeds is None or run.seed in seeds]

    def experiment(self, dataset: str, variant: str, seed: int) -> Experiment:
        """The run of a variant on a data set. If it is not in the grid, it is tested on the profile's draw of scenes."""
        draw = self._draws.get((seed, dataset, variant), self.evaluation.draw)
        return self._specify(dataset, Change(variant=variant), seed, self.evaluation.changed({"draw": draw}), {})

    def study(
        self, name: str, datasets: Sequence[str] | None = None, variants: Sequence[str] | None = None
    ) -> list[Experiment]:
        """The runs of a study, ordered by seed. Each is named after its variant and its changes.

        Args:
            datasets, variants: only these; all when omitted.

        Raises:
            GaspError: for an unknown study, data set or variant.
        """
        self._check(datasets or (), variants or ())
        if name not in self.studies:
            raise GaspError(f"profile {self.name} has no study {name!r}, but {', '.join(self.studies) or 'none'}")
        study = self.studies[name]
        evaluation = study.evaluation(self.evaluation.validation_scenes)
        return [
            self._specify(dataset, change, seed, evaluation, {"epochs": study.epochs})
            for seed, dataset, change in itertools.product(study.seeds, study.datasets, study.runs)
            if _is_among(dataset, datasets) and _is_among(change.variant, variants)
        ]

    def _specify(
        self, dataset: str, change: Change, seed: int, evaluation: Evaluation, training: Mapping[str, Any]
    ) -> Experiment:
        """The specification of a run. Later settings replace earlier ones: model, profile, data set, variant, change."""
        self._check([dataset], [change.variant])
        if not 0 <= seed < MOST_SEEDS:
            raise GaspError(f"a seed must be at least 0 and below {MOST_SEEDS:,}, not {seed:,}")
        task, variant = self.datasets[dataset], VARIANTS[change.variant]
        evaluation.check_levels(task.scenes.size)
        kind = variant.model.kind()
        sections = (self.network, getattr(self.models, kind), task.network, getattr(task.models, kind))
        settings: dict[str, Any] = {}
        for section in sections:
            settings |= section.model_dump(exclude_unset=True)
        settings |= {**variant.settings, **change.model}
        return Experiment(
            dataset=dataset,
            variant=change.label,
            data=Dataset(**{name: getattr(task, name) for name in Dataset.model_fields}),
            model=variant.model.Settings.of(settings).wider(variant.wider),
            training=self.training.changed({**task.training, **variant.training, **training, **change.training}),
            evaluation=evaluation,
            seed=seed,
        )

    def _check(self, datasets: Sequence[str], variants: Sequence[str]) -> None:
        for dataset in datasets:
            if dataset not in self.datasets:
                raise GaspError(f"profile {self.name} has no data set {dataset!r}, but {', '.join(self.datasets)}")
        for variant in variants:
            if variant not in VARIANTS:
                raise GaspError(f"unknown variant {variant!r}: {known_names(variant, list(VARIANTS))}")


def load_profile(name: str, /, **overrides: Any) -> Profile:
    """Read a profile. ``overrides`` replace single settings by name, such as ``epochs=2``.

    Raises:
        GaspError: for a profile that does not exist or is not YAML, for every unknown, missing or mistyped key, and for an
            override that changes no run, because each has this value already or its variant sets its own.
    """
    profile = _read(name, overrides)
    used = {variant for block in profile.grid for variant in block.variants}
    used |= {change.variant for study in profile.studies.values() for change in study.runs}
    for key in overrides:
        setting = key.split(".")[-1]
        fixed = [variant for variant in VARIANTS if variant in used and setting in VARIANTS[variant].changed]
        if fixed and profile.keys == _read(name, {other: overrides[other] for other in overrides.keys() - {key}}).keys:
            why = f"each has this value already, or its variant sets its own ({', '.join(fixed)})"
            raise GaspError(f"parameter {key!r} changes no run of profile {name}: {why}")
    return profile


def _read(name: str, overrides: Mapping[str, Any]) -> Profile:
    """Read a profile, some of whose settings are replaced."""
    folder = project_root() / "book" / "profiles"
    path = folder / f"{name}.yaml"
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in known:
        raise GaspError(f"unknown profile {name!r}: there are {', '.join(known)}")
    try:
        values = read_yaml(path.read_text())
    except (GaspError, OSError, UnicodeDecodeError) as error:
        raise GaspError(f"{path} is not a profile: {error}") from error
    if not isinstance(values, dict):
        raise GaspError(f"{path} is not a profile: it must be a mapping of keys to values")
    if "name" in values:
        raise GaspError(f"{path}: unknown key name: a profile has the name of its file")
    for key, value in overrides.items():
        override(values, key, value, Profile.model_fields)
    try:
        # by way of JSON, so that a list may stand for a tuple while all else is strict
        return Profile.model_validate_json(json.dumps({"name": name, **values}, default=str))
    except (ValidationError, TypeError) as error:
        complaint = explain(error, Profile) if isinstance(error, ValidationError) else str(error)
        changes = " with " + ", ".join(f"{key}={value}" for key, value in overrides.items()) if overrides else ""
        raise GaspError(f"{path}{changes}: {complaint}") from None


def _is_among(name: str, asked: Sequence[str] | None) -> bool:
    """Whether a name is selected; when no names are given, all are."""
    return asked is None or name in asked
