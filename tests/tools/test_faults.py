"""The fault rig: each fault once, in its short form, and that it sees the losses that it is there to see."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gasp.experiments.measurements import read_measurements
from gasp.files import write_tensors
from gasp.settings import GaspError
from gasp.tools import faults
from gasp.tools.trial import Trial


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    directory = tmp_path_factory.mktemp("faults")
    measured = faults.measure(directory, quick=True)
    print(faults.summary(measured).to_string())  # for whoever reads of a failure
    assert read_measurements(directory / "faults.csv")["fault"].tolist() == measured["fault"].tolist() == list(faults.FAULTS)
    return measured


@pytest.mark.parametrize("count", faults.MUST_BE_ZERO)
def test_no_fault_costs_what_is_finished(count, table):
    assert table[table["tried"]].set_index("fault")[count].max() == 0


def test_told_to_stop_runs_leave_within_seconds_and_lose_no_step(table):
    told = table[table["fault"].isin(["terminated (SIGTERM)", "interrupted (Ctrl-C)"])]
    assert (told["again"] == 0).all()
    assert told["leave"].max() < 10


def test_a_killed_run_loses_no_more_than_the_step_it_was_in(table):
    killed = table.set_index("fault").loc["killed (SIGKILL)"]
    assert 0 <= killed["again"] <= killed["met"]


def test_two_commands_at_once_train_nothing_twice(table):
    assert table.set_index("fault").loc["two at once", "again"] == 0


def test_most_faults_are_met(table):
    assert table["met"].sum() > len(table) / 2


@pytest.fixture
def done(tmp_path):
    """A trial whose grid is done."""
    trial = Trial(tmp_path / "trial", random.Random(0))
    assert trial.run() == 0
    return trial


def a_result(trial) -> Path:
    return trial.kept("results/*.json")[0]


DAMAGES = {
    "lost": lambda trial, _: a_result(trial).unlink(),
    "repeated": lambda trial, _: a_result(trial).touch(),
    "half": lambda trial, _: a_result(trial).with_suffix(".csv").write_text("half"),
}


@pytest.mark.parametrize("count", DAMAGES)
def test_the_rig_sees_what_is_lost(count, done, monkeypatch):
    whole = done.files()
    assert (done.lost, done.repeated, done.half, done.complaints, done.hung) == (0, 0, 0, [], 0)
    monkeypatch.setattr(done, "_wait", lambda process: process.join())
    done.run(lambda process: DAMAGES[count](done, process))
    assert getattr(done, count) == 1
    assert (done.files() == whole) == (count != "half")


@pytest.mark.parametrize(
    ("code", "said", "is_clear"),
    [
        (0, "", True),
        (2, "gasp: {folder}/runs is full: make room", True),
        (2, "gasp: something went wrong", False),
        (2, "Traceback (most recent call last):\nOSError: {folder}", False),
        (1, "", False),
        (130, "gasp: stopped; the same command goes on from here", True),
        (130, "", False),
        (-9, "", True),
    ],
)
def test_the_rig_knows_a_clear_message(code, said, is_clear, tmp_path):
    trial = Trial(tmp_path / "trial", random.Random(0))
    trial.said = said.format(folder=trial.folder)
    assert trial._is_clear(code) == is_clear


def test_the_rig_sees_weights_that_differ(done):
    path = done.kept("weights/*.safetensors")[0]
    whole = done.files()
    write_tensors(path, {}, {})
    assert done.files() != whole


@pytest.mark.parametrize(
    ("name", "content"), [("faults.csv", None), ("bench.csv", ""), ("bench.json", None), ("bench.json", "{")]
)
def test_missing_and_damaged_measurements_name_the_command_that_makes_them(name, content, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(GaspError, match=f"{name}.*run gasp {path.stem}$"):
        read_measurements(path)
