"""Where images come from: the embedded sources, prepared files whole and damaged, folders of images."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision
from PIL import Image

from gasp.data import sources as module
from gasp.data.datasets import Dataset
from gasp.data.scenes import SceneSettings
from gasp.data.sources import ARRAYS, FETCHED, SOURCES, Fetched, ImageSet, data_directory, load_source, prepare
from gasp.settings import GaspError

KINDS = {name: fetched.dataset for name, fetched in FETCHED.items()}


@pytest.fixture(autouse=True)
def _uncached():
    module._load.cache_clear()


class Digits:
    """Stands for a data set of torchvision, with its types: tensors for digits, an array and a list for photographs."""

    def __init__(self, root, train, download):
        assert download
        (Path(root) / f"download_{train}").write_text("raw")
        length = 60 if train else 20
        pixels = torch.arange(length)[:, None, None].expand(-1, 28, 28).remainder(251).to(torch.uint8).contiguous()
        self.data, self.targets = pixels, torch.arange(length) % 10


class Photos(Digits):
    def __init__(self, root, train, download):
        super().__init__(root, train, download)
        pixels = np.random.default_rng(train).integers(0, 256, (len(self.data), 32, 32, 3), np.uint8)
        self.data, self.targets = pixels, self.targets.tolist()


def connect(monkeypatch):
    for kind in KINDS.values():
        monkeypatch.setattr(torchvision.datasets, kind, Photos if kind == "CIFAR10" else Digits)


@pytest.fixture
def online(monkeypatch):
    connect(monkeypatch)


def refuse(monkeypatch, kind, *reason):
    """Make every data set of torchvision raise."""

    def fail(*_, **__):
        raise kind(*reason)

    for dataset in KINDS.values():
        monkeypatch.setattr(torchvision.datasets, dataset, fail)


@pytest.fixture
def prepared(monkeypatch) -> Path:
    """The file of a prepared source, after the network is gone."""
    connect(monkeypatch)
    prepare("mnist", data_directory())
    refuse(monkeypatch, AssertionError, "fetched again")
    return data_directory() / "mnist.npz"


def explains(error, *names):
    message = str(error.value)
    assert "\n" not in message.strip()
    for name in (*names, "embedded_digits", "embedded_photos"):
        assert str(name) in message


# registered sources


def stripes(split: str) -> ImageSet:
    """Horizontal and vertical lines, brighter in training."""
    images = torch.zeros(20, 1, 12, 12, dtype=torch.uint8)
    brightness = torch.arange(10, dtype=torch.uint8) + (200 if split == "train" else 100)
    images[:10, 0, 5, 2:10] = images[10:, 0, 2:10, 5] = brightness.unsqueeze(1)
    return ImageSet(images, torch.arange(20).div(10).byte(), ("horizontal", "vertical"))


@pytest.fixture
def registered(monkeypatch) -> None:
    monkeypatch.setitem(SOURCES, "stripes", stripes)


@pytest.mark.parametrize("name", [*SOURCES, "stripes"])
@pytest.mark.usefixtures("online", "registered")
def test_every_registered_source_keeps_the_contract(name):
    source = load_source(name)
    for part in source:
        count, channels, height, width = part.images.shape
        assert part.images.dtype == part.labels.dtype == torch.uint8
        assert part.labels.shape == (count,)
        assert channels in (1, 3)
        assert height == width >= 8
        assert len(set(part.classes)) == len(part.classes) >= 2
        assert part.labels.unique().tolist() == list(range(len(part.classes)))
    assert source.train.classes == source.test.classes
    assert source.train.images.shape[1:] == source.test.images.shape[1:]


@pytest.mark.usefixtures("registered")
def test_scenes_are_composed_of_a_source_once_it_is_registered():
    scenes = Dataset(items="stripes", scenes=SceneSettings(scale=2.0)).compose("test", 30, seed=0)
    assert scenes.targets.tolist() == [[[True, True]]] * 30
    horizontal = scenes.labels == 0
    heights, widths = ((scenes.masks > 127).any(axis).sum(-1) for axis in (-1, -2))
    assert torch.equal(widths > heights, horizontal)


@pytest.mark.parametrize("name", ["strips", "MNIST", "no/such/folder"])
@pytest.mark.usefixtures("registered")
def test_an_unknown_name_is_answered_by_those_that_are_registered(name):
    with pytest.raises(GaspError, match=rf"'{name}': neither one of .*, stripes, nor a folder") as caught:
        load_source(name)
    explains(caught, *KINDS)


@pytest.mark.parametrize(
    ("images", "labels", "classes", "says"),
    [
        (torch.zeros(3, 8, 8).byte(), torch.zeros(3).byte(), "a", "not torch.uint8\\[3, 8, 8\\] and"),
        (torch.zeros(3, 1, 8, 8), torch.zeros(3).byte(), "a", "not torch.float32"),
        (torch.zeros(3, 1, 8, 8).byte(), torch.zeros(3).long(), "a", "and torch.int64"),
        (torch.zeros(3, 1, 8, 8).byte(), torch.zeros(2).byte(), "a", "and torch.uint8\\[2\\]"),
        (torch.zeros(3, 1, 8, 8).byte(), torch.tensor([0, 1, 2]).byte(), "ab", "labels 0 to 2 need a class each"),
        (torch.zeros(3, 1, 8, 8).byte(), torch.zeros(3).byte(), "a" * 257, "at most 256"),
    ],
)
def test_images_that_break_the_contract_are_explained(images, labels, classes, says):
    with pytest.raises(GaspError, match=says):
        ImageSet(images, labels, tuple(classes))


# embedded sources


@pytest.mark.parametrize(("name", "channels", "side"), [("digits", 1, 28), ("photos", 3, 32)])
def test_an_embedded_source_uses_the_whole_range_of_brightness(name, channels, side, request):
    for part in request.getfixturevalue(name):
        assert part.images.shape[1:] == (channels, side, side)
        assert part.images.max() > 200
        assert part.images.min() < 20


def test_the_embedded_digits_are_as_many_as_documented(digits):
    assert torch.bincount(digits.train.labels.long()).tolist() == [400] * 10
    assert torch.bincount(digits.test.labels.long()).tolist() == [100] * 10


@pytest.mark.parametrize("name", ["digits", "photos"])
def test_no_embedded_image_is_in_both_sets(name, request):
    source = request.getfixturevalue(name)
    train, test = ({image.numpy().tobytes() for image in part.images} for part in (source.train, source.test))
    assert train.isdisjoint(test)


@pytest.mark.parametrize("name", ["digits", "photos"])
def test_an_embedded_source_is_always_the_same(name, request):
    source, again = request.getfixturevalue(name), load_source(f"embedded_{name}")
    assert again is not source
    for part in ("train", "test"):
        first, second = getattr(source, part), getattr(again, part)
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.labels, second.labels)


# splitting


def image_set(counts: list[int]) -> ImageSet:
    """Images that hold their own number."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))[torch.randperm(sum(counts))]
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    return ImageSet(images, labels.to(torch.uint8), tuple("abcdefghij"[: len(counts)]))


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 1.0])
def test_a_split_is_disjoint_complete_and_stratified(fraction):
    counts = [20, 10, 40]
    whole = image_set(counts)
    rest, held = whole.split(fraction)
    numbers = [part.images[:, 0, 0, 0].tolist() for part in (rest, held)]
    assert sorted(numbers[0] + numbers[1]) == list(range(70))
    assert torch.bincount(held.labels.long(), minlength=3).tolist() == [round(fraction * count) for count in counts]
    for part, indices in zip((rest, held), numbers, strict=True):
        assert torch.equal(part.labels, whole.labels[indices])
        assert part.classes == whole.classes


