"""Results on disk: found whole or not at all, and read as they were written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from filelock import FileLock

from gasp.experiments.store import COLUMNS, STORED_COLUMNS, Store, project_root
from gasp.files import locked, write_tensors, write_text
from gasp.settings import GaspError

KEY = "0123456789ab"
RIGHT = {"clean/0/scene": np.array([[True, False, True], [True, True, False]]), "scale/0.5/head_1": np.eye(2, 3) > 0}
SUFFIXES = ("csv", "json", "npz")


def rows(key: str = KEY, values=(0.5, 0.25)) -> pd.DataFrame:
    table = [[key, "multi_mnist", "cnn", 0, "test", "noise", 0.1, t, "loss", value] for t, value in enumerate(values)]
    return pd.DataFrame(table, columns=COLUMNS)


def named(*keys: str, seed: int = 0) -> list[SimpleNamespace]:
    """Runs of which the store needs no more than their key and names."""
    return [SimpleNamespace(key=key, dataset="multi_mnist", variant="cnn", seed=seed) for key in keys]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs" / "tiny")


@pytest.fixture
def kept(store) -> Store:
    store.save(KEY, rows(), {"seconds": 3}, RIGHT)
    return store


def readings(store: Store) -> list[Callable[[str], object]]:
    """Every way to read the results of a run."""
    return [
        store.record,
        store.correct,
        lambda key: store.table(named(key)),
    ]


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_file_is_written(number, store, monkeypatch):
    """In the middle it would leave an archive that cannot be closed: a ``ValueError`` in place of the interrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    begin = zipfile.ZipFile.open

    def interrupted(*arguments, **options):
        opened = begin(*arguments, **options)
        signal.raise_signal(number)
        return opened

    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "open", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.save(KEY, rows(), {}, {"clean/0/scene": RIGHT["clean/0/scene"]})
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.default_int_handler
    signal.signal(signal.SIGTERM, before)
    assert KEY not in store
    assert files(store) == [f"{KEY}.csv", f"{KEY}.npz"]


def test_what_was_saved_is_found(kept):
    assert KEY in kept
    assert kept.record(KEY)["seconds"] == 3
    pd.testing.assert_frame_equal(kept.table(named(KEY)), rows())
    assert files(kept) == [f"{KEY}.{suffix}" for suffix in SUFFIXES]


def test_whether_each_scene_was_right_is_found_by_its_condition(kept):
    found = kept.correct(KEY)
    assert found.keys() == RIGHT.keys()
    for name, right in RIGHT.items():
        assert found[name].dtype == bool
        assert np.array_equal(found[name], right)
    kept.save("b", rows("b"), {}, {})
    assert not kept.correct("b").keys()


def test_levels_are_stored_side_by_side_and_found_by_name(store):
    """Older results, with an array for each level, are read, too."""
    noise = np.random.default_rng(0)
    right = {
        f"gaussian/{level:g}/{what}": noise.random((2, 500)) < 0.5 for level in (0.05, 0.1, 1) for what in ("scene", "pointing")
    }
    store.save("new", rows(), {}, right)
    path = store.directory / "results" / "new.npz"
    with np.load(path) as archive:
        assert {name: archive[name].shape for name in archive} == dict.fromkeys(
            ("gaussian/0.05,0.1,1/scene", "gaussian/0.05,0.1,1/pointing"), (3, 2, 500)
        )
    found = dict(store.correct("new"))
    np.savez_compressed(path, **right)
    record = store.directory / "results" / "new.json"
    digests = json.loads(record.read_text())["sha256"] | {"npz": hashlib.sha256(path.read_bytes()).hexdigest()}
    record.write_text(json.dumps({"sha256": digests}))
    for correct in (found, store.correct("new")):
        assert correct.keys() == right.keys()
        assert all(np.array_equal(correct[name], right[name]) for name in right)


