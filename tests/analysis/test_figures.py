"""Figures: each is drawn without a warning and says what its axes are."""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from importlib.resources import files
from urllib.parse import unquote

import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import PIL.ImageSequence
import pytest
import torch
from drawn import random_exhibit

from gasp.analysis import figures
from gasp.analysis.exhibits import KINDS
from gasp.analysis.figures import Drawing
from gasp.analysis.figures.style import COLOURS, LABELS, MARKERS, PALETTE, PHASE_COLOURS, phase_image
from gasp.analysis.statistics import at_level, decomposition, last_step, levels_of, paired_difference, undisturbed
from gasp.data.scenes import Scenes
from gasp.experiments.store import COLUMNS
from gasp.models import GASPnet, Trajectory

SVG = "{http://www.w3.org/2000/svg}"
LEVELS = (0.0, 0.1, 0.2)
STEPS = {"cnn": 1, "gaspnet": 3}


def elements(drawing: Drawing) -> list[ET.Element]:
    """The images of a drawing, parsed."""
    return list(ET.fromstring(f"<body>{drawing._repr_html_()}</body>")[0])


def results(seeds: int = 3) -> pd.DataFrame:
    rows = []

    def add(variant, seed, split, evaluation, level, metric):
        for t in range(STEPS[variant]):
            value = 0.9 - level / 10 + 0.01 * t + 0.003 * math.sin(7 * seed + 3 * t + level)
            rows.append([f"{variant}{seed}", "multi_mnist", variant, seed, split, evaluation, level, t, metric, value])

    for variant, seed in itertools.product(STEPS, range(seeds)):
        for metric in ("scene_accuracy", "object_accuracy", "loss"):
            add(variant, seed, "test", "clean", 0.0, metric)
            for evaluation, level in itertools.product(("gaussian", "longer"), LEVELS[1:]):
                add(variant, seed, "test", evaluation, level, metric)
            for epoch in (1.0, 2.0):
                add(variant, seed, "validation", "training", epoch, metric)
    for seed, layer, metric in itertools.product(range(seeds), (1.0, 2.0), ("order_within", "separation")):
        add("gaspnet", seed, "test", "phases", layer, metric)
    return pd.DataFrame(rows, columns=COLUMNS)


def examples(count: int = 3, channels: int = 1) -> Scenes:
    images = torch.randint(0, 256, (count, channels, 32, 32), dtype=torch.uint8)
    masks = torch.zeros(count, 2, 32, 32, dtype=torch.uint8)
    masks[:, 0, :16], masks[:, 1, 16:] = 255, 255
    targets, labels = torch.zeros(count, 1, 10, dtype=torch.bool), torch.zeros(count, 2, dtype=torch.uint8)
    return Scenes(images, masks, targets, labels, (0, 0))


def phase_maps(count: int = 2, channels: int = 1) -> Drawing:
    model = GASPnet(channels=channels, steps=2, iterations=1)
    images = examples(count, channels).batch(slice(None))[0]
    with torch.no_grad():
        return figures.phase_maps(images, model(images), ["3, 5 → 3, 8"] * count)


def what_is_where(count: int = 2, channels: int = 1) -> Drawing:
    model = GASPnet(channels=channels, steps=2, iterations=1)
    images = examples(count, channels).batch(slice(None))[0]
    with torch.no_grad():
        return figures.what_is_where(images, model(images), torch.tensor([[3, 8]] * count), [["three", "eight"]] * count)


def alignment() -> Drawing:
    order = pd.DataFrame({"iteration": [0, 1, 2], "order_within": [0.1, 0.6, 0.9], "separation": [0.4, 0.8, 0.95]})
    snapshots = [(iteration, torch.rand(16, 16) * 6, torch.rand(16, 16)) for iteration in range(3)]
    return figures.alignment(torch.rand(1, 32, 32), snapshots, order)


