"""What all figures share: panels and how a page shows them, colours, lines with intervals, the look of scenes and phases."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import colorcet
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from gasp.analysis.statistics import summary
from gasp.experiments.variants import VARIANTS

LABELS = {name: variant.label for name, variant in VARIANTS.items()}
# each has a contrast of at least 3 : 1 to white and to the background of dark mode
PALETTE = ["#7a7a7a", "#0173b2", "#c47a00", "#029e73", "#d55e00", "#c05cab", "#a8703f", "#e0457b", "#8a63c8", "#1f97b8"]
INK = "black"  # on a page, the colour of its text: dark in light mode, light in dark mode
# indices that keep variants in one figure distinct; 0, grey, is the CNN that GASPnet is at t = 0; others go by their position
CHOSEN = {"cnn": 0, "cnn_parameters": 1, "cnn_wide": 6, "cnn_wider": 9, "cnn_compute": 2, "gaspnet": 7, "gate": 3}
CHOSEN |= {"gattanet": 4, "komplexnet": 8, "komplexnet_feedback": 2, "predictive_cnn": 4, "predictive_gaspnet": 8}
CHOSEN |= {"gate_labels": 6, "no_modulation": 4, "no_synchrony_loss": 8, "no_neighbourhood": 9, "random_phases": 6}
CHOSEN |= {"fixed_modulation": 2, "gaspnet_labels": 8, "told_phases": 5}


def _looks(of: Sequence[str], chosen: Mapping[str, int]) -> dict[str, str]:
    """A look for each variant. A variant looks the same in both designs, with our additions and without."""
    names = {name: name.removeprefix("paper_") for name in LABELS}
    places = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    return {name: of[chosen.get(base, places[base]) % len(of)] for name, base in names.items()}


COLOURS = _looks(PALETTE, CHOSEN) | {"paper_ideal_phases": INK}  # the colour of the text for an upper bound
MARKERS = _looks("sD^ovP*X<>p", {})
# cyclic, with lightness from 33 to 92 of 100: it is legible without colour vision, and black is left for gate 0
PHASE_COLOURS = colorcet.cm.cyclic_mygbm_30_95_c78

WIDTH = 4.4  # inches, of a panel
PIXELS = 322 / WIDTH  # per inch, on a page: one panel fits a phone, two fit the text of a wide page; 10 points are 10.2 pixels
FLOW = "display: flex; flex-wrap: wrap; justify-content: center; align-items: flex-start; gap: 12px 8px"
LEGEND = "gasp-legend"  # the class of an image that is a legend
COLUMNS = "columns: 322px; column-gap: 8px; text-align: center"


class Drawing:
    """A figure of the book: vector images that stand side by side where the page is wide, and one below the other on a phone.

    Whatever is drawn in :data:`INK` takes the colour of the text around it, and the background is that of the page, so a
    figure suits light and dark mode. The same drawing gives the same bytes.

    Args:
        data: the table that is drawn, which readers can download as CSV.
        flow: the CSS by which images stand beside each other: in rows (``FLOW``) or, if their heights differ much, in columns
            (``COLUMNS``).
    """

    def __init__(self, data: pd.DataFrame | None = None, flow: str = FLOW) -> None:
        self.figures: list[Figure] = []
        self.data, self.flow = data, flow

    @property
    def axes(self) -> list[Axes]:
        """The axes of all images, in order."""
        return [panel for figure in self.figures for panel in figure.axes]

    def image(self, width: float = WIDTH, height: float = 2.6) -> Figure:
        """Add an image, with its size in inches; a phone fits a width of :data:`WIDTH`."""
        self.figures.append(Figure(figsize=(width, height), layout="constrained"))
        return self.figures[-1]

    def panel(self, height: float = 2.6) -> Axes:
        """Add an image that is a single panel."""
        panel = self.image(height=height).subplots()
        assert isinstance(panel, Axes)
        return panel

    def tiles(self, count: int, columns: int, width: float = WIDTH) -> list[Axes]:
        """Add an image of this many square pictures in rows, with room for a title above each."""
        rows = math.ceil(count / columns)
        tiles = self.image(width, rows * (width / columns + 0.2)).subplots(rows, columns, squeeze=False).ravel()
        for tile in tiles:
            tile.axis("off")
        return list(tiles[:count])

    def legend(self) -> None:
        """Add an image with the legend of all panels; on a phone it stands above them."""
        shown: dict[str, Artist] = {}
        for panel in self.axes:
            handles, labels = panel.get_legend_handles_labels()
            shown |= dict(zip(labels, handles, strict=True))
            if drawn := panel.get_legend():
                drawn.remove()  # the legend that seaborn has drawn
        if not shown:
            return
        columns = max(1, min(len(shown), int(50 / (6 + max(map(len, shown))))))  # about fifty characters fit on a line
        image = self.image(height=0.21 * math.ceil(len(shown) / columns) + 0.1)
        image.set_label(LEGEND)
        image.legend(list(shown.values()), list(shown), loc="center", ncols=columns, frameon=False)

    def wheel(self) -> None:
        """Add an image with the legend of the phase colours."""
        wheel(self.image(1.1, 1.1).subplots(subplot_kw={"projection": "polar"}))

    def __repr__(self) -> str:
        return f"a drawing of {len(self.figures)} images"

    def _repr_html_(self) -> str:
        drawn = f'<div class="gasp-figure" style="{self.flow}">\n{"".join(map(svg, self.figures))}</div>'
        return drawn if self.data is None else f"{drawn}\n{download(self.data)}"


def download(data: pd.DataFrame) -> str:
    """A link that holds a table as CSV, so that it works without a server; a chapter names the file after its figure."""
    csv = quote(data.drop(columns="key", errors="ignore").to_csv(index=False, float_format="%.6g"), safe=" ,.:;()-+")
    return f'<p class="gasp-data"><a download="data.csv" href="data:text/csv;charset=utf-8,{csv}">Data (CSV)</a></p>'


def svg(figure: Figure) -> str:
    """A figure as an SVG element that takes its font, and its colour in place of black, from the page around it."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gasp"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace("#000000", "currentColor")
    width, height = (round(PIXELS * inches) for inches in figure.get_size_inches())
    size = f'class="{figure.get_label()}" width="{width}" height="{height}" fill="currentColor"'
    style = "max-width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt"
    for pattern, instead in {
        r'(<svg [^>]*?)width="[^"]*" height="[^"]*"': rf'\1{size} style="{style}"',
        r"<style.*?</style>": "",  # it would apply to the whole page
        r"font-family: [^;\"]*(; )?": "",
        r'<g id="[^"]*">': "<g>",
    }.items():
        drawn = re.sub(pattern, instead, drawn)
    # two decimals of a coordinate are enough; numbers that readers see, such as those of an axis, are not in attributes
    drawn = re.sub(r'="[^"]*"', lambda attribute: re.sub(r"(\d\.\d\d)\d+", r"\1", attribute[0]), drawn)
    own = hashlib.sha256(drawn.encode()).hexdigest()[:8]  # ids must be unique among the images of a page
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{own}-", drawn)


