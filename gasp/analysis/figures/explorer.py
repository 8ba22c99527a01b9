"""A self-contained interactive figure for the reader's browser: what two networks see over time."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from IPython.display import HTML
from torch import Tensor

from gasp.analysis.exhibits import KINDS, Exhibit

__all__ = ["explorer"]


def explorer(exhibits: Sequence[Exhibit], name: str = "explorer") -> HTML:
    """A figure in which readers choose a data set, a scene, a level of noise and a moment. They see the phases and the answers
    of both networks, and can ask what is at a place, by the rule of :func:`gasp.learning.binding.cued_reports`.

    Args:
        exhibits: one for each data set.
        name: name of the element on the page.
    """
    folder = files("gasp.analysis.figures")
    parts = {part: folder.joinpath(part).read_text() for part in ("phases.css", "phases.js", "explorer.js")}
    parts |= {"EXPLORER": name, "EXHIBITS": json.dumps([_data(shown) for shown in exhibits])}
    page = folder.joinpath("explorer.html").read_text()
    for part, text in parts.items():
        page = page.replace(f"/*{part}*/", text)
    return HTML(page)


def _data(shown: Exhibit) -> dict[str, Any]:
    """An exhibit for the page, with tensors as bytes: 256 stands for a full turn of phase, and for 1 in all other tensors."""
    return {
        "title": shown.title,
        "classes": shown.classes,
        "units": shown.units.tolist(),
        "kinds": [list(KINDS).index(kind) for kind in shown.kinds],
        "shares": shown.shares,
        "pool": shown.pool,
        "levels": shown.levels,
        "chosen": shown.levels.index(shown.chosen_at),
        "accuracy": shown.accuracy,
        "size": shown.images.shape[-1],
        "channels": shown.images.shape[2],
        "grids": shown.grids,
        "iterations": shown.iterations,
        "frames": shown.phases.shape[2],
        "steps": shown.chances.shape[2],
        "images": _text(shown.images),
        "phases": _text(shown.phases / (2 * math.pi) % 1, wraps=True),
        "gates": _text(shown.gates),
        "chances": _text(shown.chances),
        "rival": _text(shown.rival),
    }


def _text(values: Tensor, wraps: bool = False) -> str:
    """Values in [0, 1] as bytes in base64; values on a circle wrap around, all others are clipped to 255."""
    rounded = (256 * values.double().clamp(0, 1)).round().numpy(force=True).astype(np.int64)
    return base64.b64encode((rounded % 256 if wraps else rounded.clip(max=255)).astype(np.uint8).tobytes()).decode()
