"""Folders, and files that are written whole or not at all and refused when they are not what was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, from_numpy, uint8

from gasp.settings import GaspError

__all__ = ["alone", "make_folder", "read_arrays", "read_tensors", "whole", "write_tensors", "write_text"]

LARGEST = 2**32  # bytes that an archive may hold when unpacked


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
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that only one process has at a time; the others wait.

    Raises:
        GaspError: if there can be no lock file at this path.
    """
    make_folder(path.parent)
    lock = FileLock(path)
    try:
        lock.acquire()
    except OSError as error:
        raise GaspError(f"{path} cannot be written ({error.strerror}): make room, then run again") from error
    try:
        yield
    finally:
        lock.release()


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
        raise GaspError(f"{path} cannot be written ({reason}): nothing was changed; make room, then run again") from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with whole(path) as scratch:
        scratch.write_text(text)


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write a safetensors file, whole or not at all, with a record of plain values beside the tensors, and their checksum."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    record = {"sha256": _digest(stored, record), **record}
    with whole(path) as scratch:
        save_file(stored, scratch, {"record": json.dumps(record)})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What :func:`write_tensors` wrote.

    Raises:
        GaspError: if the file is not whole, or not what was written.
    """
    remedy = "remove it; what it held is trained again"
    try:
        # as numpy: for torch it opens the path twice, and between the two the file may be replaced
        with safe_open(path, "numpy") as file:
            tensors = {name: from_numpy(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            record = dict(json.loads(file.metadata()["record"]))
        is_whole = record.pop("sha256") == _digest(tensors, record)
    except Exception as error:  # a damaged file has a dozen kinds
        raise GaspError(f"{path} cannot be read ({error}): {remedy}") from error
    if not is_whole:
        raise GaspError(f"{path} is damaged, its checksum is another: {remedy}")
    return tensors, record


def _digest(tensors: dict[str, Tensor], record: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(record).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(uint8).numpy().tobytes())
    return digest.hexdigest()


def read_arrays(path: Path, names: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` archive, all or those named; nothing in it is ever executed.

    Raises:
        GaspError: if it cannot be read, lacks one of the names, or would unpack to more than any of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise GaspError(f"{path} would unpack to {size / 2**30:.0f} GB: it is not one of ours")
        with np.load(path, allow_pickle=False) as arrays:
            if missing := set(names) - set(arrays.files):
                raise GaspError(f"{path} has no {', '.join(sorted(missing))}: there are {', '.join(arrays.files)}")
            return {name: arrays[name] for name in names or arrays.files}
    except GaspError:
        raise
    except Exception as error:  # numpy, zipfile, zlib and tokenize have a dozen kinds for a damaged file
        raise GaspError(f"{path} cannot be read ({error})") from error