def timings() -> pd.DataFrame:
    """As gasp.tools.bench measures them: two rounds of everything that is drawn."""
    steps = [("cnn", 1), ("gaspnet", 2), ("gaspnet", 3), ("gaspnet without alignment", 3)]
    cases = [(group, case, size) for group in ("training", "inference") for case, size in steps]
    cases += [("coupling", case, size) for case in ("factorised", "dense") for size in (256, 1024)]
    rows = [(*case, turn, 0.01 * case[2] + 0.001 * turn, 0.001) for case in cases for turn in range(2)]
    return pd.DataFrame(rows, columns=["group", "case", "size", "round", "seconds", "floor"])


def effects() -> pd.DataFrame:
    """As gasp.analysis.verdicts.judge returns them: one effect a verdict."""
    rows = [
        ("C1", "more", "multi_mnist", 0.1, 0.05, 0.15, "holds"),
        ("C2", "less", "cifar_mnist", -0.1, -0.15, -0.05, "does not hold"),
        ("C2", "perhaps", "cifar_fashion", 0.0, -0.05, 0.05, "unclear"),
        ("C8", "none", "multi_mnist", math.nan, math.nan, math.nan, "not tested"),
    ]
    return pd.DataFrame(rows, columns=["claim", "effect", "dataset", "mean", "low", "high", "verdict"])


def costs() -> pd.DataFrame:
    """What the networks cost; the CNN was not timed."""
    return pd.DataFrame({"multiplications": {"cnn": 1e6, "gaspnet": 4e6}, "seconds": {"gaspnet": 0.2}})


def last_steps(seeds: int = 3) -> dict[str, pd.DataFrame]:
    metrics = {"both digits right": "scene_accuracy", "digits right": "object_accuracy"}
    return {label: last_step(undisturbed(results(seeds), metric)) for label, metric in metrics.items()}


def accuracy_over_cost(seeds: int = 3) -> Drawing:
    last = last_step(levels_of(results(seeds), "clean"))
    return figures.accuracy_over_cost(last, costs(), [["cnn", "gaspnet"]])


def pointing(seeds: int = 3) -> pd.DataFrame:
    """Two measures under two conditions, and what is right by chance; another panel with one of these measures."""
    rows = [("black", "no noise", "chance", 0.5), ("black", "four digits", "chance", 0.25)]
    rows += [("photograph", "no noise", "chance", 0.3), ("photograph", "no noise", "occlusion", 0.8)]
    for condition, measure, seed in itertools.product(("no noise", "four digits"), ("phases", "occlusion"), range(seeds)):
        rows.append(("black", condition, measure, 0.6 + 0.1 * len(condition) / 12 + 0.02 * seed))
    return pd.DataFrame(rows, columns=["panel", "condition", "measure", "value"])


def differences(seeds: int = 3) -> Drawing:
    conditions = {"no noise": last_step(undisturbed(results(seeds)))}
    return figures.differences({"two digits": conditions}, ["cnn", "gate"])


def seeds_of() -> Drawing:
    """Two seeds of a CNN, and three of GASPnet, one of them on another data set."""
    runs = [("ours", "gaspnet", "multi_mnist")] * 2 + [
        ("ours", "gaspnet", "multi_mnist_cifar"),
        *[("paper", "cnn", "multi_mnist")] * 2,
    ]
    return figures.seeds(pd.DataFrame(runs, columns=["panel", "variant", "dataset"]))


