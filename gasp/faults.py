"""What survives faults: small grids that are killed, starved and damaged at random points, and what is left of them.

Each trial is a grid in a folder of its own, run as by ``gasp experiments run`` in processes of their own. It meets its fault,
is then run to its end, and compared, byte for byte, with the same grid that met none.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from tqdm import tqdm

from gasp import training
from gasp.cli import main
from gasp.files import make_folder, read_tensors, write_text
from gasp.settings import GaspError
from gasp.store import Store

__all__ = ["FAULTS", "PROFILE", "measure", "read", "summary"]

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
dynamics: {steps: 2, iterations: 2, modulation: 1.0, key_size: 4, neighbourhood: 0.12, phase_init: bottom_up}
training: {epochs: 1, scenes: 64, batch_size: 16, learning_rate: 0.005, synchrony_weight: 0.5, gradient_norm: 1.0}
evaluation: {scenes: 40, sweep_scenes: 16, validation_scenes: 20, corruptions: {gaussian: [0.2]}, longer: 3}
"""
COMMAND = ["gasp", "experiments", "run", "--profile", "tiny", "-p", "epochs=3", "-p", "training.scenes=160"]
TRIALS, QUICK_TRIALS = 10, 1  # of each fault
HUNG = 180.0  # seconds after which a command that should have ended is taken to hang
MUST_BE_ZERO = ("lost", "repeated", "half", "left_over", "differing", "unclear", "hung")

_processes = multiprocessing.get_context("forkserver")


