"""Results on disk, one folder per profile. They are written completely or not at all, and found by key.

The folder ``runs/PROFILE`` has

- ``results/KEY.csv``: a table with a row for each measure under each condition, and a column for each time step;
- ``results/KEY.npz``: whether each scene was right at the first and last step, by condition. The levels of a
  corruption are one array, ``gaussian/0.1,0.2/scene``, and LZMA compresses it: about half the size of ``savez_compressed``;
- ``results/KEY.json``: the record, with specification, versions, device, duration, and checksums of the other two;
- ``weights/*.safetensors``: trained weights;
- ``checkpoints/``: unfinished runs (not in version control).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gasp.experiments.specification import Experiment
from gasp.files import read_arrays, replacing, write_text
from gasp.settings import GaspError

__all__ = ["COLUMNS", "STORED_COLUMNS", "Store", "project_root"]

RUN_COLUMNS = ["key", "dataset", "variant", "seed"]
MEASURE = ["split", "evaluation", "level", "metric"]  # a row of a file
STORED_COLUMNS = ["split", "evaluation", "level", "t", "metric", "value"]
COLUMNS = [*RUN_COLUMNS, *STORED_COLUMNS]  # of a table of results


def project_root() -> Path:
    """The nearest folder, from the working folder up, that holds the book.

    Raises:
        GaspError: outside a copy of the project.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "book" / "profiles").is_dir():
            return folder
    raise GaspError(f"{here} is not inside a copy of the project (no book/profiles here or above): change to one")


class Store:
    """The results of one profile.

    Args:
        directory: such as ``runs/cpu``; created on the first write.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def weights(self, name: str) -> Path:
        return self.directory / "weights" / f"{name}.safetensors"

    def checkpoint(self, name: str) -> Path:
        return self.directory / "checkpoints" / f"{name}.safetensors"

    def __contains__(self, key: str) -> bool:
        """Whether the store has the results of this key, undamaged.

        Raises:
            GaspError: if they are there and cannot be read.
        """
        try:
            record = json.loads(self._path(key, "json").read_text())
            return all(record["sha256"][kind] == _digest(self._path(key, kind)) for kind in ("csv", "npz"))
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return False
        except OSError as error:
            raise GaspError(
                f"{error.filename or self.directory} cannot be read ({error.strerror}): mend it, then run again"
            ) from error

    def save(self, key: str, rows: pd.DataFrame, record: dict[str, Any], correct: Mapping[str, ArrayLike]) -> None:
        """Store the results of one run. The record is written last; without it the run counts as missing.

        Args:
            rows: a table with at least the columns ``STORED_COLUMNS``.
            record: plain values.
            correct: by ``evaluation/level/what``, whether each scene was right at the first and last step, bool, or the share
                of its objects that were right, ``(2, n)``.

        Raises:
            GaspError: if the folder cannot be written.
        """
        table, scenes = self._path(key, "csv"), self._path(key, "npz")
        write_text(table, _by_step(rows).to_csv(index=False, lineterminator="\n", float_format="%.8g"))
        with replacing(scenes) as scratch, zipfile.ZipFile(scratch, "w", zipfile.ZIP_LZMA) as archive:
            for name, array in _joined(correct).items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        digests = {"csv": _digest(table), "npz": _digest(scenes)}
        write_text(self._path(key, "json"), json.dumps(record | {"sha256": digests}, indent=1) + "\n")

    def sweep(self, *names: str) -> None:
        """Remove the incomplete files of a killed process. The caller must hold the lock of these names."""
        for name in names:
            for scratch in self.directory.glob(f"*/{name}.*.tmp"):
                scratch.unlink(missing_ok=True)

    def record(self, key: str) -> dict[str, Any]:
        """The record of a run: its specification, the device, the versions and the duration.

        Raises:
            GaspError: if the run is missing or damaged.
        """
        self._require(key)
        return dict(json.loads(self._path(key, "json").read_text()))

    def correct(self, key: str) -> Mapping[str, np.ndarray]:
        """Whether each scene was right at the first and last step, ``(2, n)``, by condition, such as ``gaussian/0.1/scene``.
        Measures of single objects, such as ``clean/0/pointing``, give the share of the scene's objects that were right. They
        are kept for undisturbed scenes only.

        Raises:
            GaspError: if the run is missing or damaged.
        """
        return _arrays(self._path(key, "npz"), self.record(key)["sha256"]["npz"])

    def table(self, experiments: Iterable[Experiment]) -> pd.DataFrame:
        """The results of these runs, one row per value, with the run's ``key``, ``dataset``, ``variant`` and ``seed``.

        Raises:
            GaspError: if a run is missing or damaged.
        """
        tables = []
        for run in experiments:
            self._require(run.key)
            text = self._path(run.key, "csv").read_text()
            rows = _by_value(pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False))
            tables.append(rows.assign(**{name: getattr(run, name) for name in RUN_COLUMNS})[COLUMNS])
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)

    def _require(self, key: str) -> None:
        if key not in self:
            raise GaspError(f"the results of run {key} are not in {self.directory / 'results'}, or are damaged: run it again")

    def _path(self, key: str, kind: str) -> Path:
        return self.directory / "results" / f"{key}.{kind}"


def _by_step(rows: pd.DataFrame) -> pd.DataFrame:
    """A table with a row for each value, as one with a row for each measure and a column of text for each time step. A value
    may be ``nan``; nothing is written for steps without one.
    """
    measures = pd.MultiIndex.from_frame(rows[MEASURE].drop_duplicates())
    text = rows.assign(value=rows["value"].map("{:.8g}".format))
    return text.pivot(index=MEASURE, columns="t", values="value").reindex(measures).reset_index()


def _by_value(table: pd.DataFrame) -> pd.DataFrame:
    """The inverse of :func:`_by_step`."""
    steps = table.columns.drop(MEASURE)
    values = table[steps].to_numpy()
    row, step = (values != "").nonzero()
    rows = table[MEASURE].astype({"level": float}).iloc[row]
    return rows.assign(t=steps.astype(int)[step], value=values[row, step].astype(float))


@lru_cache(maxsize=256)  # of half a megabyte on average
def _arrays(path: Path, digest: str) -> Mapping[str, np.ndarray]:  # noqa: ARG001
    """The arrays of the archive at a path, by condition, read once while its digest stays the same."""
    return _separate(read_arrays(path))


def _joined(correct: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Arrays ``(2, n)`` by ``evaluation/level/what``, as arrays ``(levels, 2, n)`` by ``evaluation/levels/what``."""
    levels: dict[tuple[str, str], list[str]] = {}
    for name in correct:
        evaluation, level, what = name.split("/")
        levels.setdefault((evaluation, what), []).append(level)
    return {
        f"{evaluation}/{','.join(found)}/{what}": np.stack([correct[f"{evaluation}/{level}/{what}"] for level in found])
        for (evaluation, what), found in levels.items()
    }


def _separate(joined: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of :func:`_joined`. Older results have one array ``(2, n)`` for each level."""
    correct: dict[str, np.ndarray] = {}
    for name, array in joined.items():
        evaluation, levels, what = name.split("/")
        by_level = zip(levels.split(","), array.reshape(levels.count(",") + 1, 2, -1), strict=True)
        correct |= {f"{evaluation}/{level}/{what}": right for level, right in by_level}
    return correct


def _digest(path: Path) -> str:
    status = path.stat()
    return _digest_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)  # a page asks for the same results again and again
def _digest_of(path: Path, modified: int, size: int) -> str:  # noqa: ARG001
    """The checksum of a file, read again when its time of modification or its size has changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
