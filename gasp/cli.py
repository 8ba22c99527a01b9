"""The command line: ``gasp book run|check|build`` and ``gasp bench``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gasp.settings import GaspError, explain

app = typer.Typer(help="GASPnet: global agreement to synchronize phases.", no_args_is_help=True, pretty_exceptions_enable=False)
book = typer.Typer(help="Execute, check and build the chapters of the book.", no_args_is_help=True)
app.add_typer(book, name="book")

Chapters = Annotated[list[str] | None, typer.Argument(help="Chapters by name or number; all of them when omitted.")]
ProfileName = Annotated[str, typer.Option("--profile", help="A profile of book/profiles: smoke, cpu or paper.")]
Parameters = Annotated[list[str] | None, typer.Option("-p", help="NAME=VALUE: replace one setting of the profile.")]


@book.command("run")
def book_run(
    chapters: Chapters = None,
    profile: ProfileName = "smoke",
    parameters: Parameters = None,
    force: Annotated[bool, typer.Option("--force", help="Execute chapters that are up to date, too.")] = False,
) -> None:
    """Execute the chapters that are not up to date into runs/PROFILE."""
    from gasp.book import run_chapters

    for path in run_chapters(chapters or [], profile, _parse(parameters or []), force):
        print(f"wrote {path}")


@book.command("check")
def book_check(chapters: Chapters = None, profile: ProfileName = "smoke") -> None:
    """Refuse executed chapters that failed, are pending, or are stale."""
    from gasp.book import check_chapters

    faults = check_chapters(chapters or [], profile)
    if faults:
        raise GaspError("; ".join(f"{name} is {fault}" for name, fault in faults.items()))
    print(f"every chapter of profile {profile} is fit to be read")


@book.command("build")
def book_build(profile: ProfileName = "smoke") -> None:
    """Build the HTML of a profile's executed chapters."""
    from gasp.book import build_book

    print(f"open {build_book(profile)}")


@app.command("bench")
def bench(
    profile: ProfileName = "smoke",
    quick: Annotated[bool, typer.Option("--quick", help="Under a minute: few rounds, a short epoch.")] = False,
    threads: Annotated[int | None, typer.Option(help="Of each measurement; all cores when omitted.")] = None,
) -> None:
    """Measure what training, inference and coupling cost on this machine, into runs/PROFILE/bench.csv."""
    from gasp.bench import measure
    from gasp.experiment import load_profile

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
            overrides[name] = YAML(typ="safe").load(text)
        except YAMLError:
            raise GaspError(f"the value of parameter {parameter!r} is not YAML") from None
    return overrides


def main() -> None:
    try:
        app()
    except (GaspError, ValidationError) as error:
        message = explain(error) if isinstance(error, ValidationError) else error
        print(f"gasp: {' '.join(str(message).split())}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == 130:  # typer's answer to Ctrl-C
            print("gasp: stopped; the same command goes on from here", file=sys.stderr)
        raise
