"""What all tests share: devices, precision, a seed, an empty data folder, the embedded images, a tiny project."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import settings

from gasp.data.sources import Splits, load_source
from gasp.experiments.profile import load_profile
from gasp.experiments.specification import Experiment
from gasp.learning.devices import use_threads
from gasp.settings import Settings
from gasp.tools.trial import PROFILE

settings.register_profile("gasp", max_examples=30, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=3000, deadline=None, database=None)  # pytest --hypothesis-profile long
settings.load_profile("gasp")

# a shell that runs tests in the background has Ctrl-C ignored, here and in all that they start
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = PROFILE.replace("items: mnist", "items: embedded_digits")
AVAILABLE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@pytest.fixture(params=[name for name, available in AVAILABLE.items() if available])
def device(request) -> torch.device:
    return torch.device(request.param)


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    """Every test starts from the same seed, and knows no data but what the package carries."""
    monkeypatch.setenv("GASP_DATA", str(tmp_path_factory.mktemp("gasp_data")))
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def no_data(tmp_path_factory) -> Path:
    """An empty data folder that many tests share, so that embedded images are loaded once."""
    return tmp_path_factory.mktemp("no_data")


@pytest.fixture(scope="session")
def tiny_profile() -> str:
    """The text of a profile that trains within a second."""
    return TINY


@pytest.fixture
def project(tmp_path, monkeypatch, no_data) -> Path:
    """The root of a project whose only profile is tiny; the working folder."""
    monkeypatch.setenv("GASP_DATA", str(no_data))
    profiles = tmp_path / "book" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(project):
    """Change the profile: dotted keys and their new values; a value of ... takes the key out."""

    def change(**changes: Any) -> Path:
        path = project / "book" / "profiles" / "tiny.yaml"
        values = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = values
            for parent in parents:
                place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
            if value is ...:
                del place[last]
            else:
                place[last] = value
        path.write_text(yaml.safe_dump(json.loads(json.dumps(values)), sort_keys=False))  # without aliases
        return path

    return change


@pytest.fixture
def one(project) -> Experiment:  # noqa: ARG001
    """A run of the tiny profile."""
    return load_profile("tiny").experiment("multi_mnist", "gaspnet", 0)


@pytest.fixture(scope="session")
def flat() -> Callable[[Settings | dict[str, Any]], dict[str, Any]]:
    """The values of settings, or of their dump, by their dotted keys."""

    def leaves(values: dict, prefix: str = ""):
        for name, value in values.items():
            yield from leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]

    return lambda settings: dict(leaves(settings if isinstance(settings, dict) else settings.model_dump(mode="json")))


@pytest.fixture
def one_thread():
    """What must agree bit for bit with another process has as many threads as that."""
    with use_threads(1):
        yield


def _embedded(name: str) -> Splits:
    def refuse(*_, **__):
        raise AssertionError(f"{name} needs the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        return load_source(name)


@pytest.fixture(scope="session")
def digits() -> Splits:
    """embedded_digits, loaded while the network refuses every connection."""
    return _embedded("embedded_digits")


@pytest.fixture(scope="session")
def photos() -> Splits:
    """embedded_photos, likewise."""
    return _embedded("embedded_photos")