def variants_of(table: pd.DataFrame) -> list[str]:
    """The variants in a table, in the order in which they are declared."""
    return [variant for variant in LABELS if (table["variant"] == variant).any()]


def lines(panel: Axes, table: pd.DataFrame, x: str) -> None:
    """Means over seeds with 95 % intervals against the column ``x``, one line per variant.

    A variant looks the same in both designs. Where both are in one panel, that of the paper's mechanisms alone is dashed.
    """
    shown = variants_of(table)
    for variant in shown:
        style = "--" if variant.startswith("paper_") and variant.removeprefix("paper_") in shown else "-"
        line(panel, summary(table[table["variant"] == variant], [x]), x, variant, style)


def line(panel: Axes, means: pd.DataFrame, x: str, variant: str, linestyle: str = "-") -> None:
    style: dict[str, Any] = {"color": COLOURS[variant], "marker": MARKERS[variant], "capsize": 3, "label": LABELS[variant]}
    panel.errorbar(means[x], means["mean"], bars(means), linestyle=linestyle, **style)


def bars(means: pd.DataFrame) -> np.ndarray:
    """Lengths of the error bars; 0 where one seed gives no interval."""
    return np.nan_to_num(np.stack([means["mean"] - means["low"], means["high"] - means["mean"]]))


def show_scene(panel: Axes, image: Tensor) -> None:
    show_image(panel, image.clamp(0, 1).permute(1, 2, 0).squeeze(-1).numpy(force=True))


def show_image(panel: Axes, pixels: np.ndarray) -> None:
    """Show grey values ``(H, W)`` or colours ``(H, W, 3)`` in [0, 1], each pixel as a square."""
    colours = np.broadcast_to(pixels[..., None], (*pixels.shape, 3)) if pixels.ndim == 2 else pixels
    panel.imshow(np.round(255 * colours).astype(np.uint8), interpolation="none")


def phase_image(phases: Tensor, gates: Tensor) -> np.ndarray:
    """Colours ``(H, W, 3)`` of phases in radians, dimmed by the gates in [0, 1]."""
    turns = (phases.detach().cpu().numpy() / (2 * math.pi)) % 1
    return np.asarray(PHASE_COLOURS(turns)[..., :3] * np.sqrt(gates.detach().cpu().numpy())[..., None])


def wheel(disc: Axes) -> None:
    """Draw the legend of the phase colours on polar axes."""
    angles = np.linspace(0, 2 * math.pi, 61)
    disc.bar(angles, 0.4, 0.11, 0.6, color=PHASE_COLOURS(angles / (2 * math.pi)), linewidth=0)
    disc.set(yticks=[], ylim=(0, 1))
    disc.set_xticks([0, math.pi / 2, math.pi, 3 * math.pi / 2], ["0", "π/2", "π", "3π/2"])
    disc.tick_params(pad=-3)
    disc.spines[:].set_visible(False)
    disc.grid(False)
