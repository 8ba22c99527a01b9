"""Test recovery from failures: disturb small grids of runs at random moments, and count what is lost.

Each trial runs a grid with ``gasp experiments run``, in a folder and in processes of its own, and disturbs it by one fault. The
grid is then run to completion, and its files are compared, byte by byte, with those of an undisturbed grid.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from tqdm import tqdm

from gasp.files import make_folder, write_text
from gasp.tools.trial import HUNG, NotAllowedError, Trial

__all__ = ["FAULTS", "MUST_BE_ZERO", "measure", "summary"]

TRIALS, QUICK_TRIALS = 10, 1  # of each fault
MUST_BE_ZERO = ("lost", "repeated", "half", "left_over", "differing", "unclear", "hung")


def measure(directory: Path, quick: bool = False, seed: int | None = None) -> pd.DataFrame:
    """Try every fault at random moments, and write the table to ``directory/faults.csv``.

    Args:
        directory: folder of the profile, such as ``runs/cpu``.
        quick: whether to try each fault only once, which takes a minute or two.
        seed: seed of the random moments; taken from the clock when omitted.

    Returns:
        one row per trial: ``fault``, ``trial``, ``seed``, ``tried`` (whether this machine permits the fault), ``met`` (commands
        that failed or were killed), ``resumed`` (whether training resumed from a checkpoint), ``again`` (training steps that
        were computed twice), ``leave`` (the longest time from a signal to the end of the command, seconds), and counts that
        must be 0: finished results that were ``lost`` or ``repeated``, incomplete files that were accepted (``half``),
        temporary files that were ``left_over``, files ``differing`` from those of an undisturbed grid, ``unclear`` messages
        (quoted in ``said``), and commands that ``hung``.

    Raises:
        GaspError: if the folder cannot be written.
    """
    make_folder(directory)
    seed = time.time_ns() if seed is None else seed
    cases = [(fault, trial) for trial in range(QUICK_TRIALS if quick else TRIALS) for fault in FAULTS]
    with tempfile.TemporaryDirectory(prefix="gasp-faults-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        reference = Trial(Path(folder) / "reference", random.Random(seed))
        for _ in range(2):  # the first run also pays for the imports
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


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per fault: the number of ``trials`` and the sums of the counts; ``leave`` is the longest, in seconds."""
    grouped = table[table["tried"]].groupby("fault", sort=False)
    counts = grouped[["met", "resumed", "again", *MUST_BE_ZERO]].sum(min_count=1).astype("Int64")
    return pd.concat([grouped.size().rename("trials"), counts, grouped["leave"].max()], axis=1)


def _stopped(number: signal.Signals, trial: Trial) -> None:
    """Send the signal at one to three random moments."""
    for _ in range(trial.random.randint(1, 3)):
        trial.run(partial(trial.signal, number))


def _full_disk(trial: Trial) -> None:
    """Run with room for only some of the files, then make room for all."""
    with trial.disk(round(trial.random.uniform(0.1, 1.2) * trial.kilobytes)) as mount:
        trial.run()
        mount("size=64m")


def _read_only(trial: Trial) -> None:
    """Kill the grid, and make its store read-only before it resumes."""
    with trial.disk(2**16) as mount:
        trial.run(partial(trial.signal, signal.SIGKILL))
        mount("ro")
        trial.run()
        mount("rw")


def _damaged(pattern: str, trial: Trial) -> None:
    """Kill the grid and damage one of its files: flip a bit, truncate, empty or overwrite it. Remove it if it is refused."""
    found: list[Path] = []
    code = 1
    while not found and code:  # until a killed grid leaves such a file, or the grid is done
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
            record.unlink()  # so that the weights are read again
    if trial.run() == 2:
        if path.name not in trial.said:
            trial.complain(f"{path.name} is damaged")
        path.unlink()
        if path.parent.name == "data":
            path.write_bytes(content)  # as if fetched again


def _clock(trial: Trial) -> None:
    """Set the clock back at every reading, date the files in the future, and kill the grid twice."""
    for _ in range(2):
        trial.run(partial(trial.signal, signal.SIGKILL), clock=True)
        future = time.time() + 1e6
        for path in trial.store.directory.rglob("*"):
            os.utime(path, (future, future))
    trial.run(clock=True, may_fail=False)


def _two_at_once(trial: Trial) -> None:
    """Run the same command in two processes at the same time."""
    others: list[ForkServerProcess] = []
    trial.run(lambda _: others.append(trial.start()), may_fail=False)
    trial.end(others[0], may_fail=False)


def _worker_killed(trial: Trial) -> None:
    """Kill one of two workers while the other goes on."""

    def kill(process: ForkServerProcess) -> None:
        deadline = time.monotonic() + HUNG
        while process.is_alive() and time.monotonic() < deadline:
            with contextlib.suppress(psutil.NoSuchProcess):  # a process that has ended in the meantime
                children = psutil.Process(process.pid).children(recursive=True)
                workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
                if len(workers) == 2 and trial.kept("checkpoints/*.lock"):  # they have begun
                    time.sleep(trial.random.uniform(0, 3 * trial.seconds))
                    trial.random.choice(workers).kill()
                    return
            time.sleep(0.05)

    trial.run(kill, may_fail=False, workers=2)


FAULTS: dict[str, Callable[[Trial], None]] = {
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


def _row(folder: Path, fault: str, number: int, seed: int, reference: Trial) -> dict[str, Any]:
    """Make one trial, and count what the grid lost."""
    trial = Trial(folder / f"{fault} {number}", random.Random(f"{seed} {fault} {number}"))
    trial.seconds, trial.kilobytes = reference.seconds, reference.kilobytes
    try:
        FAULTS[fault](trial)
        resumed = bool(trial.kept("checkpoints/*.safetensors"))
        trial.run(may_fail=False)
    except NotAllowedError:
        return {"fault": fault, "trial": number, "seed": seed, "tried": False}
    expected, found = reference.files(), trial.files()
    left_over = trial.kept("*/*.tmp", "checkpoints/*.safetensors")
    again = trial.steps() - reference.steps() if trial.steps() else None  # steps of workers are not counted
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
        "unclear": len(trial.complaints),
        "hung": trial.hung,
        "said": "\n".join(trial.complaints),
    }
