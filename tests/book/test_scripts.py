"""The scripts of the interactive figures, in headless Chromium, against the package; no built book is needed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from drawn import random_exhibit
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gasp.analysis.figures import explorer
from gasp.learning.binding import audible, cued_reports
from gasp.models import Trajectory
from gasp.nn import kuramoto
from gasp.nn.neighbourhood import Neighbourhood

ROOT = Path(__file__).parents[2]
FIGURES = ("pair", "ring", "groups", "picture")
KEPT = {"reduce": "reduce", "move": "no-preference"}

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("float64")]


def open_page(browser: webdriver.Chrome, folder: Path, body: str, motion: str = "move") -> None:
    (folder / "page.html").write_text(f"<!DOCTYPE html><meta charset='utf-8'><body>{body}</body>")
    feature = {"name": "prefers-reduced-motion", "value": KEPT[motion]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get((folder / "page.html").as_uri())


@pytest.fixture(params=KEPT)
def page(request, chromium, tmp_path) -> webdriver.Chrome:
    """The four figures on an empty page, for readers who like motion and for those who do not."""
    scripts = [ROOT / "gasp/analysis/figures/phases.js", ROOT / "book/static/oscillators.js"]
    places = [f'<div data-oscillators="{name}"></div>' for name in FIGURES]
    body = "".join([*places, *(f"<script>{script.read_text()}</script>" for script in scripts)])
    open_page(chromium, tmp_path, body, request.param)
    return chromium


def still(page: webdriver.Chrome) -> bool:
    return page.execute_script("return matchMedia('(prefers-reduced-motion: reduce)').matches")


def figure(page: webdriver.Chrome, name: str) -> Any:
    return page.find_element(By.CSS_SELECTOR, f"[data-oscillators={name}]")


def state(page: webdriver.Chrome, name: str) -> tuple[torch.Tensor, kuramoto.Coupling, float]:
    """Phases ``(N, 1)``, coupling and step size of a figure, as the package has them."""
    found = page.execute_script("return arguments[0].state()", figure(page, name))
    return torch.tensor(found["phases"]).unsqueeze(1), coupling_of(found["coupling"]), found["stepSize"]


def coupling_of(found: dict[str, list]) -> kuramoto.Coupling:
    tensors = {part: torch.tensor(values, dtype=torch.float64).unsqueeze(-1) for part, values in found.items()}
    matrix = tensors.pop("neighbourhood").squeeze(-1)
    return kuramoto.Coupling(neighbourhood=lambda sources: torch.tensordot(matrix, sources, 1), **tensors)


def choose(page: webdriver.Chrome, name: str, control: str, value: float | str) -> None:
    script = "const c = arguments[0].querySelector(`[name=${arguments[1]}]`); c.value = arguments[2]; "
    page.execute_script(script + "c.dispatchEvent(new Event('input'))", figure(page, name), control, value)


def test_the_script_aligns_as_the_package_does(page):
    number, iterations, step_size = 7, 5, 0.3
    phases, gates, desynchronization = torch.rand(number) * 6, torch.rand(number), torch.rand(number)
    queries, keys = torch.randn(2, number, 3)
    coupling = {
        "queries": queries.tolist(),
        "keys": keys.tolist(),
        "gates": gates.tolist(),
        "neighbourhood": torch.rand(number, number).tolist(),
        "desynchronization": desynchronization.tolist(),
        "normalization": (1 + torch.rand(number)).tolist(),
    }
    script = "return gaspOscillators.align(...arguments)"
    found = page.execute_script(script, phases.tolist(), coupling, iterations, step_size)
    expected = kuramoto.align(phases.unsqueeze(1), coupling_of(coupling), iterations, step_size).squeeze(1)
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-12, atol=1e-12)


CHANGES = {
    "pair": {"coupling": -0.5},
    "ring": {"reach": 2},
    "groups": {"agreement": -0.3, "repulsion": 0.4},
    "picture": {"picture": "cross", "keys": "stroke", "width": 0.1, "repulsion": 0.3},
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_press_of_step_is_a_step_of_the_dynamics_and_nothing_else_moves(name, page):
    if not still(page):
        pytest.skip("moves by itself")
    for control, value in CHANGES[name].items():
        choose(page, name, control, value)
    before, coupling, step_size = state(page, name)
    button = figure(page, name).find_element(By.TAG_NAME, "button")
    assert button.text == "step"
    button.send_keys(Keys.ENTER)
    found = state(page, name)[0]
    torch.testing.assert_close(found, kuramoto.align(before, coupling, 1, step_size), rtol=1e-12, atol=1e-12)
    assert not torch.equal(found, before)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_plays_and_pauses(name, page):
    if still(page):
        pytest.skip("stands still")
    button = figure(page, name).find_element(By.TAG_NAME, "button")
    assert button.text == "play"
    before = state(page, name)[0]
    button.click()
    page.execute_async_script("setTimeout(arguments[0], 400)")
    assert not torch.equal(state(page, name)[0], before)
    if button.text == "pause":
        button.click()
    stopped = state(page, name)[0]
    page.execute_async_script("setTimeout(arguments[0], 200)")
    assert torch.equal(state(page, name)[0], stopped)


def aligned(page: webdriver.Chrome, name: str, **chosen: float | str) -> torch.Tensor:
    """The phases where a figure comes to rest, ``(N,)``."""
    for control, value in chosen.items():
        choose(page, name, control, value)
    phases, coupling, step_size = state(page, name)
    return kuramoto.align(phases, coupling, 400, step_size).squeeze(1)


def test_figures_show_what_the_page_says(page):
    first, second = aligned(page, "pair", coupling=0.5)
    assert math.cos(first - second) > 0.99
    first, second = aligned(page, "pair", coupling=-0.5)
    assert math.cos(first - second) < -0.99
    assert order(aligned(page, "ring", reach=10)) > 0.99
    twist = figure(page, "ring").find_elements(By.TAG_NAME, "button")[2]
    choose(page, "ring", "reach", 1)
    twist.click()
    assert order(aligned(page, "ring")) < 0.01
    groups = aligned(page, "groups", repulsion=0.2)
    assert order(groups[:10]) > 0.99
    assert order(groups[10:]) > 0.99
    assert order(groups) < 0.01
    assert order(aligned(page, "groups", agreement=0.8)) > 0.99
    groups = aligned(page, "groups", repulsion=1.2)
    assert order(groups[:10]) > 0.99
    assert order(groups) < 0.01
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    inside = (rows > 1) & (rows < 14)
    left, right = (inside & torch.isin(columns, torch.tensor(bar)) for bar in ([3, 4], [11, 12]))
    assert cosine(aligned(page, "picture"), left, right) < -0.9
    assert cosine(aligned(page, "picture", width=0.4), left, right) > 0.9
    down = inside & ((rows - 7.5).abs() > 2) & ((columns - 7.5).abs() < 1)
    across = down.T
    assert cosine(aligned(page, "picture", picture="cross", width=0.2), down, across) > 0.9
    assert cosine(aligned(page, "picture", keys="stroke"), down, across) < -0.9


def order(phases: torch.Tensor) -> float:
    return torch.exp(1j * phases).mean().abs().item()


def cosine(phases: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> float:
    """Of the gap between the mean phases of two parts of the picture."""
    one, other = (torch.exp(1j * phases[part.flatten()]).mean() for part in (first, second))
    return ((one * other.conj()).real / (one.abs() * other.abs())).item()


def test_the_picture_has_the_neighbourhood_of_the_network(page):
    choose(page, "picture", "width", 0.12)
    found = page.execute_script("return arguments[0].state().coupling.neighbourhood", figure(page, "picture"))
    torch.testing.assert_close(torch.tensor(found), Neighbourhood([(16, 16)], width=0.12).matrix())


def test_a_pixel_is_drawn_by_pointer_and_by_keyboard(page):
    def gates() -> list[int]:
        return page.execute_script("return arguments[0].state().coupling.gates", figure(page, "picture"))

    picture = figure(page, "picture").find_element(By.CSS_SELECTOR, "canvas.picture")
    before = gates()
    picture.click()  # in the middle
    changed = [index for index, (old, new) in enumerate(zip(before, gates(), strict=True)) if old != new]
    assert changed == [8 * 16 + 8]
    picture.send_keys(Keys.ARROW_LEFT, Keys.SPACE)
    changed = [index for index, (old, new) in enumerate(zip(before, gates(), strict=True)) if old != new]
    assert changed == [8 * 16 + 7, 8 * 16 + 8]


@pytest.mark.parametrize("heads", [1, 2])
def test_a_place_says_what_the_cued_report_says(heads, chromium, tmp_path):
    """At places of all scenes, at two steps: the class with the largest p_c a(φ_c, φ), as ``cued_reports`` has it."""
    shown = random_exhibit(heads)
    open_page(chromium, tmp_path, explorer([shown]).data)
    says = chromium.find_element(By.CSS_SELECTOR, ".says")
    assert "Click a place" in says.text
    canvas = chromium.find_element(By.CSS_SELECTOR, "#explorer canvas")
    script = "const c = document.querySelector(`[name=${arguments[0]}]`); c.value = arguments[1]; "
    compared = 0
    for scene, step in ((0, 0), (1, 2), (3, 2)):
        chromium.execute_script(script + "c.dispatchEvent(new Event('input'))", "scene", scene)
        chromium.execute_script(script + "c.dispatchEvent(new Event('input'))", "moment", 2 * step)
        canvas.send_keys(Keys.ESCAPE, *[Keys.ARROW_UP] * (3 + scene))  # from the middle, row 7 and column 7
        row, column = 7 - (3 + scene), 7
        phases, gates = shown.phases[scene, 1, 2 * step], shown.gates[scene, 1, step, :256].view(1, 1, 16, 16)
        masks = torch.zeros(1, 1, 16, 16)
        masks[..., row - 1 : row + 2, column - 1 : column + 2] = 1  # so that the cue of the object is this place
        logits = shown.chances[scene, 1, step].log()[None, None]
        run = Trajectory(logits, (phases[:256].view(1, 1, 16, 16), phases[384:].view(1, 1, -1)), (gates,))
        named = [unit for unit in range(10 * heads) if cued_reports(run, masks, torch.tensor([[unit]])).item()]
        assert len(named) == heads
        names = [name for names in shown.classes for name in names]
        if audible(gates)[..., row - 1 : row + 2, column - 1 : column + 2].any():
            compared += 1
            assert any(f"says {names[unit]}:" in says.text for unit in named), says.text
    assert compared


def test_the_explorer_plays_to_the_end_loops_and_can_be_stepped(chromium, tmp_path):
    open_page(chromium, tmp_path, explorer([random_exhibit()]).data)
    moment, play = (chromium.find_element(By.NAME, name) for name in ("moment", "play"))
    assert (moment.get_property("value"), play.text) == ("0", "play")
    play.click()
    assert play.text == "pause"
    chromium.execute_async_script("setTimeout(arguments[0], 2500)")
    assert (moment.get_property("value"), play.text) == ("4", "play"), "four moments after the first"
    chromium.find_element(By.NAME, "loop").click()
    play.click()
    chromium.execute_async_script("setTimeout(arguments[0], 2500)")
    assert play.text == "pause"
    play.click()
    open_page(chromium, tmp_path, explorer([random_exhibit()]).data, "reduce")
    moment, play = (chromium.find_element(By.NAME, name) for name in ("moment", "play"))
    assert play.text == "step"
    play.click()
    assert moment.get_property("value") == "1"
