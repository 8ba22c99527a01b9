"""What all figures share: size and resolution, colours, lines with intervals, the look of scenes and phases."""

from __future__ import annotations

import itertools
import math
from typing import Any

import colorcet
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from gasp.analysis.statistics import summary
from gasp.experiments.variants import VARIANTS

LABELS = {name: variant.label for name, variant in VARIANTS.items()}
# grey for the CNN that GASPnet is at t = 0, black for what no model reaches, violet instead of a yellow that fades on white
PALETTE = ["0.5", *("#6a3d9a" if colour == "#ece133" else colour for colour in sns.color_palette("colorblind").as_hex())]
COLOURS = dict(zip(LABELS, itertools.cycle(PALETTE), strict=False)) | {"ideal_phases": "black"}
MARKERS = dict(zip(LABELS, itertools.cycle("sD^ovP*X<>p"), strict=False))
# cyclic, and lightness goes from 35 to 75 of 100: it reads without colour vision, and black stays free for silence
PHASE_COLOURS = colorcet.cm.cyclic_mygbm_30_95_c78


def new_figure(size: tuple[float, float]) -> Figure:
    figure = plt.figure(figsize=size, layout="constrained", dpi=144)
    plt.close(figure)  # a notebook shows it once, as the value of its cell
    return figure


def variants_of(table: pd.DataFrame) -> list[str]:
    """Those that a table has, in the order in which they are declared."""
    return [variant for variant in LABELS if (table["variant"] == variant).any()]


def lines(panel: Axes, table: pd.DataFrame, x: str) -> None:
    """Means over seeds with 95 % intervals against the column ``x``, one line a variant."""
    for variant in variants_of(table):
        line(panel, summary(table[table["variant"] == variant], [x]), x, variant)


def line(panel: Axes, means: pd.DataFrame, x: str, variant: str) -> None:
    style: dict[str, Any] = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3, "label": LABELS[variant]}
    panel.errorbar(means[x], means["mean"], bars(means), **style)


def bars(means: pd.DataFrame) -> np.ndarray:
    """Lengths of the error bars; none where one seed gives no interval."""
    return np.nan_to_num(np.stack([means["mean"] - means["low"], means["high"] - means["mean"]]))


def show_scene(panel: Axes, image: Tensor) -> None:
    panel.imshow(image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).cpu(), cmap="gray", vmin=0, vmax=1)


def phase_image(phases: Tensor, gates: Tensor) -> np.ndarray:
    """Colours ``(H, W, 3)`` of phases in radians, dimmed by the gates in [0, 1]."""
    turns = (phases.detach().cpu().numpy() / (2 * math.pi)) % 1
    return np.asarray(PHASE_COLOURS(turns)[..., :3] * np.sqrt(gates.detach().cpu().numpy())[..., None])


def wheel(figure: Figure, panel: Axes) -> None:
    """The legend of the phase colours, in the place of a panel."""
    place = panel.get_subplotspec()
    assert place is not None
    disc = figure.add_subplot(place, projection="polar")
    angles = np.linspace(0, 2 * math.pi, 181)
    disc.pcolormesh(angles, [0.6, 1], (angles[:-1] / (2 * math.pi))[None], cmap=PHASE_COLOURS, vmin=0, vmax=1)
    disc.set(yticks=[], ylim=(0, 1))
    disc.set_xticks([0, math.pi / 2, math.pi, 3 * math.pi / 2], ["0", "π/2", "π", "3π/2"], fontsize=8)
    disc.tick_params(pad=-3)
    disc.spines[:].set_visible(False)
    disc.grid(False)
