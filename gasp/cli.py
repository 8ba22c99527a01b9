"""The command line: ``gasp experiments list|run|status``, ``gasp book …``, ``gasp bench|doctor|faults``."""

from __future__ import annotations

import logging
import math
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Column, Table

from gasp.settings import GaspError, explain, read_yaml

if TYPE_CHECKING:
    from gasp.experiments.specification import Experiment
    from gasp.experiments.store import Store

app = typer.Typer(help="GASPnet: global agreement to synchronize phases.", no_args_is_help=True, pretty_exceptions_enable=False)
book = typer.Typer(help="Execute, check and build the chapters of the book.", no_args_is_help=True)
app.add_typer(book, name="book")

Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters, such as 3 or two_digits; all when omitted.")]
ProfileName = Annotated[str, typer.Option("--profile", help="A profile in book/profiles: smoke, cpu or paper.")]
Parameters = Annotated[list[str] | None, typer.Option("-p", help="NAME=VALUE: override one setting of the profile.")]


class Action(StrEnum):
    LIST = "list"
    RUN = "run"
    STATUS = "status"


@app.command("experiments")
def experiments(
    action: Annotated[Action, typer.Argument(help="List the runs, run those that are missing, or show their progress.")],
    profile: ProfileName = "smoke",
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only these data sets, of the grid or of --study.")
    ] = None,
    variants: Annotated[
        list[str] | None, typer.Option("--variant", help="Only these variants, of the grid or of --study.")
    ] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="Only these seeds.")] = None,
    studies: Annotated[list[str] | None, typer.Option("--study", help="Only these studies.")] = None,
    parameters: Parameters = None,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler whose workers share this folder.")] = "",
) -> None:
    """List, run or inspect the grid (data set × variant × seed) and the studies. A stopped run resumes where it stopped."""
    from gasp.experiments.execution import run_all
    from gasp.experiments.profile import load_profile

    settings = load_profile(profile, **_parse(parameters or []))
    runs = settings.all_runs(datasets, variants, seeds, studies)
    if not runs:
        where = "in these studies" if studies else "in its grid (for a study, add --study NAME)"
        raise GaspError(f"profile {profile} has no such runs {where}: see gasp experiments list --profile {profile}")
    if action == Action.RUN:
        run_all(runs, settings, scheduler)
        print(f"done: {len(runs)} of {len(runs)}, in {settings.store.directory / 'results'}")
        return
    in_study = {run.key: name for name in studies or settings.studies for run in settings.study(name)}
    if action == Action.LIST:
        _show_cells(runs, in_study)
    else:
        _show_status(runs, settings.store, in_study)


def _show_cells(runs: list[Experiment], in_study: Mapping[str, str]) -> None:
    """Print a row per data set, variant and study: its seeds, and the label of the variant or the name of the study."""
    from gasp.experiments.variants import VARIANTS

    seeds: dict[tuple[str, str, str], list[str]] = {}
    for run in runs:
        what = f"study {in_study[run.key]}" if run.key in in_study else VARIANTS[run.variant].label
        seeds.setdefault((run.dataset, run.variant, what), []).append(str(run.seed))
    rows = [(dataset, variant, ", ".join(each), what) for (dataset, variant, what), each in seeds.items()]
    _show(["data set", "variant", "seeds", "what it is"], rows)
    print(f"runs: {len(runs)}")


def _show_status(runs: list[Experiment], store: Store, in_study: Mapping[str, str]) -> None:
    """Print a row per data set, variant and study: the number of runs that are done, and the progress of the others."""
    from gasp.experiments.execution import status

    table, rows = status(runs, store), []
    table["study"] = [in_study.get(key, "") for key in table["key"]]
    for (dataset, variant, study), cell in table.groupby(["dataset", "variant", "study"], sort=False):
        states = ["done" if cell["tested"].all() else f"{cell['tested'].sum()} of {len(cell)} done"]
        begun = cell[(cell["trained"] != 0) & ~cell["tested"]]
        for seed, trained in zip(begun["seed"], begun["trained"], strict=True):
            if math.isnan(trained):
                states.append(f"seed {seed} has a damaged checkpoint")
            else:
                states.append(f"seed {seed} trained, not tested" if trained == 1 else f"seed {seed} at {trained:.0%}")
        rows.append((dataset, variant, ", ".join(states), study))
    _show(["data set", "variant", "state", "study"], rows)
    print(f"done: {table['tested'].sum()} of {len(table)}")


@book.command("run")
def book_run(
    chapters: Chapters = None,
    profile: ProfileName = "smoke",
    parameters: Parameters = None,
    force: Annotated[bool, typer.Option("--force", help="Also execute chapters that are up to date.")] = False,
) -> None:
    """Execute the chapters that are not up to date into runs/PROFILE."""
    from gasp.publishing.chapters import run_chapters

    for path in run_chapters(chapters or [], profile, _parse(parameters or []), force):
        print(f"wrote {path}")


@book.command("check")
def book_check(chapters: Chapters = None, profile: ProfileName = "smoke") -> None:
    """Check that every executed chapter is complete, free of errors and up to date."""
    from gasp.publishing.chapters import check_chapters

    if faults := check_chapters(chapters or [], profile):
        raise GaspError("; ".join(f"{name} is {fault}" for name, fault in faults.items()))
    print(f"the chapters of profile {profile} are ready")


