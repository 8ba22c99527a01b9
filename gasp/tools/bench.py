"""Time training steps, inferences, couplings, scenes and an epoch on this machine, and compute floors.

All cases are timed in turn, over several rounds, so that slow changes of the machine affect all alike. A floor is the least
time that a case can take: that of its multiplications at the machine's best rate in a large convolution or matrix product, or
that of copying its data, whichever is longer.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from gasp.analysis.comparisons import CNN_WIDTHS, GASPNET_STEPS
from gasp.data.scenes import SceneSettings, compose
from gasp.data.sources import load_source
from gasp.experiments.cluster import distribute
from gasp.experiments.variants import VARIANTS
from gasp.files import make_folder, write_text
from gasp.learning.devices import choose_device, keep_memory, use_threads
from gasp.learning.evaluation import accuracy
from gasp.learning.losses import classification_loss
from gasp.learning.training import TrainingSettings, descend, fit, no_progress, objectives, total_loss
from gasp.models import CNN, GASPnet, Model
from gasp.nn.kuramoto import Coupling, dense_rates, rates
from gasp.nn.neighbourhood import Neighbourhood
from gasp.settings import GaspError

__all__ = ["BATCH", "measure"]

BATCH = 128
STEPS, QUICK_STEPS = (2, 3, 5, 8), (2, 3)
SIDES = (16, 32, 64, 128, 256)
DENSE_SIDE = 64  # all pairs of finer grids take gigabytes
KEY_SIZE = 8
ROUNDS, QUICK_ROUNDS = 12, 3
EPOCH, QUICK_EPOCH = 60_000, 2048  # scenes


class _Case(NamedTuple):
    """A case to time, with the least floating-point operations that it needs and the least bytes that it moves."""

    group: str
    case: str
    size: int
    run: Callable[[], object]
    operations: float = 0
    moved: float = 0


def measure(directory: Path, quick: bool = False, threads: int | None = None) -> pd.DataFrame:
    """Time everything. Write the table to ``directory/bench.csv`` and a description of the machine to ``bench.json``.

    Args:
        quick: whether to run only a few rounds and a short epoch, which takes less than a minute.
        threads: number of threads of each measurement; all cores when omitted.

    Returns:
        one row per timing: ``group`` (training, inference, variant, coupling, scenes, epoch, together), ``case``, ``size`` (the
        number of time steps, oscillators, scenes or seeds, in all runs together), ``round``, ``seconds``, ``floor`` (seconds;
        0 if none is known).

    Raises:
        GaspError: for less than one thread, or a folder that cannot be written.
    """
    threads = (os.cpu_count() or 1) if threads is None else threads
    if threads < 1:
        raise GaspError(f"at least one thread is needed, not {threads}")
    make_folder(directory)
    keep_memory()
    torch.manual_seed(0)
    device = choose_device()
    with use_threads(threads):
        scenes = compose(load_source("embedded_digits").train, SceneSettings(), 4096, seed=0)
        with device:
            rates = _rates()
            steps = QUICK_STEPS if quick else STEPS
            batch = scenes.batch(slice(BATCH), device)
            cases = [*_model_cases(batch, steps), *_variant_cases(batch), *_coupling_cases(), _scene_case(len(scenes))]
        rows = []
        rounds = QUICK_ROUNDS if quick else ROUNDS
        for number in tqdm(range(rounds), desc="measuring", unit="round"):
            for case in cases:
                case.run()  # warm up: the cache then holds the data of this case, as in a run
                rows.append(_row(case, number, rates))
        for case in tqdm(_epoch_cases(QUICK_EPOCH if quick else EPOCH), desc="epochs"):
            rows.append(_row(case, rounds, rates))
    table = pd.DataFrame(rows, columns=["group", "case", "size", "round", "seconds", "floor"])
    machine = {
        "quick": quick,
        "threads": threads,
        "batch": BATCH,
        "device": device.type,
        "machine": f"{platform.machine()} with {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        **{name: float(f"{rate:.3g}") for name, rate in rates.items()},
    }
    write_text(directory / "bench.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(directory / "bench.json", json.dumps(machine, indent=1) + "\n")
    return table


def _row(case: _Case, number: int, rates: dict[str, float]) -> tuple[str, str, int, int, float, float]:
    floor = max(case.operations / rates["operations_per_second"], case.moved / rates["bytes_per_second"])
    return case.group, case.case, case.size, number, _seconds(case.run), floor


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter() - start


def _rates() -> dict[str, float]:
    """The best rates of this machine: of multiplications, in a large product or convolution, and of copying."""

    def best(run: Callable[[], object]) -> float:
        return min(_seconds(run) for _ in range(100))

    matrix, maps, kernel = torch.rand(1024, 1024), torch.rand(BATCH, 64, 16, 16), torch.rand(64, 64, 3, 3)
    maps, kernel = (x.contiguous(memory_format=torch.channels_last) for x in (maps, kernel))
    source, target = torch.rand(2, 2**24)
    product = 2 * 1024**3 / best(lambda: matrix @ matrix)
    convolution = 2 * BATCH * 64 * 64 * 9 * 256 / best(lambda: F.conv2d(maps, kernel, padding=1))
    return {
        "operations_per_second": max(product, convolution),
        "bytes_per_second": 2 * 4 * 2**24 / best(lambda: target.copy_(source)),
    }


def _model_cases(batch: tuple[Tensor, Tensor, Tensor], over_time: Sequence[int]) -> list[_Case]:
    """Training steps and inferences of the CNN and of GASPnet; the CNN in bfloat16, and two seeds of it at once."""
    models: dict[tuple[str, int], Model] = {("cnn", 1): CNN()}
    models |= {("gaspnet", steps): GASPnet(steps=steps) for steps in over_time}
    models["gaspnet without alignment", 3] = GASPnet(iterations=0)
    cases = []
    for (name, steps), model in models.items():
        inference, training = partial(_infer, model, batch[0]), _Trainer(model, batch)
        operations = _least_operations(steps)
        cases.append(_Case("training", name, steps, training, 3 * operations))
        cases.append(_Case("inference", name, steps, inference, operations))
    cases.append(_Case("training", "cnn in bfloat16", 1, _Trainer(CNN(), batch, torch.bfloat16), 3 * _least_operations(1)))
    return [*cases, *_seed_cases(batch[0], batch[2])]


def _variant_cases(batch: tuple[Tensor, Tensor, Tensor]) -> list[_Case]:
    """Training steps of the variants whose accuracy is compared with their cost; the size is that of the batch."""
    cases = []
    for name in (*CNN_WIDTHS, *GASPNET_STEPS):
        variant = VARIANTS[name]
        model = variant.model(**variant.model.Settings.of(variant.settings).wider(variant.wider).model_dump())
        cases.append(_Case("variant", name, BATCH, _Trainer(model, batch, changes=variant.training)))
    return cases


class _Trainer:
    """Repeats one training step of :func:`gasp.learning.training.fit`.

    Args:
        changes: replaced settings of training.
    """

    def __init__(
        self,
        model: Model,
        batch: tuple[Tensor, Tensor, Tensor],
        precision: torch.dtype = torch.float32,
        changes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.model, self.batch = model, batch
        self.autocast = torch.autocast(batch[0].device.type, precision, enabled=precision != torch.float32)
        self.settings = TrainingSettings(epochs=1, scenes=BATCH, learning_rate=1e-4).changed(changes)
        self.optimizer = torch.optim.Adam(model.parameters(), self.settings.learning_rate)

    def __call__(self) -> None:
        images, masks, targets = self.batch
        with self.autocast:
            losses = objectives(self.model(images), targets, masks, self.settings)
        descend(self.model, total_loss(losses, self.settings), self.optimizer, self.settings.gradient_norm)


def _infer(model: Model, images: Tensor) -> None:
    with torch.no_grad():
        model(images)


def _least_operations(steps: int) -> float:
    """The operations of one inference.

    Each modulated sweep adds three passes through every layer but the first, and only two through the second, whose plain pass
    is reused.
    """
    model, images = CNN(), torch.zeros(BATCH, 1, 32, 32)
    x, layers = images, []
    for stage in model.stages:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            x = stage(x)
        layers.append(counter.get_total_flops())
    first, second, *rest = layers
    return first + second * (1 + 2 * (steps - 1)) + sum(rest) * (1 + 3 * (steps - 1))


def _coupling_cases() -> list[_Case]:
    """One evaluation of the rates of all oscillators of one image."""
    cases = []
    for side in SIDES:
        number = side * side
        neighbourhood = Neighbourhood([(side, side)])
        phases = torch.rand(number) * 6
        queries, keys = torch.randn(2, number, KEY_SIZE)
        coupling = Coupling(queries, keys, torch.rand(number), neighbourhood, desynchronization=0.1, normalization=10.0)
        moved = 4 * number * (2 * KEY_SIZE + 3)
        cases.append(_Case("coupling", "factorised", number, partial(rates, phases, coupling), 0, moved))
        if side <= DENSE_SIDE:
            dense = partial(dense_rates, phases, coupling, neighbourhood.matrix())
            cases.append(_Case("coupling", "dense", number, dense, 2 * number**2 * (KEY_SIZE + 1), 4 * number**2))
    return cases


def _seed_cases(images: Tensor, targets: Tensor) -> list[_Case]:
    """The gradients of two seeds of the CNN, computed one after the other and as one batched model."""
    models = [CNN(), CNN()]
    parameters, _ = stack_module_state(models)

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return classification_loss(functional_call(models[0], weights, (images,)).logits, targets)

    def one_by_one() -> None:
        for model in models:
            classification_loss(model(images).logits, targets).backward()

    return [
        _Case("together", "one by one", 2, one_by_one),
        _Case("together", "batched", 2, lambda: vmap(grad(loss))(parameters)),
    ]


def _scene_case(count: int) -> _Case:
    source = load_source("embedded_digits").train
    moved = 3 * 32 * 32 * count  # image and two masks, in bytes
    return _Case("scenes", "composition", count, partial(compose, source, SceneSettings(), count, 0), 0, moved)


def _epoch_cases(count: int) -> list[_Case]:
    """A complete epoch: of one run on all threads, and of one run per worker, with one thread each."""
    operations = _least_operations(3) / BATCH * (3 * count + _validation(count))
    return [
        _Case("epoch", "one run", count, partial(_epoch, count), operations),
        _Case("epoch", "1 worker", count, partial(_epochs, count, 1), operations),
        _Case("epoch", "2 workers", 2 * count, partial(_epochs, count, 2), 2 * operations),
    ]


def _validation(count: int) -> int:
    return max(count // 12, 1)


def _epoch(count: int, progress: Callable[[int], object] = no_progress) -> None:
    """Compose scenes, make all training steps, write checkpoints and validate."""
    source = load_source("embedded_digits").train
    validation = compose(source, SceneSettings(), _validation(count), seed=1)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            GASPnet().to(choose_device()),
            lambda number: compose(source, SceneSettings(), count, seed=number),
            partial(accuracy, scenes=validation),
            TrainingSettings(epochs=1, scenes=count),
            seed=0,
            checkpoint=Path(folder) / "checkpoint",
            identity="bench",
            progress=progress,
        )


def _epochs(count: int, workers: int) -> None:
    for _ in distribute(_epoch, {str(run): (count,) for run in range(workers)}, no_progress, workers, threads=1):
        pass