def test_an_archive_is_opened_once_unless_it_is_replaced(kept, monkeypatch):
    opened, load = [], np.load
    monkeypatch.setattr(np, "load", lambda path, **options: opened.append(path) or load(path, **options))
    for _ in range(3):
        assert kept.correct(KEY)["clean/0/scene"].sum() == 4
    assert len(opened) == 1
    assert not [file for file in psutil.Process().open_files() if KEY in file.path]
    kept.save(KEY, rows(), {}, {"clean/0/scene": np.zeros((2, 3), bool)})
    assert kept.correct(KEY)["clean/0/scene"].sum() == 0


def test_what_was_not_saved_is_not_found(kept):
    assert "ba9876543210" not in kept
    for read in readings(kept):
        with pytest.raises(GaspError, match=r"ba9876543210.*run it again"):
            read("ba9876543210")


def test_the_columns_are_those_documented(kept):
    header = (kept.directory / "results" / f"{KEY}.csv").read_text().splitlines()[0]
    assert header == "split,evaluation,level,metric,0,1"
    assert list(kept.table(named(KEY)).columns) == COLUMNS
    assert list(kept.table([]).columns) == COLUMNS


def test_measures_keep_their_order_and_may_have_different_numbers_of_steps(store):
    found = [["test", "speckle", 1, t, "loss", t / 7] for t in range(3)]
    found += [["test", "gaussian", level, t, "accuracy", level * t] for level in (0.5, 0.1) for t in (0, 1)]
    found += [["test", "longer", 0.1, t, "loss", 1 / (t + 3)] for t in range(11)]
    found += [["test", "attribution", 0, 2, "pointing", 0.25]]  # the last step alone
    results = pd.DataFrame(found, columns=STORED_COLUMNS)
    store.save(KEY, results, {}, {})
    path = store.directory / "results" / f"{KEY}.csv"
    assert len(path.read_text().splitlines()) == 1 + 5
    pd.testing.assert_frame_equal(store.table(named(KEY))[STORED_COLUMNS], results, rtol=1e-7)


def test_columns_are_kept_in_order_and_others_are_left_out(store):
    store.save(KEY, rows().assign(more=1)[["more", *reversed(COLUMNS)]], {}, {})
    pd.testing.assert_frame_equal(store.table(named(KEY)), rows())


def test_a_table_without_all_columns_is_not_saved(store):
    with pytest.raises(KeyError, match="metric"):
        store.save(KEY, rows().drop(columns="metric"), {}, {})
    assert KEY not in store


@pytest.mark.parametrize("key", [KEY, "000000000012", "12e456789012"], ids=["letters", "digits", "like a number"])
def test_values_survive_a_round_trip(key, store):
    values = [0.0, 1.0, 1 / 3, -1e-12, 6.02e23, 0.1 + 0.2, float("nan"), *np.random.default_rng(0).normal(size=20)]
    written = rows(key, values).assign(level=[0.05 * index for index in range(len(values))], seed=2**40)
    store.save(key, written, {}, {})
    pd.testing.assert_frame_equal(store.table(named(key, seed=2**40)), written, rtol=1e-7)


def test_tables_of_several_runs_come_in_the_order_asked_for(kept):
    kept.save("b", rows("b"), {}, {})
    table = kept.table(named("b", KEY))
    assert table["key"].tolist() == ["b", "b", KEY, KEY]
    assert table.index.tolist() == list(range(4))


