"""The read-out: what a model answers from what each of its time steps says."""

from __future__ import annotations

import pytest
import torch

from gasp.models import GASPnet, GAttANet, KomplexNet
from gasp.models.trajectory import Trajectory

LOGITS = torch.randn(5, 3, 2, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_without_a_leak_each_step_answers_for_itself():
    assert Trajectory(LOGITS).answers is LOGITS
    torch.testing.assert_close(Trajectory(LOGITS, leak=torch.tensor(0.0)).answers, LOGITS, rtol=0, atol=0)


def test_a_leak_of_1_answers_with_the_mean_of_the_steps_so_far():
    answers = Trajectory(LOGITS, leak=1.0).answers
    expected = torch.stack([LOGITS[: t + 1].mean(0) for t in range(5)])
    torch.testing.assert_close(answers, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("leak", [0.3, 0.9])
def test_an_answer_is_the_mean_of_all_steps_so_far_that_fade_by_the_leak(leak):
    weights = torch.tensor([[leak ** (t - s) if s <= t else 0.0 for s in range(5)] for t in range(5)], dtype=torch.float64)
    expected = torch.einsum("ts,s...->t...", weights / weights.sum(1, keepdim=True), LOGITS)
    torch.testing.assert_close(Trajectory(LOGITS, leak=leak).answers, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [GASPnet, GAttANet, KomplexNet])
def test_the_read_out_changes_the_answers_and_nothing_else(kind):
    found = {}
    for readout in ("last", "mean", "leaky"):
        torch.manual_seed(1)
        found[readout] = kind(readout=readout).run(
            torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.Generator()
        )
    for result in found.values():
        assert torch.equal(result.logits, found["last"].logits)
        assert torch.equal(result.answers[0], result.logits[0])
    torch.testing.assert_close(found["mean"].answers[-1], found["last"].logits.mean(0))
    assert not torch.equal(found["leaky"].answers[1:], found["mean"].answers[1:])
