"""The fingerprint of a chapter: one hash of everything that determines its results. If it changes, the chapter is stale.

The fingerprint covers the chapter's script, its settings (profile and overrides), and the part of the package that the
chapter uses: the modules that it imports, all that these import in turn, and the data files beside them. It does not cover
the code that executes, checks and builds chapters, because that code does not change what a chapter says.

It also covers which runs of the profile are stored. Measurements count where chapters only read them: in profiles that judge.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp

import gasp
from gasp.experiments.profile import load_profile
from gasp.settings import GaspError

__all__ = ["fingerprint", "modules_used"]


def fingerprint(chapter: Path, profile: str, overrides: dict[str, Any]) -> str:
    """The fingerprint of a chapter that is executed with these settings: 16 hexadecimal digits."""
    settings, used = load_profile(profile, **overrides), modules_used(chapter)
    store, files = settings.store, _files(used)
    if settings.judges and "gasp.experiments.measurements" in used:
        files += sorted(path for kind in ("csv", "json") for path in store.directory.glob(f"*.{kind}"))
    parts = [chapter.read_bytes(), settings.model_dump_json().encode(), *(path.read_bytes() for path in files)]
    parts += [key.encode() for key in sorted(settings.keys) if key in store]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def modules_used(chapter: Path) -> set[str]:
    """The modules of the package that run when a chapter is executed.

    Importing a module runs the packages that contain it and all that it imports. An import inside a function counts, too.

    Raises:
        GaspError: if a module of the package is not valid Python.
    """
    try:
        graph = grimp.build_graph("gasp", cache_dir=None)
    except grimp.exceptions.SourceSyntaxError as error:
        raise GaspError(str(error)) from error
    used: set[str] = set()
    found = set(_imported(chapter)) & graph.modules
    while found:
        used |= found
        parents = {name.rpartition(".")[0] for name in found} & graph.modules
        found = parents.union(*map(graph.find_modules_directly_imported_by, found)) - used
    return used


def _imported(chapter: Path) -> Iterator[str]:
    """Every name that the chapter imports, whether a module or an object in one."""
    try:
        tree = ast.parse(chapter.read_bytes())
    except SyntaxError:  # the execution will report it
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(modules: set[str]) -> list[Path]:
    """The source files of modules of the package, and the data files beside them."""
    (package,) = map(Path, gasp.__path__)
    files = set()
    for name in modules:
        path = package.parent.joinpath(*name.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        data = (beside for beside in source.parent.glob("[!.]*.*") if beside.suffix != ".py")
        files |= {source, *data}
    return sorted(files)