CURVES = {
    "accuracy_over_cost": accuracy_over_cost,
    "accuracy_over_time": lambda seeds: figures.accuracy_over_time(results(seeds), LEVELS),
    "accuracy_over_time, longer": lambda seeds: figures.accuracy_over_time(results(seeds), LEVELS[1:], "longer"),
    "accuracy_over": lambda seeds: figures.accuracy_over(results(seeds), {"gaussian": 0.0}, {"scene_accuracy": "scenes"}),
    "accuracy_over_noise": lambda seeds: figures.accuracy_over_noise({"digits": results(seeds), "again": results(seeds)}),
    "gain_over": lambda seeds: figures.gain_over(results(seeds), {"gaussian": 0.0}, ["cnn"]),
    "comparison": lambda seeds: figures.comparison(last_steps(seeds)),
    "measures": lambda seeds: figures.measures(pointing(seeds), "right"),
    "differences": differences,
    "learning_curves": lambda seeds: figures.learning_curves(results(seeds)),
    "order_over_time": lambda seeds: figures.order_over_time(results(seeds)),
    "accuracy_over_separation": lambda seeds: figures.accuracy_over_separation({"two digits": results(seeds)}),
    "parts_of_gain": lambda seeds: figures.parts_of_gain({"no noise": undisturbed(results(seeds))}),
}
DRAWINGS = {
    "costs_over_time": lambda: figures.costs_over_time(timings()),
    "costs_of_parts": lambda: figures.costs_of_parts(timings()),
    "costs_of_coupling": lambda: figures.costs_of_coupling(timings()),
    "scenes": lambda: figures.scenes(examples()),
    "coloured scenes": lambda: figures.scenes(examples(2, 3)),
    "gates": lambda: figures.gates([torch.rand(1, 32, 32), torch.rand(3, 32, 32)], torch.rand(2, 16, 16), ["σ = 0", "σ = 0.2"]),
    "gallery": lambda: figures.gallery({"digits": examples(4), "photographs": examples(2, 3)}),
    "corruptions": lambda: figures.corruptions(examples(1, 3), {"gaussian": (0.1, 0.2), "blur": (1.0,)}),
    "effects": lambda: figures.effects(effects()),
    "seeds": seeds_of,
    "phase_maps": phase_maps,
    "what_is_where": what_is_where,
    "what_is_where of one coloured scene": lambda: what_is_where(1, 3),
    "phase_maps of one coloured scene": lambda: phase_maps(1, 3),
    "alignment": alignment,
    "architecture": lambda: figures.architecture(GASPnet()),
    "architecture of two convolutions": lambda: figures.architecture(
        GASPnet(widths=(4, 5), kernels=(3, 3), strides=(2, 2), channels=3, heads=2)
    ),
}


def texts(figure: Drawing) -> str:
    return "\n".join("".join(text.itertext()) for image in elements(figure) for text in image.iter(f"{SVG}text"))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("draw", CURVES.values(), ids=CURVES)
def test_curves_are_drawn_with_labelled_axes(draw, seeds):
    figure = draw(seeds)
    assert isinstance(figure, Drawing)
    for panel in figure.axes:
        assert panel.has_data()
        assert panel.get_xlabel()
    rows, title = [text.get_text() for text in figure.axes[0].texts], figure.figures[0].get_suptitle()
    assert figure.axes[0].get_ylabel() or all(panel.get_title() for panel in figure.axes) or rows or title


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_drawings_are_drawn(draw):
    figure = draw()
    assert isinstance(figure, Drawing)
    assert all(image.findall(f".//{SVG}path") for image in elements(figure))


@pytest.mark.parametrize("draw", [*(lambda draw=draw: draw(3) for draw in CURVES.values()), *DRAWINGS.values()])
def test_an_image_fits_a_phone_in_letters_of_ten_pixels_without_a_ground_of_its_own(draw):
    for image in elements(draw()):
        width, height = (float(image.get(side)) for side in ("width", "height"))
        left, top, right, bottom = map(float, image.get("viewBox").split())
        assert width <= 336
        assert height == pytest.approx(width * (bottom - top) / (right - left), abs=1)
        scale = width / (right - left)
        styles = [text.get("style", "") for text in image.iter() if text.tag in (f"{SVG}text", f"{SVG}tspan")]
        sizes = [float(size) for style in styles for size in re.findall(r"font-size: ([\d.]+)px", style)]
        assert min(sizes, default=10) * scale >= 10
        colours = " ".join(styles)
        assert "fill: #" not in colours, "text has the colour of the page"
        ground = image.find(f".//{SVG}g[@id]/{SVG}g/{SVG}path")
        assert ground is None or "#ffffff" not in ground.get("style", "")


def test_the_same_drawing_has_the_same_bytes_and_parts_of_its_own():
    first, again, other = (figures.comparison(last_steps(seeds))._repr_html_() for seeds in (3, 3, 2))
    assert first == again
    names, others = (set(re.findall(r' id="([^"]+)"', page)) for page in (first, other))
    assert names
    assert not names & others
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', first)) <= names


OF_TABLES = [name for name in DRAWINGS if name.startswith("costs")] + ["effects", "alignment", "seeds"]


