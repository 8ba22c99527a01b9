"""The device on which models run, its threads and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator

import torch

from gasp.settings import GaspError

__all__ = ["choose_device", "device_name", "keep_memory", "use_threads"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of this name; ``auto`` is CUDA if available, else MPS, else the CPU.

    Raises:
        GaspError: if the device is not available.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise GaspError(f"there is no device {name!r}: use auto, cpu, cuda or mps") from error
    try:
        device = torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise GaspError(f"device {name!r} is not available ({str(error).splitlines()[0]}): use auto or cpu") from error
    if device.type == "meta":  # its tensors have no values
        raise GaspError(f"device {name!r} computes nothing: use auto or cpu")
    return device


def device_name(device: torch.device) -> str:
    """The name of a device in records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()})"


def keep_memory() -> None:
    """Make glibc keep freed memory. Fetching it again from the kernel can double the time of a training step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # in malloc.h, their names begin with M_
        mallopt(mmap_threshold, 2**25)  # the largest value that glibc accepts
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 2**26)


@contextlib.contextmanager
def use_threads(number: int) -> Iterator[None]:
    """Let PyTorch use this number of CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
