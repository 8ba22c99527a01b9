"""The command line: ``gasp experiments list|run|status``, ``gasp book …``, ``gasp bench|doctor|faults``."""

from __future__ import annotations

import logging
import signal
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from gasp.settings import GaspError, explain, read_yaml

if TYPE_CHECKING:
    from gasp.experiments.specification import Experiment
    from gasp.experiments.store import Store

app = typer.Typer(help="GASPnet: global agreement to synchronize phases.", no_args_is_help=True, pretty_exceptions_enable=False)
book = typer.Typer(help="Execute, check and build the chapters of the book.", no_args_is_help=True)
app.add_typer(book, name="book")

Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters by name or number; all of them when omitted.")]
ProfileName = Annotated[str, typer.Option("--profile", help="A profile of book/profiles: smoke, cpu or paper.")]
Parameters = Annotated[list[str] | None, typer.Option("-p", help="NAME=VALUE: replace one setting of the profile.")]


class Action(StrEnum):
    LIST = "list"
    RUN = "run"
    STATUS = "status"


@app.command("experiments")
def experiments(
    action: Annotated[Action, typer.Argument(help="What the grid asks for, what is not done yet, or how far it is.")],
    profile: ProfileName = "smoke",
    datasets: Annotated[list[str] | None, typer.Option("--dataset", help="Of these data sets only.")] = None,
    variants: Annotated[list[str] | None, typer.Option("--variant", help="Of these variants only.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", help="With these seeds only.")] = None,
    studies: Annotated[list[str] | None, typer.Option("--study", help="Of these studies only.")] = None,
    parameters: Parameters = None,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler whose workers share this folder.")] = "",
) -> None:
    """The grid of runs, data set × variant × seed, and the studies. A run that was stopped goes on where it was."""
    from gasp.experiments.execution import run_all
    from gasp.experiments.profile import load_profile

    settings = load_profile(profile, **_parse(parameters or []))
    runs = settings.all_runs(datasets, variants, seeds, studies)
    if not runs:
        raise GaspError(f"profile {profile} has no such runs: see gasp experiments list --profile {profile}")
    if action == Action.RUN:
        run_all(runs, settings, scheduler)
        print(f"done: {len(runs)} of {len(runs)}, in {settings.store.directory / 'results'}")
    elif action == Action.LIST:
        _print_cells(runs)
    else:
        _print_status(runs, settings.store)


def _print_cells(runs: list[Experiment]) -> None:
    """A line a data set and variant."""
    from gasp.experiments.variants import VARIANTS

    cells: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        cells.setdefault((run.dataset, run.variant), []).append(run.seed)
    for (dataset, variant), listed in cells.items():
        print(f"{dataset:<16} {variant:<18} seeds {', '.join(map(str, listed)):<30} {VARIANTS[variant].label}")
    print(f"runs: {len(runs)}")


def _print_status(runs: list[Experiment], store: Store) -> None:
    """A line a data set and variant."""
    from gasp.experiments.execution import status

    table = status(runs, store)
    for (dataset, variant), cell in table.groupby(["dataset", "variant"], sort=False):
        words = ["done" if cell["tested"].all() else f"{cell['tested'].sum()} of {len(cell)} done"]
        for seed, trained, tested in zip(cell["seed"], cell["trained"], cell["tested"], strict=True):
            if trained and not tested:
                words.append(f"seed {seed} " + ("to be tested" if trained == 1 else f"at {trained:.0%}"))
        print(f"{dataset:<16} {variant:<18} {', '.join(words)}")
    done = int(table["tested"].sum())
    print("every cell is done" if done == len(table) else f"done: {done} of {len(table)}")


@book.command("run")
def book_run(
    chapters: Chapters = None,
    profile: ProfileName = "smoke",
    parameters: Parameters = None,
    force: Annotated[bool, typer.Option("--force", help="Execute chapters that are up to date, too.")] = False,
) -> None:
    """Execute the chapters that are not up to date into runs/PROFILE."""
    from gasp.publishing.chapters import run_chapters

    for path in run_chapters(chapters or [], profile, _parse(parameters or []), force):
        print(f"wrote {path}")


