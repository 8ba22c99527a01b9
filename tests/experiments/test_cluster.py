"""Runs spread over processes: of this machine, and of a scheduler whose workers come and go."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import dask
import pandas as pd
import pytest
import torch
from distributed import Client, LocalCluster

from gasp.experiments import cluster
from gasp.experiments.cluster import distribute
from gasp.experiments.execution import run_all
from gasp.experiments.profile import load_profile
from gasp.settings import GaspError

HERE = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}  # where processes find the functions of this module


def square(number, progress):
    for _ in range(number):
        progress(1)
    return number**2


def fail(number, progress):
    progress(1)
    raise GaspError(f"{number} is not to be had")


def leave(folder, number, progress):
    """Kill its process when it is called for the first time, half-way."""
    progress(2)
    calls = Path(folder) / str(number)
    with calls.open("a") as file:
        file.write("called\n")
    if number == 1 and len(calls.read_text().splitlines()) == 1:
        time.sleep(1)  # so that its progress is heard
        os.kill(os.getpid(), signal.SIGKILL)
    progress(1)
    return number


@pytest.fixture
def heard() -> list[int]:
    return []


def test_every_task_is_called_and_its_progress_heard(heard):
    tasks = {str(number): (number,) for number in (1, 2, 3, 4)}
    results = dict(distribute(square, tasks, heard.append, workers=2, threads=1))
    assert results == {"1": 1, "2": 4, "3": 9, "4": 16}
    assert sum(heard) == 10


def test_tasks_are_called_in_their_order(heard):
    names = [str(number) for number in torch.randperm(12, generator=torch.Generator().manual_seed(0)).tolist()]
    results = distribute(square, dict.fromkeys(names, (1,)), heard.append, workers=1, threads=1)
    assert [name for name, _ in results] == names


def test_another_cluster_on_the_machine_does_not_matter(heard):
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # it is taken already
            other.bind(("", 8787))
        other.listen()
        assert dict(distribute(square, {"a": (3,)}, heard.append, workers=1, threads=1)) == {"a": 9}


def test_an_error_is_raised_as_itself(heard):
    with pytest.raises(GaspError, match="7 is not to be had"):
        dict(distribute(fail, {"a": (7,)}, heard.append, workers=1, threads=1))


def test_the_task_of_a_lost_worker_is_taken_up_by_another_and_its_steps_count_once(heard, tmp_path):
    tasks = {str(number): (str(tmp_path), number) for number in (1, 2)}
    results = dict(distribute(leave, tasks, heard.append, workers=2, threads=1))
    assert results == {"1": 1, "2": 2}
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("1", "2")] == [2, 1]
    assert sum(heard) == 6


def interrupted(name, progress):
    """Press Ctrl-C, which a terminal sends to all processes, and go on."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.5)
    progress(1)
    return name


def test_ctrl_c_is_left_to_the_owner(heard):
    assert dict(distribute(interrupted, {"a": ("a",), "b": ("b",)}, heard.append, workers=1, threads=1)) == {"a": "a", "b": "b"}


def wait_for_ever(folder, number, progress):
    """Go on until progress raises; then leave a word."""
    try:
        for _ in range(10_000):
            progress(1)
            time.sleep(0.02)
    except GaspError:
        (Path(folder) / f"{number} saved").touch()
        raise