def measure(directory: Path, quick: bool = False, seed: int | None = None) -> pd.DataFrame:
    """Try every fault at random points, and keep the table in ``directory/faults.csv``.

    Args:
        quick: one trial a fault, within a minute or two.
        seed: of the random points; from the clock when omitted.

    Returns:
        one row a trial: ``fault``, ``trial``, ``seed``, ``tried`` (whether this machine allows the fault), ``met`` (commands
        that did not end well), ``resumed`` (whether training went on from a checkpoint), ``again`` (training steps done
        twice), ``leave`` (seconds from a signal to the end), and counts that must be 0: finished results that were ``lost``
        or ``repeated``, ``half`` files that were taken for whole, files ``left_over``, files ``differing`` from those of a
        grid without faults, messages that were ``unclear`` (``said``), and commands that ``hung``.

    Raises:
        GaspError: for a folder that cannot be written.
    """
    make_folder(directory)
    seed = time.time_ns() if seed is None else seed
    _processes.set_forkserver_preload(["gasp.faults", "gasp.execution", "torch._dynamo"])
    cases = [(fault, trial) for trial in range(QUICK_TRIALS if quick else TRIALS) for fault in FAULTS]
    with tempfile.TemporaryDirectory(prefix="gasp-faults-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        reference = _Trial(Path(folder) / "reference", random.Random(seed))
        for _ in range(2):  # the first time, all has yet to be imported
            shutil.rmtree(reference.store.directory, ignore_errors=True)
            (reference.folder / "count").write_text("")
            started = time.monotonic()
            reference.run(may_fail=False)
            reference.seconds = time.monotonic() - started
        reference.kilobytes = sum(len(content) for content in reference.files().values()) / 1024
        trials = pool.map(lambda case: _row(Path(folder), case[0], case[1], seed, reference), cases)
        rows = list(tqdm(trials, total=len(cases), desc="faults", unit="trial"))
    table = pd.DataFrame(rows)
    write_text(directory / "faults.csv", table.to_csv(index=False, float_format="%.3g"))
    return table


def read(directory: Path) -> pd.DataFrame:
    """The table of :func:`measure`.

    Raises:
        GaspError: if there is none, or it is damaged.
    """
    try:
        return pd.read_csv(directory / "faults.csv")
    except (OSError, ValueError) as error:
        raise GaspError(f"no trials in {directory} ({error}): run gasp faults") from error


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row a fault: how many ``trials`` were made, and the sums of what was counted; ``leave`` is the longest."""
    grouped = table[table["tried"]].groupby("fault", sort=False)
    counts = grouped[["met", "resumed", "again", *MUST_BE_ZERO]].sum(min_count=1).astype("Int64")
    return pd.concat([grouped.size().rename("trials"), counts, grouped["leave"].max()], axis=1)


@dataclass
class _Trial:
    """A grid in a folder of its own, the commands that run it, and what was seen to go wrong."""

    folder: Path
    random: random.Random
    seconds: float = 0.0  # that the grid takes without faults
    kilobytes: float = 0.0  # that it then keeps
    met: int = 0
    leave: float = 0.0
    lost: int = 0
    repeated: int = 0
    half: int = 0
    unclear: int = 0
    hung: int = 0
    said: str = ""
    complaints: list[str] = field(default_factory=list)
    spared: str = ""  # whose files the trial itself has damaged

    def __post_init__(self) -> None:
        profiles, data = self.folder / "book" / "profiles", self.folder / "data"
        profiles.mkdir(parents=True)
        (profiles / "tiny.yaml").write_text(PROFILE)
        _draw_data(data)
        self.store = Store(self.folder / "runs" / "tiny")
        for name in ("count", "log"):
            (self.folder / name).touch()

    def run(self, disturb: _Disturb | None = None, may_fail: bool = True, workers: int = 1, clock: bool = False) -> int:
        """The command from begin to end, disturbed at any point of its way; its exit code."""
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
        """Until any point of the command's way, most often one after its first training step."""
        log, steps = self.folder / "log", self.steps()
        is_early = self.random.random() < 0.1
        while process.is_alive() and not (log.stat().st_size if is_early else self.steps() > steps):
            time.sleep(0.005)
        time.sleep(self.random.uniform(0.01, self.seconds))

    def start(self, workers: int = 1, clock: bool = False) -> ForkServerProcess:
        """The command, begun."""
        process = _processes.Process(target=_command, args=(self.folder, workers, clock))
        process.start()
        return process

    def end(self, process: ForkServerProcess, may_fail: bool = True) -> int:
        """Wait for the command's end, and look at what it left and said."""
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
            self.unclear += 1
            self.complaints.append(f"exit {code}: {self.said[-2000:]}")
        self.half += sum(not self._is_whole(path) for path in self.kept("results/*.json", "*/*.safetensors"))
        return code

    def signal(self, number: signal.Signals, process: ForkServerProcess) -> None:
        """Tell the command to stop, and see how long it takes."""
        started = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(process.pid or 0, number)
        process.join(HUNG)
        self.leave = max(self.leave, time.monotonic() - started)

    def kept(self, *patterns: str) -> list[Path]:
        """Files of the store that the trial has not damaged itself."""
        found = sorted(path for pattern in patterns for path in self.store.directory.glob(pattern))
        return [path for path in found if path.stem != self.spared]

    def files(self) -> dict[str, bytes]:
        """What the grid came to: tables, scenes, weights."""
        self.spared = ""
        kept = self.kept("results/*.csv", "results/*.npz", "weights/*.safetensors")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in kept}

    def steps(self) -> int:
        """How many training steps were made in all."""
        return (self.folder / "count").stat().st_size

    def _finished(self) -> dict[str, tuple[int, bytes]]:
        """When each whole result was written, and what it holds."""
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
            return not path.exists()  # another process was done with it meanwhile
        return True

    def _is_clear(self, code: int) -> bool:
        """Whether what the command said tells what happened and what to do."""
        *_, last = ["", *filter(None, self.said.splitlines())]
        if "Traceback" in self.said or code == 1:
            return False
        if code == 130:
            return "the same command goes on from here" in last
        return code != 2 or ("gasp: " in last and str(self.folder) in last)

    @contextlib.contextmanager
    def disk(self, size: int) -> Iterator[Callable[[str], None]]:
        """A file system of its own under the store, of so many kilobytes; gives a function that mounts it with other options.

        Raises:
            _NotAllowedError: where mounting is not.
        """
        runs, kept = self.folder / "runs", self.folder / "kept"
        runs.mkdir()

        def mount(options: str) -> None:
            command = ["mount", "-t", "tmpfs", "-o", options, "gasp-faults", str(runs)]
            if subprocess.run(command, capture_output=True).returncode:
                raise _NotAllowedError

        mount(f"size={size}k")
        try:
            yield lambda options: mount(f"remount,{options}")
            shutil.copytree(runs, kept)
        finally:
            subprocess.run(["umount", str(runs)], check=True)
        runs.rmdir()
        kept.rename(runs)