@book.command("build")
def book_build(
    profile: ProfileName = "smoke",
    changed: Annotated[bool, typer.Option("--changed", help="Build only what has changed.")] = False,
) -> None:
    """Build the book as HTML from the executed chapters."""
    from gasp.publishing.site import build_book

    print(f"open {build_book(profile, clean=not changed)}")


@book.command("open")
def book_open(profile: ProfileName = "smoke") -> None:
    """Open the built book in the browser."""
    from gasp.publishing.site import first_page

    page = first_page(profile)
    typer.launch(str(page))
    print(f"opened {page}")


@book.command("watch")
def book_watch(
    profile: ProfileName = "smoke",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5500,
) -> None:
    """Serve the book; execute and rebuild what you change, until Ctrl-C."""
    from gasp.publishing.site import watch_book

    watch_book(profile, port)


@book.command("archive")
def book_archive(profile: ProfileName = "smoke") -> None:
    """Pack the built book, its notebooks, scripts and results into one zip file."""
    from gasp.publishing.site import archive_book

    print(f"wrote {archive_book(profile)}")


@app.command("doctor")
def doctor() -> None:
    """Show what is installed and what is missing, which device and data are used, and test a tiny training run."""
    from gasp.tools.doctor import examine

    findings = list(examine())
    rows = []
    for finding in findings:
        rows.append((finding.what, finding.found))
        if finding.remedy:
            rows.append(("", f"→ {finding.remedy}"))
    _show(["what", "found"], rows)
    if problems := sum(bool(finding.remedy) for finding in findings):
        raise GaspError(f"problems found: {problems}; see the arrows above")
    print("all is well")


@app.command("faults")
def faults(
    profile: ProfileName = "smoke",
    quick: Annotated[bool, typer.Option("--quick", help="Try each fault once; takes a minute or two.")] = False,
) -> None:
    """Disturb small grids by kills, full disks and damaged files; count what is lost, in runs/PROFILE/faults.csv."""
    from gasp.experiments.profile import load_profile
    from gasp.tools.faults import MUST_BE_ZERO, measure, summary

    directory = load_profile(profile).store.directory
    table = summary(measure(directory, quick))
    counts = table[list(MUST_BE_ZERO)]
    wrong = [", ".join(f"{name} {count}" for name, count in row[row > 0].items()) for _, row in counts.iterrows()]
    shown = table[["trials", "met", "resumed", "again", "leave"]].astype("string").fillna("–")
    header = [_right(name) for name in ("trials", "stopped", "resumed", "steps again", "leave [s]")]
    rows = ((fault, *row, what or "nothing") for (fault, row), what in zip(shown.T.items(), wrong, strict=True))
    _show(["fault", *header, "wrong"], rows)
    print(f"wrote {directory / 'faults.csv'}")
    if any(wrong):
        raise GaspError("finished work can be lost on this machine: see the column 'wrong' above")


@app.command("bench")
def bench(
    profile: ProfileName = "smoke",
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds and a short epoch; takes less than a minute.")] = False,
    threads: Annotated[int | None, typer.Option(help="Threads of each measurement; all cores when omitted.")] = None,
) -> None:
    """Measure what training, inference and coupling cost on this machine, into runs/PROFILE/bench.csv."""
    from matplotlib.ticker import EngFormatter

    from gasp.experiments.profile import load_profile
    from gasp.tools.bench import measure

    directory = load_profile(profile).store.directory
    cases = measure(directory, quick, threads).groupby(["group", "case", "size"], sort=False)[["seconds", "floor"]].median()
    rows = ((*case, *map(EngFormatter("s", places=1), row)) for case, *row in cases.itertuples())
    _show(["group", "case", *map(_right, ("size", "median", "floor"))], rows)
    print(f"wrote {directory / 'bench.csv'}")


def _show(header: Sequence[str | Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, fitted to the terminal. If the output is piped, each row is one line, however long."""
    table = Table(*header, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row))
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def _right(header: str) -> Column:
    """A column of numbers, aligned to the right."""
    return Column(header, justify="right")


def _parse(parameters: list[str]) -> dict[str, Any]:
    """Turn ``["epochs=2"]`` into ``{"epochs": 2}``; values are YAML."""
    overrides = {}
    for parameter in parameters:
        name, equals, text = parameter.partition("=")
        if not equals:
            raise GaspError(f"parameter {parameter!r} must be NAME=VALUE")
        try:
            overrides[name] = read_yaml(text)
        except GaspError as error:
            raise GaspError(f"the value of parameter {parameter!r} is not YAML: {error}") from error
    return overrides


def main() -> None:
    """Run the command. An error that the user can cause gives one line on stderr and exit status 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C
    try:
        app()
    except (GaspError, ValidationError) as error:
        message = explain(error) if isinstance(error, ValidationError) else error
        print(f"gasp: {message}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != 130:  # how typer ends after Ctrl-C
            raise
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would report the tasks that were left unfinished
        print("gasp: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)  # so that a signal while Python shuts down prints no traceback


if __name__ == "__main__":  # python -m gasp.cli
    main()
