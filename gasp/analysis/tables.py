"""Tables of the pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from IPython.display import Markdown

__all__ = ["table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], folded: str = "") -> Markdown:
    """A table for a page; one that is ``folded`` under a title opens when the title is clicked."""
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])
    return Markdown(f"```{{dropdown}} {folded}\n{text}\n```" if folded else text)