class _NotAllowedError(Exception):
    """This machine does not let us make the fault."""


_Disturb = Callable[[ForkServerProcess], object]


def _draw_data(folder: Path) -> None:
    """A prepared source of images, each a random rectangle."""
    numbers = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, count in (("train", 200), ("test", 60)):
        images = np.zeros((count, 28, 28), np.uint8)
        for image in images:
            top, left = numbers.integers(0, 18, 2)
            image[top : top + numbers.integers(4, 10), left : left + numbers.integers(4, 10)] = numbers.integers(99, 255)
        arrays |= {f"{part}_images": images, f"{part}_labels": np.arange(count, dtype=np.uint8) % 10}
    folder.mkdir()
    np.savez_compressed(folder / "mnist.npz", **arrays)  # type: ignore[arg-type]
    about = {name: {"shape": a.shape, "sha256": hashlib.sha256(a.tobytes()).hexdigest()} for name, a in arrays.items()}
    (folder / "manifest.json").write_text(json.dumps({"mnist": about}))


def _command(folder: Path, workers: int, clock: bool) -> None:
    """In a process of its own: the command line, with a checkpoint after every step, each step counted."""
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
    tqdm.set_lock(threading.RLock())  # its own would be missed by the resource tracker when the process is killed
    sys.argv = [*COMMAND, "-p", f"workers={workers}"]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND)  # from here on, the command is heard
    for standard in (1, 2):
        os.dup2(log, standard)
    main()


def _stopped(number: signal.Signals, trial: _Trial) -> None:
    """Told to stop, several times."""
    for _ in range(trial.random.randint(1, 3)):
        trial.run(partial(trial.signal, number))


def _full_disk(trial: _Trial) -> None:
    """Room for a part of what is to be kept, then for all."""
    with trial.disk(round(trial.random.uniform(0.1, 1.2) * trial.kilobytes)) as mount:
        trial.run()
        mount("size=64m")


def _read_only(trial: _Trial) -> None:
    """A store that is read-only when the grid is to go on."""
    with trial.disk(2**16) as mount:
        trial.run(partial(trial.signal, signal.SIGKILL))
        mount("ro")
        trial.run()
        mount("rw")


def _damaged(pattern: str, trial: _Trial) -> None:
    """A file that is flipped somewhere, cut off, empty or nonsense when the grid is to go on; removed if that is refused."""
    found: list[Path] = []
    code = 1
    while not found and code:  # until there is such a file at a stop, or all is done
        code = trial.run(partial(trial.signal, signal.SIGKILL))
        found = sorted(trial.folder.glob(pattern))
    if not found:
        return
    path = trial.random.choice(found)
    content, at = path.read_bytes(), trial.random.randrange(path.stat().st_size)
    flipped = content[:at] + bytes([content[at] ^ 1 << trial.random.randrange(8)]) + content[at + 1 :]
    path.write_bytes(trial.random.choice([flipped, flipped, content[:at], b"", trial.random.randbytes(len(content))]))
    trial.spared = path.stem
    for record in trial.kept("results/*.json"):
        if json.loads(record.read_text())["weights"] == path.stem:
            record.unlink()  # so that the weights are asked for
    if trial.run() == 2:
        if path.name not in trial.said:
            trial.unclear += 1
            trial.complaints.append(f"{path.name} is damaged: {trial.said[-2000:]}")
        path.unlink()
        if path.parent.name == "data":
            path.write_bytes(content)  # fetched again


