"""Tables for the pages: means of variants, and differences between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from IPython.display import Markdown

from gasp.analysis.statistics import (
    at_level,
    decomposition,
    formatted,
    last_step,
    levels_of,
    mean_interval,
    mean_over_levels,
    over_noise,
    paired_difference,
    undisturbed,
)
from gasp.experiments.execution import run_all
from gasp.experiments.profile import Profile
from gasp.experiments.variants import VARIANTS

__all__ = [
    "DATASETS",
    "LONGER",
    "by_condition",
    "by_run",
    "by_seed",
    "by_training",
    "by_variant",
    "dataset_label",
    "lengths_of_training",
    "parts_of_difference",
    "run_label",
    "table",
    "table_of",
]

DATASETS = {
    "multi_mnist": "two digits",
    "multi_mnist_longer": "two digits (longer training)",
    "multi_mnist_25": "two digits (overlap up to 25 %)",
    "multi_mnist_50": "two digits (overlap up to 50 %)",
    "multi_mnist_cifar": "two digits on a photograph",
    "multi_mnist_cifar_longer": "two digits on a photograph (longer training)",
    "coloured_mnist": "two painted digits",
    "inside": "inside or outside",
    "touching": "touching or apart",
    "same_different": "same or different",
    "cifar_mnist": "digit on a photograph (CIFAR-MNIST)",
    "cifar_fashion": "garment on a photograph (CIFAR-Fashion)",
}
"""What pages call the data sets of the book's profiles."""

LONGER = "_longer"
"""How the name of a data set ends that has another's scenes, and longer training."""

Compared = str | tuple[str, str]
"""A variant, for its mean; or two variants, for the first minus the second, paired by seed."""


def dataset_label(name: str) -> str:
    """What pages call a data set: its name in the profile, unless ``DATASETS`` has another."""
    return DATASETS.get(name, name)


def run_label(run: str) -> str:
    """What pages call a run of a study, given as a variant and its changed settings: the variant's label and the settings."""
    variant, *changes = run.split(", ")
    return ", ".join([VARIANTS[variant].label, *changes])


def table(header: Sequence[str], rows: Iterable[Sequence[str]], folded: str = "") -> Markdown:
    """A table for a page.

    Args:
        folded: a title under which the table is hidden until the title is clicked.
    """
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])
    return Markdown(f"````{{dropdown}} {folded}\n{text}\n````" if folded else text)


def table_of(cells: pd.DataFrame, *index: str, folded: str = "") -> Markdown:
    """A data frame of texts as a table for a page, its index as the first columns.

    Args:
        index: the headings of the index columns.
        folded: as in :func:`table`.
    """
    return table([*index, *cells.columns], cells.reset_index().to_numpy().tolist(), folded)


def by_condition(
    conditions: Mapping[str, pd.DataFrame] | Mapping[tuple[str, ...], pd.DataFrame], *compared: Compared
) -> pd.DataFrame:
    """A row for each condition, a column for each variant or difference: means over seeds with 95 % intervals.

    Args:
        conditions: by their labels, one value for each variant and seed.
        compared: what each column shows.
    """
    cells = [[_cell(values, what) for what in compared] for values in conditions.values()]
    return pd.DataFrame(cells, pd.Index(list(conditions)), [_label(what) for what in compared])


def by_training(results: Mapping[str, pd.DataFrame], levels: Sequence[float], *compared: Compared) -> pd.DataFrame:
    """A row for each level of Gaussian noise and what is compared, a column for each length of training, as in
    :func:`by_condition`.

    Args:
        results: by the length of training, as :func:`lengths_of_training` gives them.
        levels: shown besides no noise and the mean over all levels.
    """
    columns = {}
    for length, table in results.items():
        average = {"mean over noise": mean_over_levels(levels_of(table, "gaussian"))}
        columns[length] = by_condition(over_noise(table, levels) | average, *compared).stack()
    return pd.concat(columns, axis=1)


