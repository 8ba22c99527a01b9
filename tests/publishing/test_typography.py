"""Numbers stay on the line of what belongs to them, and nothing else changes."""

from __future__ import annotations

import pytest

from gasp.publishing.typography import keep_together


@pytest.mark.parametrize(
    "text",
    [
        "at t_=_0, before",
        "noise of σ_=_0.1",
        "a 95_% interval",
        "noise of σ_=_",  # before a number from a run
        "_=_0",  # after a symbol in italics
        "32_×_32 pixels",
        "takes 203_ms for",
        "(layer_1, layer_2)",
        "corrected p_=_0.049",
        "(a_=_∞)",
        "claim_C3 and draw_1",
    ],
)
def test_numbers_are_kept_with_what_belongs_to_them(text):
    assert keep_together(text.replace("_", " ")) == text.replace("_", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("text", ["two digits", "in phase = in step", "GASPnet − CNN", "10 models", "players 2"])
def test_other_text_is_left_as_it_is(text):
    assert keep_together(text) == text