def test_a_split_is_always_the_same_and_leaves_the_seed_alone():
    whole = image_set([20, 10])
    torch.manual_seed(1)
    first = whole.split(0.3)[1].images
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn)
    torch.manual_seed(2)
    assert torch.equal(whole.split(0.3)[1].images, first)


# preparing


@pytest.mark.parametrize(("name", "channels", "side"), [("mnist", 1, 28), ("fashion_mnist", 1, 28), ("cifar10", 3, 32)])
@pytest.mark.usefixtures("online")
def test_a_fetched_source_loads_as_it_came(name, channels, side):
    source = load_source(name)
    for part, train in ((source.train, True), (source.test, False)):
        came = (Photos if channels == 3 else Digits)(data_directory(), train, download=True)
        assert part.images.shape == (60 if train else 20, channels, side, side)
        assert part.images.dtype == part.labels.dtype == torch.uint8
        assert np.array_equal(part.images.permute(0, 2, 3, 1).squeeze(-1).numpy(), np.asarray(came.data))
        assert part.labels.tolist() == list(came.targets)
        assert len(part.classes) == 10


@pytest.mark.parametrize(("name", "kept"), [("mnist", 50_000), ("cifar10", 40_000)])
def test_the_last_training_images_are_left_out(name, kept, monkeypatch):
    class Long(Digits):
        def __init__(self, root, train, download):
            super().__init__(root, train, download)
            length = kept + 3 if train else 10
            self.data, self.targets = np.zeros((length, 2, 2, 3), np.uint8), ([3] * kept + [9] * 3)[:length]

    monkeypatch.setattr(torchvision.datasets, KINDS[name], Long)
    source = load_source(name)
    assert len(source.train) == kept
    assert source.train.labels.unique().tolist() == [3]
    assert len(source.test) == 10