def _clock(trial: _Trial) -> None:
    """A clock that goes backwards at every look, and files from the future; killed on the way."""
    for _ in range(2):
        trial.run(partial(trial.signal, signal.SIGKILL), clock=True)
        future = time.time() + 1e6
        for path in trial.store.directory.rglob("*"):
            os.utime(path, (future, future))
    trial.run(clock=True, may_fail=False)


def _two_at_once(trial: _Trial) -> None:
    """The same command twice at the same time."""
    others: list[ForkServerProcess] = []
    trial.run(lambda _: others.append(trial.start()), may_fail=False)
    trial.end(others[0], may_fail=False)


def _worker_killed(trial: _Trial) -> None:
    """One of two workers killed while the other goes on."""

    def kill(process: ForkServerProcess) -> None:
        deadline = time.monotonic() + HUNG
        while process.is_alive() and time.monotonic() < deadline:
            children = psutil.Process(process.pid).children(recursive=True)
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            if len(workers) == 2 and trial.kept("checkpoints/*.lock"):  # and they have begun
                time.sleep(trial.random.uniform(0, 3 * trial.seconds))
                trial.random.choice(workers).kill()
                return
            time.sleep(0.05)

    trial.run(kill, may_fail=False, workers=2)


FAULTS: dict[str, Callable[[_Trial], None]] = {
    "killed (SIGKILL)": partial(_stopped, signal.SIGKILL),
    "terminated (SIGTERM)": partial(_stopped, signal.SIGTERM),
    "interrupted (Ctrl-C)": partial(_stopped, signal.SIGINT),
    "disk full": _full_disk,
    "store read-only": _read_only,
    "checkpoint damaged": partial(_damaged, "runs/tiny/checkpoints/*.safetensors"),
    "weights damaged": partial(_damaged, "runs/tiny/weights/*.safetensors"),
    "result damaged": partial(_damaged, "runs/tiny/results/*.*"),
    "data damaged": partial(_damaged, "data/*.*"),
    "clock set back": _clock,
    "two at once": _two_at_once,
    "worker killed": _worker_killed,
}


def _row(folder: Path, fault: str, number: int, seed: int, reference: _Trial) -> dict[str, Any]:
    """One trial: a grid that meets its fault and is then run to its end; what was counted."""
    trial = _Trial(folder / f"{fault} {number}", random.Random(f"{seed} {fault} {number}"))
    trial.seconds, trial.kilobytes = reference.seconds, reference.kilobytes
    try:
        FAULTS[fault](trial)
        resumed = bool(trial.kept("checkpoints/*.safetensors"))
        trial.run(may_fail=False)
    except _NotAllowedError:
        return {"fault": fault, "trial": number, "seed": seed, "tried": False}
    expected, found = reference.files(), trial.files()
    left_over = trial.kept("*/*.tmp", "checkpoints/*.safetensors")
    again = trial.steps() - reference.steps() if trial.steps() else None  # those of workers are not counted
    shutil.rmtree(trial.folder)
    return {
        "fault": fault,
        "trial": number,
        "seed": seed,
        "tried": True,
        "met": trial.met,
        "resumed": resumed,
        "again": again,
        "leave": trial.leave,
        "lost": trial.lost,
        "repeated": trial.repeated,
        "half": trial.half,
        "left_over": len(left_over),
        "differing": sum(found.get(name) != expected.get(name) for name in found.keys() | expected.keys()),
        "unclear": trial.unclear,
        "hung": trial.hung,
        "said": "\n".join(trial.complaints),
    }