@pytest.mark.parametrize("draw", [*(lambda draw=draw: draw(3) for draw in CURVES.values()), *map(DRAWINGS.get, OF_TABLES)])
def test_the_table_behind_a_figure_can_be_downloaded(draw):
    figure = draw()
    (link,) = ET.fromstring(f"<body>{figure._repr_html_()}</body>").iter("a")
    kind, _, csv = link.get("href").partition(",")
    assert kind == "data:text/csv;charset=utf-8"
    found = pd.read_csv(io.StringIO(unquote(csv)))
    expected = figure.data.drop(columns="key", errors="ignore").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-5)


@pytest.mark.parametrize("name", ["accuracy_over", "accuracy_over_time", "comparison"])
def test_the_table_behind_a_figure_has_the_values_that_are_drawn(name):
    figure = CURVES[name](3)
    drawn = [bar[0].get_xdata() if name == "comparison" else bar[0].get_ydata() for bar in figure.axes[0].containers]
    means = figure.data.groupby(["variant", "level", "t"])["value"].mean()
    assert all(np.isclose(means, value).any() for value in np.concatenate(drawn))


def test_seeds_are_counted_for_each_variant_and_data_set():
    ours, paper = ({(text.get_position(), text.get_text()) for text in panel.texts} for panel in seeds_of().axes)
    assert ours == {((0.5, 0.5), "2"), ((1.5, 0.5), "1")}
    assert paper == {((0.5, 0.5), "2")}


def test_seeds_on_a_data_set_of_the_reader_come_last():
    runs = [("ours", "cnn", "mine"), ("ours", "cnn", "multi_mnist_cifar"), ("ours", "cnn", "multi_mnist")]
    (panel,) = figures.seeds(pd.DataFrame(runs, columns=["panel", "variant", "dataset"])).axes
    headings = [label.get_text() for label in panel.get_xticklabels()]
    assert headings == ["two digits", "two digits on a photograph", "mine"]


def test_a_figure_without_a_table_has_nothing_to_download():
    assert "<a" not in figures.scenes(examples())._repr_html_()


def test_numbers_on_an_axis_are_not_cut():
    drawing = Drawing()
    drawing.panel().set(xticks=[0.125, 0.3755], yticks=[])
    assert texts(drawing).split() == ["0.1250", "0.3755"]


@pytest.mark.parametrize("ground", [(1, 1, 1), (18 / 255,) * 3], ids=["light", "dark"])
def test_colours_stand_out_from_the_page(ground):
    def luminance(colour) -> float:
        parts = np.array(mpl.colors.to_rgb(colour))
        return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    for colour in PALETTE:
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_variants_are_told_apart_by_colour_and_marker():
    """Those of both designs look the same, as they never share a figure; so a network has one colour in the whole book."""
    looks = {}
    for variant in LABELS:
        looks.setdefault(variant.removeprefix("paper_"), set()).add((COLOURS[variant], MARKERS[variant]))
    assert all(len(of) == 1 for of in looks.values())
    assert len(set().union(*looks.values())) == len(looks)


def test_every_public_function_is_drawn_here():
    drawn = {name.partition(",")[0] for name in CURVES} | {name.split()[0] for name in DRAWINGS}
    assert {name for name in figures.__all__ if callable(getattr(figures, name))} - {
        "Drawing",
        "animation",
        "explorer",
    } <= drawn


def test_an_animation_has_a_frame_an_iteration():
    maps, gates = torch.rand(4, 8, 8) * 6, torch.rand(8, 8)
    film = PIL.Image.open(io.BytesIO(figures.animation(torch.rand(1, 16, 16), maps, gates).data))
    frames = [np.asarray(frame.convert("RGB")) for frame in PIL.ImageSequence.Iterator(film)]
    assert len(frames) == 4
    assert all((first != second).any() for first, second in itertools.pairwise(frames))