@pytest.fixture
def svhn(monkeypatch) -> np.ndarray:
    """The numbers of a registered SVHN, read by torchvision itself from files of the original's format."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 30), np.uint8)  # (H, W, C, N)

    def download(data):
        scipy.io.savemat(Path(data.root) / data.filename, {"X": pixels, "y": np.arange(30)[:, None] % 10 + 1})

    monkeypatch.setattr(torchvision.datasets.SVHN, "download", download)
    monkeypatch.setattr(torchvision.datasets.SVHN, "_check_integrity", lambda _: True)
    monkeypatch.setitem(FETCHED, "svhn", Fetched("SVHN", tuple("0123456789")))
    monkeypatch.setitem(SOURCES, "svhn", partial(module._prepared, "svhn"))
    return pixels


def test_a_data_set_with_channels_first_loads_as_it_came(svhn):
    for part in load_source("svhn"):
        assert np.array_equal(part.images.numpy(), svhn.transpose(3, 2, 0, 1))
        assert part.labels.tolist() == [*range(1, 10), 0] * 3  # SVHN writes 0 as 10


@pytest.mark.parametrize("dataset", ["KMINST", "Omniglot"], ids=["misspelt", "without a training set"])
def test_a_data_set_that_cannot_be_a_source_is_explained(dataset, monkeypatch):
    monkeypatch.setitem(FETCHED, "mnist", Fetched(dataset, ("a", "b")))
    with pytest.raises(GaspError) as caught:
        load_source("mnist")
    explains(caught, "mnist", data_directory())


def test_a_prepared_source_is_not_fetched_again(prepared):
    before = prepared.stat().st_mtime_ns
    assert len(load_source("mnist").train) == 60
    prepare("mnist", prepared.parent)
    assert prepared.stat().st_mtime_ns == before


@pytest.mark.usefixtures("online")
def test_prepared_sources_share_a_manifest(monkeypatch):
    for name in KINDS:
        prepare(name, data_directory())
    refuse(monkeypatch, AssertionError, "fetched again")
    assert {name: load_source(name).train.classes for name in KINDS} == {name: FETCHED[name].classes for name in KINDS}


def test_preparing_leaves_the_two_files_and_the_lock(prepared):
    assert {path.name for path in prepared.parent.iterdir()} <= {"mnist.npz", "manifest.json", ".lock"}


@pytest.mark.usefixtures("online")
def test_preparing_makes_the_folder(tmp_path):
    prepare("mnist", tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "mnist.npz").exists()


@pytest.mark.parametrize(
    "error",
    [
        (RuntimeError, "file not found or corrupted"),
        (urllib.error.URLError, "no route"),
        (TimeoutError, "slow"),
        (http.client.IncompleteRead, b"half"),
        (http.client.BadStatusLine, "<html>"),
    ],
    ids=lambda error: error[0].__name__,
)
@pytest.mark.parametrize("name", KINDS)
def test_what_cannot_be_fetched_is_explained(name, error, monkeypatch):
    refuse(monkeypatch, *error)
    with pytest.raises(GaspError) as caught:
        load_source(name)
    explains(caught, name, data_directory())


@pytest.mark.usefixtures("online")
def test_a_folder_that_cannot_be_made_is_explained(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GASP_DATA", str(tmp_path / "file"))
    with pytest.raises(GaspError) as caught:
        load_source("mnist")
    explains(caught, "mnist", tmp_path / "file")


def fails_at_the_test_set(monkeypatch, error):
    class Half(Digits):
        def __init__(self, root, train, download):
            super().__init__(root, train, download)
            if not train:
                raise error("disk full")

    monkeypatch.setattr(torchvision.datasets, "MNIST", Half)


def fails_while_writing(monkeypatch, error):
    def write(file, **_):
        file.write(b"half")
        raise error("disk full")

    monkeypatch.setattr(np, "savez_compressed", write)


@pytest.mark.parametrize("fails", [fails_at_the_test_set, fails_while_writing])
@pytest.mark.parametrize(("error", "seen"), [(OSError, GaspError), (KeyboardInterrupt, KeyboardInterrupt)])
@pytest.mark.usefixtures("online")
def test_preparing_that_fails_midway_leaves_nothing(fails, error, seen, monkeypatch):
    with monkeypatch.context() as patch:
        fails(patch, error)
        with pytest.raises(seen):
            prepare("mnist", data_directory())
    assert {path.name for path in data_directory().iterdir()} <= {".lock"}
    assert len(load_source("mnist").train) == 60


# damaged files


def rewrite(path: Path, **changes) -> None:
    with np.load(path) as archive:
        arrays = {**archive, **changes}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})


def one_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3, np.uint8))
    return buffer.getvalue()


DAMAGES = {
    "garbage": lambda path: path.write_bytes(b"not an archive"),
    "nothing": lambda path: path.write_bytes(b""),
    "half a file": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "only the end": lambda path: path.write_bytes(path.read_bytes()[path.stat().st_size // 2 :]),
    "one array instead": lambda path: path.write_bytes(one_array()),
    "another shape": lambda path: rewrite(path, train_images=np.zeros((60, 14, 14), np.uint8)),
    "another type": lambda path: rewrite(path, train_labels=np.zeros(60, np.int64)),
    "other content": lambda path: rewrite(path, test_labels=np.zeros(20, np.uint8)),
    "a pickled object": lambda path: rewrite(path, train_images=np.array([{}], dtype=object)),
    "a missing array": lambda path: rewrite(path, test_images=None),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_explained(damage, prepared):
    damage(prepared)
    with pytest.raises(GaspError) as caught:
        load_source("mnist")
    explains(caught, prepared)


def test_a_changed_byte_anywhere_is_explained_or_harmless(prepared):
    good, content = load_source("mnist"), prepared.read_bytes()
    surprises, explained = {}, 0
    for position in range(0, len(content), max(1, len(content) // 200)):
        module._load.cache_clear()
        prepared.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            assert torch.equal(load_source("mnist").train.images, good.train.images)
        except GaspError:
            explained += 1
        except Exception as error:  # any other is what this test is after
            surprises[position] = repr(error)
    assert surprises == {}
    assert explained > 0


MANIFESTS = {
    "none": None,
    "not JSON": "{",
    "another type": "[]",
    "no entry": "{}",
    "an empty entry": '{"mnist": {}}',
    "an entry of another type": '{"mnist": {"train_images": 3}}',
    "shapes of other arrays": json.dumps({"mnist": {key: {"shape": [1], "sha256": "x"} for key in ARRAYS}}),
    "an entry without checksum": '{"mnist": {"train_images": {"shape": [60, 28, 28]}}}',
}


@pytest.mark.parametrize("text", MANIFESTS.values(), ids=MANIFESTS)
def test_a_file_without_its_manifest_is_explained_and_deleting_it_as_the_message_says_mends_it(text, prepared, monkeypatch):
    manifest = prepared.with_name("manifest.json")
    manifest.unlink() if text is None else manifest.write_text(text)
    with pytest.raises(GaspError) as caught:
        load_source("mnist")
    explains(caught, prepared, "manifest.json")
    prepared.unlink()
    monkeypatch.setattr(torchvision.datasets, "MNIST", Digits)
    assert len(load_source("mnist").train) == 60
    assert "mnist" in json.loads(manifest.read_text())


# names and folders


def draw(path: Path, color, size=(20, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if isinstance(color, tuple) else "L", size, color).save(path)


def test_a_folder_of_classes_is_split(tmp_path):
    for name, color in (("ant", (200, 10, 0)), ("bee", (0, 10, 200))):
        for index in range(10):
            draw(tmp_path / name / f"{index}.png", color)
    source = load_source(str(tmp_path))
    assert (len(source.train), len(source.test)) == (16, 4)
    for part in (source.train, source.test):
        assert part.images.shape[1:] == (3, 32, 32)
        assert part.images.dtype == part.labels.dtype == torch.uint8
        assert part.classes == ("ant", "bee")
        expected = torch.tensor([[200, 10, 0], [0, 10, 200]], dtype=torch.uint8)[part.labels.long()]
        assert torch.equal(part.images.amax((2, 3)), expected)
    assert torch.bincount(source.test.labels.long()).tolist() == [2, 2]


def test_a_folder_of_train_and_test_is_kept(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        for label, name in enumerate(("ant", "bee")):
            for index in range(count):
                draw(tmp_path / part / name / f"{index}.png", 100 + 50 * label + index)
    source = load_source(str(tmp_path))
    assert source.train.images[:, 0, 0, 0].tolist() == [100, 101, 102, 150, 151, 152]
    assert source.test.images[:, 0, 0, 0].tolist() == [100, 101, 150, 151]
    assert source.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.train.classes == source.test.classes == ("ant", "bee")


def test_grey_images_have_one_channel(tmp_path):
    for index in range(5):
        draw(tmp_path / "ant" / f"{index}.png", 90)
    assert load_source(str(tmp_path)).train.images.shape[1] == 1


def test_train_and_test_have_the_same_channels(tmp_path):
    draw(tmp_path / "train" / "ant" / "0.png", 90)
    draw(tmp_path / "test" / "ant" / "0.png", (200, 10, 0))
    source = load_source(str(tmp_path))
    assert source.train.images.shape[1] == source.test.images.shape[1]


def half_an_image(path: Path) -> None:
    draw(path / "ant" / "0.png", (1, 2, 3), (200, 200))
    file = path / "ant" / "0.png"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


BROKEN = {
    "no classes": lambda path: draw(path / "0.png", 9),
    "no images": lambda path: (path / "ant").mkdir(),
    "a text among images": lambda path: (draw(path / "ant" / "0.png", 9), (path / "ant" / "1.png").write_text("hello")),
    "half an image": half_an_image,
    "other classes": lambda path: [draw(path / part / "0.png", 9) for part in ("train/ant", "test/bee")],
    "no folder of test images": lambda path: draw(path / "train" / "ant" / "0.png", 9),
    "no test images": lambda path: (draw(path / "train" / "ant" / "0.png", 9), (path / "test").mkdir()),
}


def test_a_class_may_be_called_train(tmp_path):
    for name in ("bus", "train"):
        for number in range(5):
            draw(tmp_path / name / f"{number}.png", 9)
    (tmp_path / "train" / ".thumbnails").mkdir()
    assert load_source(str(tmp_path)).train.classes == ("bus", "train")


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_a_broken_folder_is_explained(spoil, tmp_path):
    spoil(tmp_path)
    with pytest.raises(GaspError) as caught:
        load_source(str(tmp_path))
    assert str(tmp_path) in str(caught.value)


def test_the_data_directory_is_the_variable_s_or_the_user_s(monkeypatch, tmp_path):
    monkeypatch.setenv("GASP_DATA", str(tmp_path))
    assert data_directory() == tmp_path
    monkeypatch.delenv("GASP_DATA")
    assert data_directory().name == "gasp"
