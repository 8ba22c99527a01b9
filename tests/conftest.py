"""What all tests share: devices, precision, a seed, an empty data folder, the embedded images."""

from __future__ import annotations

import socket

import pytest
import torch
from hypothesis import settings

from gasp.data.images import Source, load_source

settings.register_profile("gasp", max_examples=30, deadline=None, derandomize=True, database=None)
settings.load_profile("gasp")

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


def _embedded(name: str) -> Source:
    def refuse(*_, **__):
        raise AssertionError(f"{name} needs the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        return load_source(name)


@pytest.fixture(scope="session")
def digits() -> Source:
    """embedded_digits, loaded while the network refuses every connection."""
    return _embedded("embedded_digits")


@pytest.fixture(scope="session")
def photos() -> Source:
    """embedded_photos, likewise."""
    return _embedded("embedded_photos")
