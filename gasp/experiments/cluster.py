"""Spread runs over the cores or GPUs of this machine, or over a cluster, with Dask Distributed."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any

import torch
from distributed import Client, LocalCluster, as_completed, get_worker, wait
from distributed.scheduler import KilledWorker

from gasp.settings import GaspError

__all__ = ["distribute"]

TOPIC = "progress"
GPU = "GPU"  # the resource of a worker with a GPU: one run per GPU
TELL_SECONDS = 0.2
# what every worker runs at its start: a terminal sends Ctrl-C to all processes, but it is the owner who tells workers to stop
IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
GRACE_SECONDS = 5.0  # for tasks to save their state

_left: set[str] = set()  # on a worker: owners whose tasks must stop

Progress = Callable[[int], object]


def distribute(
    function: Callable[..., Any],
    tasks: Mapping[str, tuple[Any, ...]],
    progress: Progress,
    workers: int,
    threads: int,
    on_gpu: bool = False,
    scheduler: str = "",
) -> Iterator[tuple[str, Any]]:
    """Call ``function(*task, progress)`` for every task, and yield each name and result as soon as it is ready.

    Tasks begin in their order, unless each needs a GPU: the scheduler then hands them out at once.

    If a worker is lost, another one takes over its task. When the iterator is closed or fails, running tasks are told to stop:
    their next call of ``progress`` raises.

    Args:
        tasks: the arguments of each task, by its name.
        progress: called with the number of new steps of all tasks; steps repeated after a lost worker count once.
        workers: number of processes on this machine; ignored with ``scheduler``, which has its own workers.
        threads: number of PyTorch's threads in each task.
        on_gpu: whether every task needs a GPU of its own.
        scheduler: address of a running scheduler, such as ``tcp://10.0.0.1:8786``; when empty, one is started here.

    Raises:
        GaspError: if the scheduler cannot be reached or is lost, the workers do not start, or a task has lost several workers.
    """
    owner, steps = uuid.uuid4().hex, dict[str, int]()

    def heard(event: tuple[float, Any]) -> None:
        name, done = event[1]
        new = max(done - steps.get(name, 0), 0)
        steps[name] = steps.get(name, 0) + new
        progress(new)

    with _client(workers, on_gpu, scheduler) as client:
        client.subscribe_topic(TOPIC, heard)
        futures = {
            # all keys have the same prefix, so that runs queue at the scheduler and not at a worker
            client.submit(
                _call,
                function,
                name,
                task,
                threads,
                owner,
                key=f"run-{name}",
                priority=-number,
                resources={GPU: 1} if on_gpu else None,
            ): name
            for number, (name, task) in enumerate(tasks.items())
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
                future.release()
        except KilledWorker as error:
            raise GaspError("a run lost one worker after another: see the log of the workers, then run again") from error
        except CancelledError as error:
            raise GaspError("the scheduler was lost: start it again; then the same command goes on where it was") from error
        finally:
            under_way = [future for future in futures if future.status == "pending"]
            with contextlib.suppress(OSError):  # the scheduler is lost, or tasks take too long
                client.run(_leave, owner, on_error="ignore")  # a worker may have died
                wait(under_way, timeout=GRACE_SECONDS)
            client.cancel(list(futures))


@contextlib.contextmanager
def _client(workers: int, on_gpu: bool, scheduler: str) -> Iterator[Client]:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # failures are raised, so they need not be logged
    if scheduler:
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise GaspError(
                f"no scheduler answers at {scheduler}: start one with dask scheduler, or omit --scheduler"
            ) from error
        with client:
            yield client
        return
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",  # another grid may use the default port
            silence_logs=logging.CRITICAL,
            resources={GPU: 1} if on_gpu else None,
            preload=IGNORE_CTRL_C,
        )
    except RuntimeError as error:
        raise GaspError(f"the worker processes did not start ({error}): run again") from error
    with cluster, Client(cluster) as client:
        client.wait_for_workers(workers)
        yield client


def _leave(owner: str) -> None:
    """Runs on a worker: tell the tasks of an owner to stop, and those that are still to come."""
    _left.add(owner)


def _call(function: Callable[..., Any], name: str, task: tuple[Any, ...], threads: int, owner: str) -> Any:
    """Runs on a worker: call the function, and report its progress from time to time."""
    worker = get_worker()
    torch.set_num_threads(threads)
    if torch.cuda.is_available() and isinstance(worker.name, int):
        torch.cuda.set_device(worker.name % torch.cuda.device_count())  # local workers are numbered
    done, told = 0, 0.0

    def progress(steps: int) -> None:
        nonlocal done, told
        done += steps
        if owner in _left:
            raise GaspError("stopped; the same command goes on from here")
        if time.monotonic() - told > TELL_SECONDS:
            worker.log_event(TOPIC, (name, done))
            told = time.monotonic()

    progress(0)  # a task may begin when its owner has left
    result = function(*task, progress)
    worker.log_event(TOPIC, (name, done))
    return result