def test_the_explorer_carries_what_it_shows():
    shown = random_exhibit()
    page = figures.explorer([shown, shown], "here").data
    data, second = json.loads(re.search(r"const exhibits = (\[.*\]);", page)[1])
    assert data == second
    assert (data["levels"], data["frames"], data["steps"]) == ([0.0, 0.1], 5, 3)
    assert [list(KINDS)[kind] for kind in data["kinds"]] == list(shown.kinds)

    def values(part: str, like: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.frombuffer(base64.b64decode(data[part]), np.uint8).copy()).view(like.shape) / 256

    for part in ("images", "gates", "chances", "rival"):
        torch.testing.assert_close(values(part, getattr(shown, part)), getattr(shown, part), atol=1 / 256, rtol=0)
    turns = 2 * math.pi * values("phases", shown.phases)
    assert torch.cos(turns - shown.phases).min() > math.cos(math.pi / 255)
    assert 'id="here"' in page
    assert "http" not in page
    assert not re.search(r"/\*[\w.]+\*/", page), "every part is filled in"


def test_the_explorer_has_the_colours_of_all_figures():
    script = files("gasp.analysis.figures").joinpath("phases.js").read_text()
    digits = "".join(re.findall(r'"([0-9a-f]{96})"', script))
    colours = torch.tensor(list(bytes.fromhex(digits))).view(32, 3) / 255
    assert torch.from_numpy(PHASE_COLOURS(np.arange(0, 256, 8))[:, :3]).float() == pytest.approx(colours, abs=1 / 255)


def test_without_a_tested_effect_the_figure_says_so():
    table = effects()
    assert "no effect was tested: that takes two seeds" in texts(figures.effects(table.assign(verdict="not tested")))


def test_effects_that_were_not_tested_are_not_drawn():
    assert "none" not in texts(figures.effects(effects()))


def test_an_effect_has_the_colour_of_its_verdict():
    drawn = [bar for panel in figures.effects(effects()).axes for bar in panel.containers]
    assert [bar.get_label() for bar in drawn] == ["holds", "does not hold", "unclear"]
    assert [bar[0].get_xdata().tolist() for bar in drawn] == [[0.1], [-0.1], [0.0]]


def test_a_gain_is_that_over_the_rival():
    table = results()
    gains = figures.gain_over(table, {"gaussian": 0.0}, ["cnn"]).axes[0].containers[0][0].get_ydata()
    last = last_step(levels_of(table, "gaussian", undisturbed_at=0.0))
    expected = [paired_difference(at_level(last, level), "gaspnet", "cnn")["mean"] for level in LEVELS]
    assert gains == pytest.approx(expected)


@pytest.mark.parametrize("draw", [figures.accuracy_over, lambda *args: figures.gain_over(*args, ["cnn"])])
def test_undisturbed_scenes_stand_at_the_level_of_their_evaluation(draw):
    figure = draw(results(), {"gaussian": 0.0, "longer": 0.7})
    levels = [panel.containers[0][0].get_xdata().tolist() for panel in figure.axes]
    assert levels == [[0.0, 0.1, 0.2], [0.7, 0.1, 0.2] if draw is figures.accuracy_over else [0.1, 0.2, 0.7]]


