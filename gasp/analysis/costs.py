"""What a variant costs: the time of a training step, and the multiplications of an answer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from gasp.experiments.measurements import read_measurements
from gasp.experiments.specification import Experiment

__all__ = ["multiplications", "step_seconds"]


def step_seconds(directory: Path) -> dict[str, float]:
    """The median time of a training step of each variant that ``gasp bench`` has timed, in seconds.

    Args:
        directory: folder of the profile's results; without a ``bench.csv`` in it, nothing was timed.

    Raises:
        GaspError: if the table is damaged.
    """
    path = directory / "bench.csv"
    if not path.exists():
        return {}
    table = read_measurements(path)
    return dict(table[table["group"] == "variant"].groupby("case")["seconds"].median())


def multiplications(run: Experiment) -> float:
    """The number of multiplications for one image, up to the last answer: those of convolutions and matrix products, in all
    sweeps and in alignment. Element-wise products are not counted.

    Raises:
        GaspError: if the images cannot be loaded.
    """
    model = run.build()
    image = torch.zeros(1, model.channels, model.size, model.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.run(image, torch.Generator().manual_seed(0))
    return counter.get_total_flops() / 2
