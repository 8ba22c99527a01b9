"""Folders, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from gasp.settings import GaspError

__all__ = ["make_folder", "whole"]


def make_folder(path: Path) -> None:
    """Make a folder that can be written to, unless there is one.

    Raises:
        GaspError: if that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GaspError(f"{path} cannot be written ({error.strerror})") from error
    if not os.access(path, os.W_OK):
        raise GaspError(f"{path} cannot be written: it is read-only")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A scratch file beside ``path`` that takes its place when the block ends well, and is gone when it does not.

    Raises:
        GaspError: if it cannot be written.
    """
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield scratch
        os.replace(scratch, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GaspError(f"{path} cannot be written ({reason}): nothing was changed") from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
