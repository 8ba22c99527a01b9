"""Files that a user can be handed, damaged or made to do harm: read as they were, or refused in one line; never executed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gasp import files
from gasp.data.scenes import SceneSettings, compose
from gasp.data.sources import ARRAYS, load_source, save_source
from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.specification import Experiment
from gasp.experiments.store import COLUMNS, Store
from gasp.files import read_arrays, read_tensors, write_tensors
from gasp.learning.checkpoint import steps_done
from gasp.settings import GaspError

NASTY = ["&a", "*a", "<<: *a", "!!python/object/apply:os.system [true]", "!!set {", "? {", "}", "]", ": :", "- ", "\t", "\0"]
NASTY += ["---\n", "2024-13-45", "9" * 5000, "1e999", ".nan", "~", "\u2028", "[" * 2000, "{a: " * 2000, "'", '"', "é"]
PLAIN = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)


def answer_of(read: Callable[[], object]) -> object:
    """What was read; nothing where it was refused, in one line and not more of it than a person reads."""
    try:
        return read()
    except GaspError as refusal:
        answer = str(refusal)
    assert "\n" not in answer
    assert 10 < len(answer) < 20_000
    return None


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """A file of which some bytes were flipped, cut off, left out, repeated or written over."""
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 64))
        content = draw(
            st.sampled_from(
                [
                    content[:at],
                    content[:at] + content[at + length :],
                    content[:at] + content[at : at + length] * 3 + content[at:],
                    content[:at] + draw(st.binary(max_size=64)) + content[at:],
                    bytes(byte ^ (index == at) for index, byte in enumerate(content)),
                    content[:at] + bytes(length) + content[at + length :],
                ]
            )
        )
    return content


# profiles and specifications


@st.composite
def damaged_text(draw, text: str) -> str:
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        text = text[:at] + draw(st.sampled_from(NASTY) | st.text(max_size=5)) + text[at + length :]
    return text


def in_a_project(text: str, monkeypatch: pytest.MonkeyPatch) -> Profile | None:
    """The profile of this text, if it is one."""
    with tempfile.TemporaryDirectory() as folder, monkeypatch.context() as patch:
        path = Path(folder) / "book" / "profiles" / "tiny.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, errors="surrogatepass")
        patch.chdir(folder)
        return answer_of(lambda: load_profile("tiny"))


@given(st.data())
def test_a_damaged_profile_is_a_profile_or_refused(tiny_profile, data):
    with pytest.MonkeyPatch.context() as patch:
        text = data.draw(damaged_text(tiny_profile))
        profile = in_a_project(text, patch)
        assert profile is None or isinstance(answer_of(profile.experiments), list | None)


def keys(values: object, path: tuple = ()) -> list[tuple]:
    """The place of every value, however deeply nested."""
    if isinstance(values, dict | list):
        inner = values.items() if isinstance(values, dict) else enumerate(values)
        return [place for key, value in inner for place in [(*path, key), *keys(value, (*path, key))]]
    return []


@given(st.data())
def test_a_profile_with_any_value_in_any_place_is_a_profile_or_refused(tiny_profile, data):
    values = yaml.safe_load(tiny_profile)
    *parents, last = data.draw(st.sampled_from(keys(values)))
    place = values
    for key in parents:
        place = place[key]
    place[last] = data.draw(VALUES)
    with pytest.MonkeyPatch.context() as patch:
        profile = in_a_project(yaml.safe_dump(values), patch)
    for run in (answer_of(profile.experiments) or [])[:1] if profile else []:
        assert Experiment.model_validate_json(run.model_dump_json()) == run
        assert Experiment.model_validate_json(run.model_dump_json()).key == run.key


@given(st.text(max_size=12) | st.sampled_from(["epochs", "training.scenes", "seeds", "grid", "datasets", "widths"]), VALUES)
def test_any_parameter_is_taken_or_refused(tiny_profile, name, value):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "book" / "profiles" / "tiny.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(tiny_profile)
        patch.chdir(folder)
        profile = answer_of(lambda: load_profile("tiny", **{name: value}))
        assert profile is None or isinstance(profile, Profile)


def test_few_lines_that_stand_for_millions_are_refused(monkeypatch):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    assert in_a_project(bomb, monkeypatch) is None


@pytest.mark.parametrize(
    ("section", "name"), [("network", "hidden"), ("training", "scenes"), ("training", "batch_size"), ("evaluation", "scenes")]
)
def test_sizes_that_no_machine_holds_are_refused(section, name, write):
    write(**{f"{section}": {**yaml.safe_load(write().read_text())[section], name: 10**15}})
    with pytest.raises(GaspError, match=f"{section}.{name}: .*less than or equal"):
        load_profile("tiny")


# checkpoints and weights


TENSORS = {"model/a": torch.arange(6.0).view(2, 3), "model/b": torch.tensor(3), "generator": torch.arange(9, dtype=torch.uint8)}
RECORD = {"identity": "run", "groups": [{"lr": 0.1}], "schedule": {}, "done": 3, "running": {"loss": 0.5}, "history": []}


@pytest.fixture(scope="module")
def tensors_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tensors") / "run.safetensors"
    write_tensors(path, TENSORS, RECORD)
    return path


@given(st.data())
def test_a_damaged_file_of_tensors_is_what_was_written_or_refused(tensors_file, data):
    content = tensors_file.read_bytes()
    changed = data.draw(damaged(content))
    path = tensors_file.with_name("changed")
    path.write_bytes(changed)
    found = answer_of(lambda: read_tensors(path))
    assert found is not None or changed != content
    if found is not None:
        assert found[1] == RECORD
        assert all(torch.equal(found[0][name], tensor) for name, tensor in TENSORS.items())


@given(st.dictionaries(st.sampled_from(list(RECORD)) | st.text(max_size=5), VALUES, max_size=6))
def test_any_record_is_that_of_a_checkpoint_or_refused(tensors_file, entries):
    path = tensors_file.with_name("other")
    record = json.loads(json.dumps(RECORD | entries, default=str))
    write_tensors(path, TENSORS, record)
    assert answer_of(lambda: steps_done(path)) in (record["done"], None)


# archives of data and of results


@pytest.fixture(scope="module")
def data_file(tmp_path_factory) -> Path:
    """A prepared source of twelve images."""
    folder = tmp_path_factory.mktemp("data")
    images, labels = np.arange(12 * 28 * 28, dtype=np.uint8).reshape(12, 28, 28), np.arange(12, dtype=np.uint8) % 10
    arrays = dict(zip(ARRAYS, (images, labels, images[:10], labels[:10]), strict=True))
    save_source("mnist", arrays, folder)
    return folder / "mnist.npz"


@given(st.data(), st.sampled_from(["mnist.npz", "manifest.json"]))
def test_a_damaged_source_is_what_was_prepared_or_refused(data_file, data, which):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for path in data_file.parent.iterdir():
            content = path.read_bytes()
            (Path(folder) / path.name).write_bytes(data.draw(damaged(content)) if path.name == which else content)
        patch.setenv("GASP_DATA", folder)
        source = answer_of(lambda: load_source("mnist"))
    if source is not None:
        assert source.train.images.flatten().tolist() == (np.arange(12 * 28 * 28) % 256).tolist()
        assert source.test.labels.tolist() == list(range(10))


@given(st.data(), st.sampled_from(["csv", "npz", "json"]))
def test_damaged_results_are_what_was_kept_or_refused(data, which):
    right = {"clean/0/scene": np.eye(2, 30) > 0}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        row = ["k", "multi_mnist", "cnn", 0, "test", "clean", 0.0, 1, "loss", 0.25]
        store.save("k", pd.DataFrame([row], columns=COLUMNS), {}, right)
        path = Path(folder) / "results" / f"k.{which}"
        path.write_bytes(data.draw(damaged(path.read_bytes())))
        table, found = (
            answer_of(lambda: store.table([SimpleNamespace(key="k", dataset="multi_mnist", variant="cnn", seed=0)])),
            answer_of(lambda: dict(store.correct("k"))),
        )
    assert table is None or table.iloc[0].tolist() == row
    assert found is None or np.array_equal(found["clean/0/scene"], right["clean/0/scene"])


def test_an_archive_that_blows_up_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, zeros=np.zeros(10**6, np.uint8))
    assert path.stat().st_size < 2000
    monkeypatch.setattr(files, "LARGEST", 10**6)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(GaspError, match="would unpack to"):
        read_arrays(path)


def test_an_array_that_says_it_is_larger_than_its_file_is_refused(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "large.npz", "w") as archive:
        archive.writestr("large.npy", buffer.getvalue() + b"few")
    with pytest.raises(GaspError, match="cannot be read"):
        read_arrays(tmp_path / "large.npz")


def test_a_picture_that_blows_up_is_refused(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    for part in ("cat", "dog"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "1.png").write_bytes(picture)
    with pytest.raises(GaspError, match="is not a folder of images"):
        load_source(str(tmp_path))


class Harmful:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["mnist.npz", "k.npz", "run.safetensors", "profile.yaml"])
def test_nothing_in_a_file_is_executed(name, tmp_path, monkeypatch):
    path, mark = tmp_path / name, tmp_path / "executed"
    if name.endswith("npz"):
        np.savez(path, **dict.fromkeys(ARRAYS, np.array([Harmful(mark)], object)))
        (tmp_path / "manifest.json").write_text('{"mnist": {}}')
        monkeypatch.setenv("GASP_DATA", str(tmp_path))
        reads = [lambda: read_arrays(path), lambda: load_source("mnist")]
    elif name.endswith("yaml"):
        text = f"description: !!python/object/apply:pathlib.Path.touch [{mark}]\n"
        reads = [lambda: in_a_project(text, monkeypatch)]
    else:
        torch.save({"x": Harmful(mark)}, path)
        reads = [lambda: read_tensors(path)]
        path.write_bytes(pickle.dumps(Harmful(mark)))
        reads.append(lambda: read_tensors(path))
    assert [answer_of(read) for read in reads] == [None] * len(reads)
    assert not mark.exists()


# scenes


@given(
    objects=st.integers(1, 5),
    overlap=st.floats(0, 1),
    scale=st.floats(0.05, 1.5),
    size=st.integers(8, 40),
    on_background=st.booleans(),
    seed=st.integers(0, 2**40),
)
def test_any_scene_shows_its_objects_or_is_refused(digits, photos, objects, overlap, scale, size, on_background, seed):
    settings = SceneSettings(objects=objects, overlap=overlap, scale=scale, size=32 if on_background else size)
    background = photos.train if on_background else None
    scenes = answer_of(lambda: compose(digits.train, settings, 3, seed, background))
    if scenes is None:
        return
    masks = objects + on_background
    assert scenes.images.shape == (3, 3 if on_background else 1, settings.size, settings.size)
    assert scenes.masks.shape == (3, masks, settings.size, settings.size)
    assert scenes.targets.sum(2).tolist() == [[objects, 1][: 1 + on_background]] * 3
    assert all(len(set(labels[:objects].tolist())) == objects for labels in scenes.labels)
    if not on_background:
        nothing = (scenes.masks == 0).all(1, keepdim=True)
        assert (scenes.images[nothing] < 30).all()  # of 255: faint ink belongs to no object
