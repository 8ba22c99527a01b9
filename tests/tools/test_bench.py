"""Measurements of cost: what they count, what they keep, and ratios that hold on any machine."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from gasp.models import GASPnet
from gasp.settings import GaspError
from gasp.tools import bench
from gasp.tools.measurements import read_measurements


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A table of few cases, and the folder that it is kept in."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "QUICK_STEPS", (3,))
        patch.setattr(bench, "SIDES", (16, 64, 256))
        patch.setattr(bench, "QUICK_EPOCH", 128)
        return bench.measure(folder, quick=True), folder


def fastest(table, case, size):
    """The round that other work on the machine disturbed least."""
    chosen = table[(table["case"] == case) & (table["size"] == size)]
    assert len(chosen)
    return chosen["seconds"].min()


def test_the_operations_of_the_cnn_are_those_of_its_shapes():
    convolutions = 25 * 1 * 26 * 16 * 16 + 9 * 26 * 30 * 8 * 8 + 9 * 30 * 32 * 8 * 8
    assert bench._least_operations(1) == 2 * bench.BATCH * (convolutions + 2048 * 16 + 16 * 10)


def test_another_time_step_adds_three_of_every_layer_but_the_second_where_it_adds_two():
    first = 2 * bench.BATCH * 25 * 26 * 16 * 16
    second = 2 * bench.BATCH * 9 * 26 * 30 * 8 * 8
    others = bench._least_operations(1) - first - second
    assert bench._least_operations(4) - bench._least_operations(3) == 2 * second + 3 * others


def test_every_part_is_measured_in_every_round(measured):
    table, _ = measured
    rounds = table[table["group"] != "epoch"].groupby(["group", "case", "size"])["round"].apply(list)
    assert set(table["group"]) == {"training", "inference", "coupling", "together", "scenes", "epoch"}
    assert all(numbers == list(range(bench.QUICK_ROUNDS)) for numbers in rounds)
    assert (table["seconds"] > 0).all()
    assert (table["seconds"] > table["floor"]).all()


def test_the_table_is_kept_with_what_it_was_measured_on(measured):
    table, folder = measured
    kept, machine = (read_measurements(folder / name) for name in ("bench.csv", "bench.json"))
    assert kept[["group", "case", "size", "round"]].equals(table[["group", "case", "size", "round"]])
    assert machine["quick"] is True
    assert machine["torch"] == torch.__version__


def test_the_factorised_coupling_is_far_faster_than_the_dense_one(measured):
    table, _ = measured
    assert fastest(table, "dense", 4096) > 10 * fastest(table, "factorised", 4096)


def test_the_factorised_coupling_does_not_grow_with_the_square_of_the_oscillators(measured):
    table, _ = measured
    assert fastest(table, "factorised", 65536) < 128 * fastest(table, "factorised", 4096)  # 16 times as many


def test_a_training_step_of_gaspnet_stays_within_sight_of_the_cnn_s(measured):
    table, _ = measured
    training = table[table["group"] == "training"]
    assert fastest(training, "gaspnet", 3) < 40 * fastest(training, "cnn", 1)


def test_the_number_of_threads_is_what_it_was(measured):
    before = torch.get_num_threads()
    with pytest.raises(GaspError, match="at least one thread"):
        bench.measure(measured[1], quick=True, threads=0)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(sys.platform != "linux", reason="memory is kept by glibc")
@pytest.mark.usefixtures("measured")
def test_a_training_step_takes_no_new_memory_from_the_system():
    trainer = bench._Trainer(GASPnet(), (torch.rand(32, 1, 32, 32), torch.rand(32, 2, 32, 32), torch.ones(32, 1, 10)))
    for _ in range(5):
        trainer()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        trainer()
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert pages < 5000  # without keep_memory about 9,000