def test_a_comparison_has_a_panel_for_each_condition_with_its_means():
    conditions = last_steps()
    figure = figures.comparison(conditions)
    assert [panel.get_xlabel() for panel in figure.axes] == ["both digits right", "digits right"]
    for panel, rows in zip(figure.axes, conditions.values(), strict=True):
        means = [bar[0].get_xdata().item() for bar in panel.containers]
        assert means == pytest.approx(rows.groupby("variant")["value"].mean()[list(STEPS)].tolist())


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (CURVES["accuracy_over_time"], ["noise σ = 0.1", "time step", "GASPnet", "CNN"]),
        (CURVES["accuracy_over"], ["noise σ", "scenes right", "GASPnet", "CNN"]),
        (CURVES["gain_over"], ["noise σ", "difference", "CNN"]),
        (CURVES["comparison"], ["both digits right", "GASPnet", "CNN"]),
        (lambda _: figures.effects(effects()), ["C2", "less", "digit on a photograph (CIFAR-MNIST)", "holds", "does not hold"]),
        (lambda _: figures.corruptions(examples(1), {"blur": (1.0,)}), ["blur", "1"]),
        (CURVES["learning_curves"], ["epoch", "validation", "GASPnet", "CNN"]),
        (CURVES["accuracy_over_separation"], ["two digits", "separation", "scenes right", "GASPnet", "CNN"]),
        (CURVES["parts_of_gain"], ["no noise", "first step − CNN", "last step − first", "CNN"]),
        (CURVES["order_over_time"], ["layer 1", "layer 2", "time step"]),
        (
            lambda _: figures.costs_over_time(timings()),
            ["training", "inference", "CNN, same layers", "GASPnet (paper)", "floor: multiplications alone"],
        ),
        (lambda _: figures.costs_of_parts(timings()), ["training", "inference", "Kuramoto", "milliseconds"]),
        (lambda _: figures.costs_of_coupling(timings()), ["dense", "floor of factorised", "1,024", "oscillators"]),
        (lambda _: phase_maps(), ["3, 5 → 3, 8", "layer 3", "t = 1", "π/2"]),
        (lambda _: DRAWINGS["gates"](), ["σ = 0", "σ = 0.2"]),
        (lambda _: what_is_where(), ["scene", "phases", "three", "eight", "π/2"]),
        (lambda _: alignment(), ["scene", "iteration 2", "Kuramoto iteration", "π/2"]),
        (lambda _: figures.architecture(GASPnet()), ["conv 3", "read-out", "1×32×32", "256 phases"]),
    ],
)
def test_a_figure_says_what_it_shows(draw, said):
    found = texts(draw(3))
    assert all(text in found for text in said)


def test_an_open_gate_is_white_and_a_closed_one_black():
    gate = torch.eye(16)
    _, beside = figures.gates([torch.zeros(1, 32, 32)], [gate], ["σ = 0"]).axes
    (shown,) = beside.images
    assert np.array_equal(shown.get_array()[..., 0], 255 * gate.numpy())


def test_measures_stand_at_their_means_in_the_rows_of_their_conditions():
    drawing = figures.measures(pointing(), "right")
    panel, other = drawing.axes[:2]
    assert [image.get_suptitle() for image in drawing.figures] == [*pointing()["panel"].unique(), ""]
    assert [container.get_label() for container in other.containers] == ["occlusion"]
    assert [text.get_text() for text in panel.texts] == ["no noise", "four digits"]
    marks = {container.get_label(): container.lines[0] for container in panel.containers}
    (chance,) = (line for line in panel.lines if line.get_label() == "chance")
    assert [(share, int(height)) for share, height in chance.get_xydata()] == [(0.5, 0), (0.25, 1)]
    means = pointing().query("panel == 'black'").groupby(["measure", "condition"])["value"].mean()
    for measure in ("phases", "occlusion"):
        expected = [means[measure, condition] for condition in ("no noise", "four digits")]
        assert marks[measure].get_xdata().tolist() == pytest.approx(expected)
        assert [int(height) for height in marks[measure].get_ydata()] == [0, 1]


def test_many_measures_can_be_told_apart():
    many = pd.concat([pointing().query("measure == 'phases'").assign(measure=f"measure {number}") for number in range(9)])
    marks = [container.lines[0] for container in figures.measures(many, "right").axes[0].containers]
    assert len({(mark.get_color(), mark.get_marker()) for mark in marks}) == 9


def test_an_axis_of_differences_is_as_long_as_they_need_and_marks_zero():
    differences = pointing().query("measure != 'chance'").assign(value=lambda rows: rows["value"] / 10)
    drawing = figures.measures(differences, "difference", None)
    for panel, (_, rows) in zip(drawing.axes, differences.groupby("panel", sort=False), strict=True):
        left, right = panel.get_xlim()
        assert left < 0 < rows["value"].max() / 2 < right < 0.2
        (zero,) = (lines for lines in panel.collections if lines.get_label().startswith("_child"))
        assert {tuple(ends[:, 0]) for ends in zero.get_segments()} == {(0, 0)}
    assert "chance" not in texts(drawing)


def test_differences_are_those_of_gaspnet_and_each_network_that_was_run():
    (panel,) = differences().axes
    assert [text.get_text() for text in panel.texts] == [LABELS["cnn"]]  # the gate was not run
    (mark,) = panel.containers
    expected = paired_difference(last_step(undisturbed(results())), "gaspnet", "cnn")["mean"]
    assert mark.lines[0].get_xdata() == pytest.approx([expected])
    assert panel.get_xlabel() == "GASPnet − this network"