def test_tasks_under_way_are_told_to_stop_when_their_owner_leaves(heard, tmp_path):
    tasks = {"1": (str(tmp_path), 1), "2": (str(tmp_path), 2)}

    def interrupt(steps: int) -> None:
        heard.append(steps)
        if sum(heard) > 20:
            os.kill(os.getpid(), signal.SIGINT)  # the owner's

    with pytest.raises(KeyboardInterrupt):
        next(distribute(wait_for_ever, tasks, interrupt, workers=2, threads=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1 saved", "2 saved"]
    assert sum(heard) > 0


def test_a_task_that_begins_when_its_owner_has_left_stops_at_once(monkeypatch):
    monkeypatch.setattr(cluster, "_left", set())
    monkeypatch.setattr(cluster, "get_worker", lambda: SimpleNamespace(name="one", log_event=lambda *_: None))
    begun: list[int] = []
    cluster._leave("owner")
    with pytest.raises(GaspError, match="the same command goes on from here"):
        cluster._call(lambda _: begun.append(1), "a", (), torch.get_num_threads(), "owner")
    assert not begun
    cluster._call(lambda _: begun.append(1), "a", (), torch.get_num_threads(), "another")
    assert begun


def test_a_scheduler_that_does_not_answer_is_named(heard):
    with pytest.raises(GaspError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        dict(distribute(square, {"a": (1,)}, heard.append, workers=1, threads=1, scheduler="tcp://127.0.0.1:9"))


def test_a_scheduler_that_is_lost_is_named(heard, tmp_path):
    """It runs in threads of this process, and is closed when the first task has begun."""
    silent = {"n_workers": 1, "processes": False, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    lost = LocalCluster(**silent, protocol="tcp", threads_per_worker=1)
    closing = threading.Thread(target=lost.close)

    def close(steps: int) -> None:
        heard.append(steps)
        if sum(heard) and not closing.ident:
            closing.start()

    tasks = {"1": (str(tmp_path), 1), "2": (str(tmp_path), 2)}
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(GaspError, match="scheduler was lost"):
        dict(distribute(wait_for_go, tasks, close, workers=1, threads=1, scheduler=lost.scheduler_address))
    (tmp_path / "go").touch()
    closing.join(30)


def test_workers_that_do_not_start_are_explained(heard, monkeypatch):
    def fail(**_):
        raise RuntimeError("Cluster failed to start: a nanny died")

    monkeypatch.setattr("gasp.experiments.cluster.LocalCluster", fail)
    with pytest.raises(GaspError, match=r"did not start .*a nanny died.* run again"):
        dict(distribute(square, {"a": (1,)}, heard.append, workers=1, threads=1))


@pytest.fixture
def scheduler(project, tmp_path_factory):  # noqa: ARG001
    """A scheduler in a process of its own; its address."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(file)]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=HERE)
    until(lambda: file.exists() and "tcp://" in file.read_text())
    yield json.loads(file.read_text())["address"]
    process.terminate()
    process.wait(10)


def worker(address: str, name: str) -> subprocess.Popen:
    options = ["--no-nanny", "--nthreads", "1", "--name", name, "--no-dashboard", "--memory-limit", "0"]
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, *options]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=HERE)


def until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.usefixtures("one_thread")
def test_a_grid_whose_worker_is_killed_ends_complete_on_the_other(scheduler, write):
    """Real processes: the run that was under way is taken up from its checkpoint."""
    write(**{"training.scenes": 800, "training.epochs": 8})  # long enough for both to be under way
    profile = load_profile("tiny", seeds=[0, 1])
    runs = profile.experiments(["multi_mnist"], ["gaspnet"])
    workers = [worker(scheduler, name) for name in ("first", "second")]
    code = "import gasp, sys; profile = gasp.load_profile('tiny', seeds=[0, 1], workers=2); "
    code += "gasp.run_all(profile.experiments(['multi_mnist'], ['gaspnet']), profile, sys.argv[1])"
    owner = subprocess.Popen([sys.executable, "-c", code, scheduler], stderr=subprocess.PIPE, text=True)
    try:
        checkpoints = [profile.store.checkpoint(run.weights_name) for run in runs]
        until(lambda: all(path.exists() for path in checkpoints))
        workers[0].send_signal(signal.SIGKILL)
        _, error = owner.communicate(timeout=120)
        assert owner.returncode == 0, error
    finally:
        for process in (*workers, owner):
            process.kill()
            process.wait()
    spread_out = profile.store.table(runs)
    assert all(run.key in profile.store for run in runs)
    assert not any(path.exists() for path in checkpoints)
    for folder in ("results", "weights"):
        for path in (profile.store.directory / folder).iterdir():
            path.unlink()
    alone = run_all(runs, load_profile("tiny", seeds=[0, 1], workers=1))
    pd.testing.assert_frame_equal(spread_out, alone)


def wait_for_go(folder, number, progress):
    """Number 0 returns at once, the others when there is a file called go."""
    while number > 0 and not (Path(folder) / "go").exists():
        progress(1)
        time.sleep(0.02)
    return number


def test_runs_wait_for_whichever_worker_is_free(scheduler, heard, tmp_path):
    """They are not handed out before: a worker that joins late, or is quick, would else be idle beside one with many."""
    process, found = worker(scheduler, "one"), []
    tasks = {str(number): (str(tmp_path), number) for number in range(12)}
    try:
        for _, number in distribute(wait_for_go, tasks, heard.append, workers=2, threads=1, scheduler=scheduler):
            found.append(number)
            if number == 0:
                with Client(scheduler) as client:
                    assert sum(map(len, client.processing().values())) <= 3
                (tmp_path / "go").touch()
    finally:
        (tmp_path / "go").touch()
        process.kill()
        process.wait()
    assert found == list(range(12))
