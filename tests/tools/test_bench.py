"""Measurements of cost: what they count, what they keep, and ratios that hold on any machine."""

from __future__ import annotations

import resource
import sys
import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gasp.experiments.measurements import read_measurements
from gasp.learning.devices import use_threads
from gasp.models import CNN, GASPnet
from gasp.settings import GaspError
from gasp.tools import bench


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A table of few cases, and the folder that it is kept in."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "QUICK_STEPS", (3,))
        patch.setattr(bench, "SIDES", (16, 64, 256))
        patch.setattr(bench, "QUICK_EPOCH", 128)
        return bench.measure(folder, quick=True), folder


BATCH = (torch.rand(32, 1, 32, 32), torch.rand(32, 2, 32, 32), torch.ones(32, 1, 10))


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
    assert set(table["group"]) == {"training", "inference", "variant", "coupling", "together", "scenes", "epoch"}
    assert all(numbers == list(range(bench.QUICK_ROUNDS)) for numbers in rounds)
    assert (table["seconds"] > 0).all()
    moved = table[~table["group"].isin(["training", "inference"])]
    assert (moved["seconds"] > moved["floor"]).all()  # ten times and more, so whatever else the machine did meanwhile


def test_a_floor_is_the_least_that_must_be_multiplied_at_the_rate_of_the_machine(measured):
    table, folder = measured
    rate = read_measurements(folder / "bench.json")["operations_per_second"]
    floors = table.groupby(["group", "case", "size"])["floor"].first()
    for case, steps, model in (("cnn", 1, CNN()), ("gaspnet", 3, GASPnet(steps=3))):
        least = bench._least_operations(steps)
        assert floors["inference", case, steps] == pytest.approx(least / rate, rel=0.01)
        assert floors["training", case, steps] == pytest.approx(3 * least / rate, rel=0.01)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.rand(bench.BATCH, 1, 32, 32))
        assert counter.get_total_flops() >= least


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


def test_a_training_step_of_gaspnet_stays_within_sight_of_the_cnn_s():
    """In processor time of one thread, which other work on the machine hardly lengthens."""

    def processor_time(trainer) -> float:
        started = time.process_time()
        trainer()
        return time.process_time() - started

    with use_threads(1):
        cnn, gaspnet = (
            min(processor_time(trainer) for _ in range(5))
            for trainer in (bench._Trainer(CNN(), BATCH), bench._Trainer(GASPnet(steps=3), BATCH))
        )
    assert gaspnet < 40 * cnn


def test_the_number_of_threads_is_what_it_was(measured):
    before = torch.get_num_threads()
    with pytest.raises(GaspError, match="at least one thread"):
        bench.measure(measured[1], quick=True, threads=0)
    assert torch.get_num_threads() == before


@pytest.mark.skipif(sys.platform != "linux", reason="memory is kept by glibc")
@pytest.mark.usefixtures("measured")
def test_a_training_step_takes_no_new_memory_from_the_system():
    trainer = bench._Trainer(GASPnet(), BATCH)
    for _ in range(5):
        trainer()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        trainer()
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert pages < 5000  # without keep_memory about 9,000