def test_each_task_has_a_panel_of_its_means_from_no_noise_on():
    table, halved = results(), results().assign(value=lambda rows: rows["value"] / 2)
    panels = figures.accuracy_over_noise({"digits": table, "half as often": halved}).axes[:2]
    assert [panel.get_title() for panel in panels] == ["digits", "half as often"]
    for panel, share in zip(panels, (1, 0.5), strict=True):
        line = next(container for container in panel.containers if container.get_label() == LABELS["cnn"])[0]
        rows = table.query("metric == 'scene_accuracy' and variant == 'cnn' and evaluation in ('clean', 'gaussian')")
        means = share * rows.groupby("level")["value"].mean()
        assert line.get_xdata().tolist() == list(LEVELS) == means.index.tolist()
        assert line.get_ydata() == pytest.approx(means.to_numpy())


def test_the_same_network_in_both_designs_can_be_told_apart():
    table = results()
    both = pd.concat([table, table[table["variant"] == "gaspnet"].assign(variant="paper_gaspnet")])
    styles = []
    for shown in (both, both[both["variant"] != "gaspnet"]):
        (panel,) = figures.accuracy_over_noise({"digits": shown}).axes[:1]
        styles.append({line.get_label(): line[0].get_linestyle() for line in panel.containers})
    cnn, ours, paper = (LABELS[name] for name in ("cnn", "gaspnet", "paper_gaspnet"))
    assert styles == [{cnn: "-", ours: "-", paper: "--"}, {cnn: "-", paper: "-"}]


def test_curves_show_the_mean_over_seeds():
    figure = figures.learning_curves(results())
    rows = results().query("evaluation == 'training' and metric == 'scene_accuracy' and variant == 'cnn'")
    line = next(handle for handle in figure.axes[0].containers if handle.get_label() == LABELS["cnn"])[0]
    assert line.get_ydata() == pytest.approx(rows.groupby("level")["value"].mean().to_numpy())


def test_a_point_is_the_separation_and_the_accuracy_of_a_run():
    table = results()
    (points,) = (
        line for line in figures.accuracy_over_separation({"": table}).axes[0].lines if line.get_label() == LABELS["gaspnet"]
    )
    rows = table.query("variant == 'gaspnet' and t == 2 and split == 'test'")
    separation = rows.query("evaluation == 'phases' and metric == 'separation' and level == 1")["value"]
    accuracy = rows.query("evaluation == 'clean' and metric == 'scene_accuracy'")["value"]
    assert np.transpose(points.get_data()) == pytest.approx(np.stack([separation, accuracy], 1))


def test_bars_are_the_two_parts_of_the_difference():
    rows = undisturbed(results())
    weights, phases = (bars.patches[0].get_width() for bars in _bars(figures.parts_of_gain({"no noise": rows})))
    _, of_weights, of_phases = (gain["mean"] for gain in decomposition(rows).values())
    assert (weights, phases) == pytest.approx((of_weights, of_phases))
    renamed = rows.replace({"variant": {"gaspnet": "paper_gaspnet", "cnn": "paper_no_modulation"}})
    drawing = figures.parts_of_gain({"no noise": renamed}, "paper_gaspnet", "paper_no_modulation")
    assert [bars.patches[0].get_width() for bars in _bars(drawing)] == pytest.approx([of_weights, of_phases])
    assert "GASPnet (paper) − CNN" in drawing.axes[0].get_xlabel()


def _bars(drawing: Drawing) -> list[mpl.container.BarContainer]:
    return [bars for bars in drawing.axes[0].containers if isinstance(bars, mpl.container.BarContainer)]


def test_accuracy_stands_over_its_cost_where_that_was_measured():
    by_cost, by_time = accuracy_over_cost().axes
    last = last_step(levels_of(results(), "clean")).groupby("variant")["value"].mean()
    points = {bar.get_label(): bar[0].get_xydata().tolist() for bar in by_cost.containers}
    assert points[LABELS["cnn"]] == [pytest.approx([1e6, last["cnn"]])]
    assert points[LABELS["gaspnet"]] == [pytest.approx([4e6, last["gaspnet"]])]
    assert [bar.get_label() for bar in by_time.containers] == [LABELS["gaspnet"]]
    joined = max(by_cost.lines, key=lambda line: len(line.get_xdata()))
    assert joined.get_xdata().tolist() == [1e6, 4e6]


