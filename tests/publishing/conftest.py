"""A copy of the package that a test may change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import gasp


@pytest.fixture
def package(tmp_path) -> Iterator[Path]:
    """A copy of the package, which chapters are then compared with."""
    original = gasp.__path__[0]
    copy = tmp_path / "copy" / "gasp"
    gasp.__path__[0] = str(shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__")))
    yield copy
    gasp.__path__[0] = original