def lengths_of_training(profile: Profile, dataset: str, variants: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The results of variants on a data set, and on that of the same scenes and longer training, by length of training."""
    results = {}
    for name, said in {dataset: "", f"{dataset}{LONGER}": "longer: "}.items():
        if runs := profile.experiments([name], variants):
            epochs, draw = runs[0].training.epochs, runs[0].evaluation.draw
            results[f"{said}{epochs} epochs (draw {draw})"] = run_all(runs, profile)
    return results


def by_variant(
    conditions: Mapping[str, pd.DataFrame], variants: Sequence[str], means: bool = True, gaspnet: str = "gaspnet"
) -> pd.DataFrame:
    """A row for each variant; under each condition its mean over seeds, and GASPnet minus the variant, paired by seed.

    Args:
        conditions: by their labels, one value for each variant and seed.
        gaspnet: the variant from which the others are subtracted.
        means: whether to show means beside differences.
    """
    columns = []
    for label, values in conditions.items():
        if means:
            columns.append(pd.Series([_cell(values, variant) for variant in variants], name=label))
        gains = ["" if variant == gaspnet else _cell(values, (gaspnet, variant)) for variant in variants]
        where = f", {label}" if len(conditions) > 1 else ""
        columns.append(pd.Series(gains, name=f"{_label(gaspnet)} − this one{where}" if means else label))
    return pd.concat(columns, axis=1).set_axis([_label(variant) for variant in variants])


def parts_of_difference(conditions: Mapping[str, pd.DataFrame], gaspnet: str = "gaspnet", cnn: str = "cnn") -> pd.DataFrame:
    """The parts of GASPnet's difference from the CNN, a column for each condition: see :func:`decomposition`.

    Args:
        conditions: by their labels, one value for each variant, seed and time step.
        gaspnet, cnn: the variants.
    """
    parts = {label: decomposition(rows, gaspnet, cnn) for label, rows in conditions.items()}
    return pd.DataFrame({label: {part: formatted(gain, sign=True) for part, gain in of.items()} for label, of in parts.items()})


def by_run(results: pd.DataFrame, **metrics: pd.DataFrame) -> pd.DataFrame:
    """A row for each run of a study: means over seeds at the first and the last time step, and the phases at the last.

    A row has the name of the variant and the settings that were changed. For a model with one step, the last step is empty.

    Args:
        results: table of the study, see :meth:`gasp.experiments.store.Store.table`.
        metrics: further columns, one value for each run and seed.
    """
    accuracy = undisturbed(results)
    columns = {"first step": accuracy[accuracy["t"] == 0], "last step": last_step(accuracy[accuracy["t"] > 0])}
    for metric, label in {"order_within": "order, layer 1", "separation": "separation"}.items():
        columns[label] = last_step(at_level(levels_of(results, "phases", metric), 1))
    means = {label: rows.groupby("variant")["value"].mean() for label, rows in (columns | metrics).items()}
    cells = pd.DataFrame(means).reindex(results["variant"].unique())
    cells.index = cells.index.map(run_label)
    return cells.map(lambda mean: "" if pd.isna(mean) else f"{mean:.3f}")


def by_seed(columns: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each run of a study and each seed.

    Args:
        columns: by their labels, one value for each run and seed.
    """
    cells = pd.DataFrame({label: rows.set_index(["variant", "seed"])["value"] for label, rows in columns.items()})
    cells.index = pd.MultiIndex.from_tuples((run_label(run), str(seed)) for run, seed in cells.index)
    return cells.map(lambda value: f"{value:.3f}")


def _label(compared: Compared) -> str:
    return VARIANTS[compared].label if isinstance(compared, str) else " − ".join(VARIANTS[each].label for each in compared)


def _cell(values: pd.DataFrame, compared: Compared) -> str:
    variants = [compared] if isinstance(compared, str) else compared
    if not set(variants) <= set(values["variant"]):
        return "not run"
    if isinstance(compared, str):
        return formatted(mean_interval(values[values["variant"] == compared]["value"]))
    return formatted(paired_difference(values, *compared), sign=True)
