"""What the explorer shows: scenes of every kind, and the runs that they are shown with."""

from __future__ import annotations

import pytest
import torch

from gasp.analysis.exhibits import KINDS, exhibit
from gasp.data.corruptions import corrupt
from gasp.data.datasets import Dataset
from gasp.experiments.specification import SEEDS
from gasp.learning.binding import reporting_units
from gasp.models import CNN, GASPnet

DIGITS = Dataset(items="embedded_digits")
PHOTOS = Dataset(items="embedded_digits", background="embedded_photos", scenes={"objects": 1})


def networks(dataset: Dataset) -> tuple[GASPnet, CNN]:
    sizes = dataset.sizes()
    return GASPnet(**sizes, steps=3, iterations=2), CNN(**sizes)


@pytest.mark.parametrize("dataset", [DIGITS, PHOTOS], ids=["digits", "photographs"])
def test_an_exhibit_shows_runs_on_validation_scenes(dataset):
    model, rival = networks(dataset)
    shown = exhibit("a title", dataset, model, rival, levels=(0.0, 0.2), chosen_at=0.2, pool=20, each=3)
    scenes = dataset.compose("validation", 20, SEEDS["validation"])
    images, _, targets = scenes.batch(slice(None))
    generator = torch.Generator().manual_seed(0)
    noisy = corrupt(images, "gaussian", 0.2, generator)
    with torch.no_grad():
        run = model.run(noisy, generator)
    right = []
    for answers in (run.logits[0], run.logits[-1]):
        counts = targets.sum(-1)  # (n, heads): the scene is right if its classes are the likeliest of each head
        least = answers.masked_fill(targets == 0, torch.inf).amin(-1)
        right.append(((answers >= least.unsqueeze(-1)).sum(-1) == counts).all(1))
    kinds = [next(k for k, pattern in KINDS.items() if pattern == (bool(a), bool(b))) for a, b in zip(*right, strict=True)]
    assert shown.shares == pytest.approx({kind: kinds.count(kind) / 20 for kind in KINDS})
    chosen = [number for kind in KINDS for number in [n for n, k in enumerate(kinds) if k == kind][:3]]
    assert shown.kinds == tuple(kinds[number] for number in chosen)
    assert torch.equal(shown.units, reporting_units(scenes)[chosen])
    assert torch.equal(shown.images[:, 1], noisy[chosen])
    assert shown.accuracy[1][:2] == pytest.approx([each.float().mean().item() for each in right])
    assert [len(names) for names in shown.classes] == [10] * model.heads
    assert torch.equal(shown.chances[:, 1, -1], run.answers[-1].softmax(-1)[chosen])
    torch.testing.assert_close(shown.phases[:, 1, -1, :256], run.phases[0][-1].flatten(1)[chosen])
    assert torch.equal(shown.phases[:, 1, 0, -10 * model.heads :], run.phases[-1][0][chosen])
    assert torch.equal(shown.gates[:, 1, 2, :256], run.gates[0][2].flatten(1)[chosen])


def test_scenes_are_chosen_at_a_level_that_is_shown():
    with pytest.raises(ValueError, match="not in"):
        exhibit("a title", DIGITS, *networks(DIGITS), levels=(0.0, 0.2), chosen_at=0.1, pool=4)
