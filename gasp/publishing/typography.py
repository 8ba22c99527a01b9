"""A Sphinx extension for the pages: numbers stay on the line of their units, and fields and settings are documented once."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from gasp.settings import Settings

__all__ = ["keep_together", "setup"]

SPACE = "\N{NO-BREAK SPACE}"
# spaces at which no line may break: around a relation to a number, within "32 × 32", and before a unit
JOINTS = [
    (r"(?<![^\s(\[|])([\w.]{1,3}) ([=<≤≥≈]) (?=[−\d∞])", rf"\1{SPACE}\2{SPACE}"),
    (r"(?<![^\s(\[|])(\w{1,3}) = $", rf"\1{SPACE}={SPACE}"),  # before a number from a run
    (r"^ ([=<≤≥≈]) (?=[−\d∞])", rf"{SPACE}\1{SPACE}"),  # after a symbol in italics
    (r"(?<=\d) × (?=\d)", f"{SPACE}×{SPACE}"),
    (r"(?<=\d) (?=(%|ms|px|MB|GB)(?!\w))", SPACE),
    (r"\b(layers?|seeds?|draw|claims?|exercise) (?=[CO]?\d)", rf"\1{SPACE}"),
]


def keep_together(text: str) -> str:
    """Text in which lines do not break between a number and what belongs to it."""
    for pattern, joined in JOINTS:
        text = re.sub(pattern, joined, text)
    return text


def _join(_app: Sphinx, doctree: nodes.document, _name: str) -> None:
    kept = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.FixedTextElement)
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, kept) and (joined := keep_together(text)) != text:
            text.parent.replace(text, nodes.Text(joined))


def _shorten(_app: Sphinx, what: str, _name: str, documented: Any, *_: Any) -> tuple[str, str] | None:
    """Shorten the signature of settings, whose dozens of defaults are explained attribute by attribute."""
    is_settings = what == "class" and issubclass(documented, Settings)
    return ("(**settings)", "") if is_settings else None


def _skip(_app: Sphinx, _what: str, _name: str, member: Any, *_: Any) -> bool | None:
    """Skip the fields of a named tuple, which its docstring explains; Python adds only "Alias for field number 0"."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx, which calls this function."""
    app.connect("doctree-resolved", _join)
    app.connect("autodoc-process-signature", _shorten)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
