"""Read the measurements that ``gasp bench`` and ``gasp faults`` have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from gasp.settings import GaspError

__all__ = ["read_measurements"]


def read_measurements(path: Path) -> Any:
    """Read a table (``.csv``) or a mapping (``.json``). The file has the name of the command that writes it.

    Raises:
        GaspError: if the file is missing or damaged.
    """
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise GaspError(f"{path} cannot be read ({error}): run gasp {path.stem}") from error
