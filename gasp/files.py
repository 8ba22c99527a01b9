"""Safe files: written completely or not at all, locked while in use, and refused when damaged."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import sys
import threading
import zipfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, from_numpy, uint8
from tqdm import tqdm

from gasp.settings import GaspError, RunError

__all__ = ["locked", "make_folder", "read_arrays", "read_tensors", "replacing", "uninterrupted", "write_tensors", "write_text"]

PATIENCE = 1.0  # seconds without a word before a lock
LARGEST = 2**32  # bytes that an archive may unpack to


def make_folder(path: Path) -> None:
    """Make sure that a folder exists and can be written to.

    Raises:
        GaspError: if the folder cannot be made or is read-only.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GaspError(f"{path} cannot be written ({error.strerror})") from error
    if not os.access(path, os.W_OK):
        raise GaspError(f"{path} cannot be written: it is read-only")


def _remedy(error: Exception) -> str:
    """What to do when a file cannot be written."""
    is_full = any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT))
    return f"{'make room' if is_full else 'make it writable'}, then run again"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at ``path`` inside the block. One process has it at a time; the others say that they wait, and do so.

    Raises:
        GaspError: if the lock file cannot be written.
    """
    make_folder(path.parent)
    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            tqdm.write(f"\rwaiting for another process, which has {path}", file=sys.stderr)  # \r: in notebooks it is progress
            lock.acquire()
    except OSError as error:
        raise GaspError(f"{path} cannot be written ({error.strerror}): {_remedy(error)}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def uninterrupted() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C and SIGTERM until the end of the block; a second signal is not deferred.

    Yields a function that raises ``KeyboardInterrupt`` if a signal has arrived. Outside the main thread, where Python handles
    no signals, this has no effect.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if is_main}
    received: list[int] = []

    def receive(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    def stop_if_asked() -> None:
        if received:
            received.clear()
            raise KeyboardInterrupt

    try:
        for number in before:
            signal.signal(number, receive)
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for received_number in received:
            signal.raise_signal(received_number)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch file that replaces ``path`` at the end of the block, or is removed if the block fails.

    A reader sees the old file or the new one, never a part of either. Ctrl-C is deferred, because in the middle of a write it
    would leave archives that cannot be closed.

    Raises:
        GaspError: if the file cannot be written; the old one is unchanged.
    """
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with uninterrupted():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield scratch
            os.replace(scratch, path)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise GaspError(f"{path} cannot be written ({reason}): nothing was changed; {_remedy(error)}") from error
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file, completely or not at all."""
    with replacing(path) as scratch:
        scratch.write_text(text)


def write_tensors(path: Path, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Write a safetensors file, completely or not at all, with a record of plain values and a checksum of everything."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    record = {"sha256": _digest(stored, record), **record}
    with replacing(path) as scratch:
        scratch.write_bytes(save(stored, {"record": json.dumps(record)}))  # save_file would let only its owner read it


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the record that :func:`write_tensors` wrote. Nothing in the file can be executed.

    Raises:
        GaspError: if the file is missing or damaged.
    """
    remedy = "remove it; what it held is trained again"
    try:
        # as numpy: for torch, safetensors opens the path twice, and the file may be replaced in between
        with safe_open(path, "numpy") as file:
            tensors = {name: from_numpy(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            record = dict(json.loads(file.metadata()["record"]))
        is_intact = record.pop("sha256") == _digest(tensors, record)
    except Exception as error:  # a damaged file raises many kinds of exceptions
        raise RunError(f"{path} cannot be read ({error}): {remedy}") from error
    if not is_intact:
        raise RunError(f"{path} is damaged (its checksum is wrong): {remedy}")
    return tensors, record


def _digest(tensors: dict[str, Tensor], record: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(record).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(uint8).numpy().tobytes())
    return digest.hexdigest()


def read_arrays(path: Path, names: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Read the named arrays of an ``.npz`` archive, or all of them. Nothing in the file can be executed.

    Raises:
        GaspError: if the archive cannot be read, lacks a name, or would unpack to more than 4 GB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise GaspError(f"{path} would unpack to {size / 2**30:.0f} GB, more than any file of this project")
        with np.load(path, allow_pickle=False) as arrays:
            if missing := set(names) - set(arrays.files):
                raise GaspError(f"{path} has no {', '.join(sorted(missing))}: there are {', '.join(arrays.files)}")
            return {name: arrays[name] for name in names or arrays.files}
    except GaspError:
        raise
    except Exception as error:  # a damaged file raises many kinds of exceptions, from numpy, zipfile, zlib and tokenize
        raise GaspError(f"{path} cannot be read ({error})") from error
