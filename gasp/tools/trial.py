"""One trial of :mod:`gasp.tools.faults`: a grid in a folder of its own, run by the command line in watched processes."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gasp.data.sources import save_source
from gasp.experiments.store import Store
from gasp.files import read_tensors
from gasp.learning import training
from gasp.settings import GaspError

__all__ = ["HUNG", "PROFILE", "Disturb", "NotAllowedError", "Trial"]

PROFILE = """\
description: runs of a second, for tests and trials
judges: false
device: cpu
workers: 1
seeds: [0, 1]
datasets:
  multi_mnist: {items: mnist, background: null, scenes: {objects: 2, overlap: 0.0, scale: 0.5, size: 16}}
grid:
  - {datasets: [multi_mnist], variants: [cnn, gaspnet]}
network: {widths: [4, 4], kernels: [3, 3], strides: [2, 2], hidden: 8}
models:
  gaspnet: {steps: 2, iterations: 2, key_size: 4}
  gattanet: {steps: 2}
  komplexnet: {steps: 2}
training: {epochs: 1, scenes: 64, batch_size: 16, learning_rate: 0.005, synchrony_weight: 0.5, gradient_norm: 1.0}
evaluation: {scenes: 40, sweep_scenes: 16, validation_scenes: 20, corruptions: {gaussian: [0.2]}, longer: 3}
"""
COMMAND = ["gasp", "experiments", "run", "--profile", "tiny", "-p", "epochs=3", "-p", "training.scenes=160"]
HUNG = 180.0  # seconds after which a command counts as hung

Disturb = Callable[[ForkServerProcess], object]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["gasp.cli", "gasp.tools.trial", "gasp.experiments.execution", "torch._dynamo"])


@dataclass
class Trial:
    """A grid in a folder of its own, the commands that run it, and counts of what went wrong.

    Attributes:
        folder: root of the project that the trial creates.
        random: source of randomness.
        seconds: duration of the undisturbed grid.
        kilobytes: size of the files of the undisturbed grid.
        met, lost, repeated, half, hung, leave: counts and a time, explained in :func:`gasp.tools.faults.measure`.
        said: output of the last command.
        complaints: unclear messages.
        spared: stem of the file that the trial has damaged on purpose.
    """

    folder: Path
    random: random.Random
    seconds: float = 0.0
    kilobytes: float = 0.0
    met: int = 0
    leave: float = 0.0
    lost: int = 0
    repeated: int = 0
    half: int = 0
    hung: int = 0
    said: str = ""
    complaints: list[str] = field(default_factory=list)
    spared: str = ""

    def __post_init__(self) -> None:
        profiles, data = self.folder / "book" / "profiles", self.folder / "data"
        profiles.mkdir(parents=True)
        (profiles / "tiny.yaml").write_text(PROFILE)
        save_source("mnist", _rectangles(), data)
        self.store = Store(self.folder / "runs" / "tiny")
        for name in ("count", "log"):
            (self.folder / name).touch()

    def run(self, disturb: Disturb | None = None, may_fail: bool = True, workers: int = 1, clock: bool = False) -> int:
        """Run the command, disturb it at a random moment, wait for its end and compare the results. Returns its exit code."""
        before = self._finished()
        process = self.start(workers, clock)
        if disturb is not None:
            self._wait(process)
            disturb(process)
        code = self.end(process, may_fail)
        after = self._finished()
        self.lost += sum(key not in after or after[key][1] != content for key, (_, content) in before.items())
        self.repeated += sum(key in after and after[key][0] != when for key, (when, _) in before.items())
        return code

    def _wait(self, process: ForkServerProcess) -> None:
        """Wait until a random moment while the command runs, usually after its first training step."""
        log, steps = self.folder / "log", self.steps()
        is_early = self.random.random() < 0.1
        while process.is_alive() and not (log.stat().st_size if is_early else self.steps() > steps):
            time.sleep(0.005)
        time.sleep(self.random.uniform(0.01, self.seconds))

    def start(self, workers: int = 1, clock: bool = False) -> ForkServerProcess:
        """Start the command."""
        process = _processes.Process(target=_command, args=(self.folder, workers, clock))
        process.start()
        return process

    def end(self, process: ForkServerProcess, may_fail: bool = True) -> int:
        """Wait for the command to end, and check its files and output. Returns its exit code."""
        process.join(HUNG)
        if process.is_alive():
            self.hung += 1
            process.kill()
            process.join()
        code, log = process.exitcode or 0, self.folder / "log"
        self.said = log.read_text(errors="replace")
        log.write_text("")
        self.met += code != 0
        if not self._is_clear(code) or (code != 0 and not may_fail):
            self.complain(f"exit {code}")
        self.half += sum(not self._is_whole(path) for path in self.kept("results/*.json", "*/*.safetensors"))
        return code

    def complain(self, about: str) -> None:
        """Record an unclear message, one that does not say what happened or what to do."""
        self.complaints.append(f"{about}: {self.said[-2000:]}")

    def signal(self, number: signal.Signals, process: ForkServerProcess) -> None:
        """Send a signal to the command, and measure how long it takes to end."""
        started = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # it has already ended
            os.kill(process.pid or 0, number)
        process.join(HUNG)
        self.leave = max(self.leave, time.monotonic() - started)

    def kept(self, *patterns: str) -> list[Path]:
        """Files of the store, except the one that the trial has damaged on purpose."""
        found = sorted(path for pattern in patterns for path in self.store.directory.glob(pattern))
        return [path for path in found if path.stem != self.spared]

    def files(self) -> dict[str, bytes]:
        """The contents of the grid's results by path: tables, scenes, weights."""
        self.spared = ""
        kept = self.kept("results/*.csv", "results/*.npz", "weights/*.safetensors")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in kept}

    def steps(self) -> int:
        """Count the training steps of all commands so far."""
        return (self.folder / "count").stat().st_size

    def _finished(self) -> dict[str, tuple[int, bytes]]:
        """The time and content of every complete result, by key."""
        found = {}
        for path in self.kept("results/*.json"):
            if path.stem in self.store:
                parts = [path.with_suffix(suffix).read_bytes() for suffix in (".json", ".csv", ".npz")]
                found[path.stem] = (path.stat().st_mtime_ns, b"".join(parts))
        return found

    def _is_whole(self, path: Path) -> bool:
        if path.suffix == ".json":
            return path.stem in self.store
        try:
            read_tensors(path)
        except GaspError:
            return not path.exists()  # another process has removed it meanwhile
        return True

    def _is_clear(self, code: int) -> bool:
        """Whether the output says what happened and what to do."""
        *_, last = ["", *filter(None, self.said.splitlines())]
        if "Traceback" in self.said or code == 1:
            return False
        if code == 130:
            return "the same command goes on from here" in last
        return code != 2 or ("gasp: " in last and str(self.folder) in last)

    @contextlib.contextmanager
    def disk(self, size: int) -> Iterator[Callable[[str], None]]:
        """Mount a file system of this many kilobytes under the store. Yields a function that remounts it with other options.

        Raises:
            NotAllowedError: if mounting is not allowed.
        """
        runs, kept = self.folder / "runs", self.folder / "kept"
        runs.mkdir()

        def mount(options: str) -> None:
            command = ["mount", "-t", "tmpfs", "-o", options, "gasp-faults", str(runs)]
            if subprocess.run(command, capture_output=True).returncode:
                raise NotAllowedError

        mount(f"size={size}k")
        try:
            yield lambda options: mount(f"remount,{options}")
            shutil.copytree(runs, kept)
        finally:
            subprocess.run(["umount", str(runs)], check=True)
        runs.rmdir()
        kept.rename(runs)