def test_the_parts_of_a_step_add_up_to_it():
    bars = figures.costs_of_parts(timings()).axes[0].patches
    training = [bar.get_width() for bar in bars if bar.get_y() == bars[1].get_y()]
    assert sum(training) == pytest.approx(
        1e3 * timings().query("group == 'training' and case == 'gaspnet' and size == 3")["seconds"].median()
    )


def test_a_figure_does_not_change_its_table():
    table = results()
    for draw in (figures.learning_curves, figures.order_over_time):
        draw(table)
    pd.testing.assert_frame_equal(table, results())


def test_a_name_lights_up_the_locations_in_phase_with_its_unit_in_the_colour_of_its_phase():
    images, halves = torch.full((1, 1, 32, 32), 0.5), torch.arange(16) < 8
    of_units = torch.tensor([0.4, 3.5])
    first = torch.where(halves, of_units[0] + 0.3, of_units[1] - 0.3).expand(1, 1, 16, 16)
    first, gates = torch.where(torch.eye(16).bool(), 9.0, first), 1 - torch.eye(16).expand(1, 1, 16, 16)  # a silent diagonal
    readout = torch.zeros(1, 1, 10)
    readout[..., [2, 7]] = of_units
    run = Trajectory(torch.zeros(1, 1, 1, 10), (first, readout), (gates, torch.ones_like(readout)))
    figure = figures.what_is_where(images, run, torch.tensor([[2, 7]]), [["two", "seven"]])
    for phase, title, place in zip(of_units, ("two", "seven"), (halves, ~halves), strict=True):
        (panel,) = (axes for axes in figure.axes if axes.get_title() == title)
        shown = torch.from_numpy(panel.images[0].get_array().data / 255)[::2, ::2]  # (16, 16, 3)
        lit = place.expand(16, 16) & ~torch.eye(16).bool()
        assert (shown[~lit] - 0.5).abs().max() < 1 / 255
        colour = torch.from_numpy(phase_image(phase.expand(1, 1), torch.ones(1, 1)))[0, 0]
        expected = (0.125 + 0.75 * colour).expand(int(lit.sum()), -1).to(shown)
        torch.testing.assert_close(shown[lit], expected, atol=1 / 255, rtol=0)


@pytest.mark.parametrize("turns", [-2, -1, 1, 3])
def test_phases_a_full_turn_apart_have_one_colour(turns):
    phases = torch.linspace(-3, 3, 60, dtype=torch.float64).view(6, 10)
    ones = torch.ones(6, 10)
    assert phase_image(phases, ones) == pytest.approx(phase_image(phases + turns * 2 * math.pi, ones), abs=0.03)


def test_phase_0_and_phase_2_pi_have_one_colour():
    image = phase_image(torch.tensor([[0.0, 2 * math.pi, 2 * math.pi - 1e-3]]), torch.ones(1, 3))
    assert image[0, 1] == pytest.approx(image[0, 0], abs=0.03)
    assert image[0, 2] == pytest.approx(image[0, 0], abs=0.03)


def test_opposite_phases_have_different_colours():
    phases = torch.arange(0, 2 * math.pi, 0.1)[None]
    image, opposite = (phase_image(phases + shift, torch.ones_like(phases)) for shift in (0, math.pi))
    assert (np.abs(image - opposite).max(-1) > 0.2).all()


def test_what_is_silent_is_black_and_what_pulls_is_not():
    phases = torch.rand(5, 5) * 6
    assert (phase_image(phases, torch.zeros(5, 5)) == 0).all()
    assert (phase_image(phases, torch.ones(5, 5)).max(-1) > 0.2).all()


def test_colours_are_colours():
    image = phase_image(torch.randn(7, 9) * 5, torch.rand(7, 9).requires_grad_())
    assert image.shape == (7, 9, 3)
    assert image.min() >= 0
    assert image.max() <= 1