@book.command("check")
def book_check(chapters: Chapters = None, profile: ProfileName = "smoke") -> None:
    """Refuse executed chapters that failed, are pending, or are stale."""
    from gasp.publishing.chapters import check_chapters

    faults = check_chapters(chapters or [], profile)
    if faults:
        raise GaspError("; ".join(f"{name} is {fault}" for name, fault in faults.items()))
    print(f"every chapter of profile {profile} is fit to be read")


@book.command("build")
def book_build(profile: ProfileName = "smoke") -> None:
    """Build the HTML of a profile's executed chapters."""
    from gasp.publishing.site import build_book

    print(f"open {build_book(profile)}")


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
    port: Annotated[int, typer.Option(help="Where the pages are served on this machine.")] = 5500,
) -> None:
    """Serve the book, and execute and build what changes while you edit, until Ctrl-C."""
    from gasp.publishing.site import watch_book

    watch_book(profile, port)


@book.command("archive")
def book_archive(profile: ProfileName = "smoke") -> None:
    """Put the built book, its notebooks, scripts and results into one zip file."""
    from gasp.publishing.site import archive_book

    print(f"wrote {archive_book(profile)}")


@app.command("doctor")
def doctor() -> None:
    """Say what is installed, which device and data would be used, what is missing, and whether numbers come out right."""
    from gasp.tools.doctor import examine

    ill = 0
    for finding in examine():
        print(f"{finding.what:<24} {finding.found}")
        if finding.remedy:
            ill += 1
            print(f"{'':<24} → {finding.remedy}")
    if ill:
        raise GaspError(f"{ill} things are not well: see the arrows above")
    print("all is well")


@app.command("faults")
def faults(
    profile: ProfileName = "smoke",
    quick: Annotated[bool, typer.Option("--quick", help="Each fault once, within a minute or two.")] = False,
) -> None:
    """Kill, starve and damage small grids at random points, count what is lost, into runs/PROFILE/faults.csv."""
    from gasp.experiments.profile import load_profile
    from gasp.tools.faults import MUST_BE_ZERO, measure, summary

    directory = load_profile(profile).store.directory
    table = summary(measure(directory, quick))
    print(table.to_string())
    print(f"wrote {directory / 'faults.csv'}")
    if table[list(MUST_BE_ZERO)].to_numpy().any():
        raise GaspError(f"one of {', '.join(MUST_BE_ZERO)} is not 0: work can be lost here; see the table above")


@app.command("bench")
def bench(
    profile: ProfileName = "smoke",
    quick: Annotated[bool, typer.Option("--quick", help="Under a minute: few rounds, a short epoch.")] = False,
    threads: Annotated[int | None, typer.Option(help="Of each measurement; all cores when omitted.")] = None,
) -> None:
    """Measure what training, inference and coupling cost on this machine, into runs/PROFILE/bench.csv."""
    from gasp.experiments.profile import load_profile
    from gasp.tools.bench import measure

    directory = load_profile(profile).store.directory
    table = measure(directory, quick, threads)
    table = table.groupby(["group", "case", "size"], sort=False)[["seconds", "floor"]].median()
    print(table.to_string(float_format=lambda seconds: f"{1e3 * seconds:.3g} ms"))
    print(f"wrote {directory / 'bench.csv'}")


def _parse(parameters: list[str]) -> dict[str, Any]:
    """``["epochs=2"]`` to ``{"epochs": 2}``; values are YAML."""
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        app()
    except (GaspError, ValidationError) as error:
        message = explain(error) if isinstance(error, ValidationError) else error
        print(f"gasp: {message}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == 130:  # typer's answer to Ctrl-C
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # tasks that nobody waits for any more
            print("gasp: stopped; the same command goes on from here", file=sys.stderr)
        raise


if __name__ == "__main__":  # python -m gasp.cli
    main()