class NotAllowedError(Exception):
    """This machine does not permit the fault."""


def _rectangles() -> dict[str, np.ndarray]:
    """The arrays of a source whose images are random rectangles."""
    numbers = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", 200), ("test", 60)):
        images = np.zeros((count, 28, 28), np.uint8)
        for image in images:
            top, left = numbers.integers(0, 18, 2)
            image[top : top + numbers.integers(4, 10), left : left + numbers.integers(4, 10)] = numbers.integers(99, 255)
        arrays |= {f"{part}_images": images, f"{part}_labels": np.arange(count, dtype=np.uint8) % 10}
    return arrays


def _command(folder: Path, workers: int, clock: bool) -> None:
    """Run the command line in this process, with a checkpoint after every step, and count the steps."""
    os.chdir(folder)
    os.environ["GASP_DATA"] = str(folder / "data")
    torch.set_num_threads(1)
    step, count = training._step, os.open(folder / "count", os.O_WRONLY | os.O_APPEND)

    def counted(*arguments: Any) -> None:
        step(*arguments)
        os.write(count, b".")

    training._step, training.CHECKPOINT_SECONDS = counted, 0.0  # type: ignore[assignment]
    if clock:
        hours = itertools.count()
        now = time.time()
        time.time = lambda: now - 3600.0 * next(hours)
    tqdm.set_lock(threading.RLock())  # unlike tqdm's own, not reported as leaked when the process is killed
    sys.argv = [*COMMAND, "-p", f"workers={workers}"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND)  # from here on, the output is recorded
    for standard in (1, 2):
        os.dup2(log, standard)
    runpy.run_module("gasp", run_name="__main__", alter_sys=True)