DAMAGES = {
    "a changed value": ("csv", lambda text: text.replace("0.25", "0.26")),
    "a row less": ("csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n"),
    "an empty table": ("csv", lambda _: ""),
    "half a record": ("json", lambda text: text[: len(text) // 2]),
    "an empty record": ("json", lambda _: ""),
    "a record of nothing": ("json", lambda _: "{}"),
    "a record that is a list": ("json", lambda _: "[]"),
    "a checksum of something else": ("json", lambda text: json.dumps(json.loads(text) | {"sha256": "0" * 64})),
    "a checksum less": ("json", lambda text: text.replace("npz", "npy")),
    "bytes that are no text": ("csv", lambda _: "\udcff"),
    "a changed scene": ("npz", lambda text: text[:-1] + "x"),
    "no scenes": ("npz", lambda _: ""),
}


@pytest.mark.parametrize(("kind", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_results_are_not_found(kind, damage, kept):
    path = kept.directory / "results" / f"{KEY}.{kind}"
    path.write_text(damage(path.read_text(errors="surrogateescape")), errors="surrogateescape")
    assert KEY not in kept
    for read in readings(kept):
        with pytest.raises(GaspError, match=KEY):
            read(KEY)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES], ids=["too many open files", "no permission"])
def test_results_that_cannot_be_read_are_not_taken_for_missing(number, kept, monkeypatch):
    def refuse(path):
        raise OSError(number, os.strerror(number), str(path))

    os.utime(kept.directory / "results" / f"{KEY}.csv", (0, 0))  # a file that did not change would not be read again
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(GaspError, match=rf"{KEY}\.csv cannot be read \({os.strerror(number)}\)"):
        KEY in kept  # noqa: B015


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_part_of_the_files_is_not_found(kind, kept):
    (kept.directory / "results" / f"{KEY}.{kind}").unlink()
    assert KEY not in kept
    with pytest.raises(GaspError, match=KEY):
        kept.table(named(KEY))


@pytest.mark.parametrize("written", [0, 1, 2], ids=["table", "scenes", "record"])
def test_a_failed_write_leaves_no_results_and_no_scraps(written, store, monkeypatch):
    replace, left = os.replace, [written]

    def fail(*paths):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        replace(*paths)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(GaspError, match=r"cannot be written.*No space left on device"):
        store.save(KEY, rows(), {}, RIGHT)
    assert KEY not in store
    assert files(store) == [f"{KEY}.csv", f"{KEY}.npz"][:written]


def test_a_failed_write_keeps_what_was_there(kept, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(GaspError, match="nothing was changed"):
            kept.save(KEY, rows(values=(0.1,)), {}, {})
    pd.testing.assert_frame_equal(kept.table(named(KEY)), rows())


def test_saving_again_replaces(kept):
    kept.save(KEY, rows(values=(0.1,)), {"seconds": 4}, {"clean/0/scene": [[True], [False]]})
    pd.testing.assert_frame_equal(kept.table(named(KEY)), rows(values=(0.1,)))
    assert kept.record(KEY)["seconds"] == 4
    assert kept.correct(KEY)["clean/0/scene"].tolist() == [[True], [False]]


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EACCES, "make it writable")]
)
def test_only_a_full_disk_asks_for_room(number, remedy, store, monkeypatch):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(GaspError, match=rf"{os.strerror(number)}\): nothing was changed; {remedy}, then run again"):
        store.save(KEY, rows(), {}, RIGHT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(store):
    store.directory.mkdir(parents=True, mode=0o500)
    with pytest.raises(GaspError, match="cannot be written"):
        store.save(KEY, rows(), {}, RIGHT)


def test_text_is_written_whole_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    write_text(path, "é → ∞\n")
    assert path.read_text(encoding="utf-8") == "é → ∞\n"
    assert [found.name for found in path.parent.iterdir()] == ["c.txt"]


def test_tensors_may_be_read_by_whoever_may_read_a_new_file(tmp_path):
    write_text(tmp_path / "text", "")
    write_tensors(tmp_path / "tensors", {"x": torch.ones(2)}, {})
    assert (tmp_path / "tensors").stat().st_mode == (tmp_path / "text").stat().st_mode


def test_who_waits_for_another_process_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("gasp.files.PATIENCE", 0.05)
    path, taken = tmp_path / "run.lock", threading.Event()

    def hold() -> None:
        with FileLock(path):
            taken.set()
            time.sleep(0.5)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait()
    with locked(path):
        assert "waiting for another process" in capfd.readouterr().err
    other.join()


def test_the_project_is_found_from_below(project, monkeypatch):
    monkeypatch.chdir(project / "book" / "profiles")
    assert project_root() == project


def test_outside_of_a_project_there_is_an_explanation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GaspError, match="not inside a copy of the project") as error:
        project_root()
    assert str(tmp_path) in str(error.value)
