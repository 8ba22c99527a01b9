"""The two designs of GASPnet that the book tests, each with the networks that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from gasp.experiments.variants import VARIANTS

__all__ = ["OURS", "PAPER", "Design"]


@dataclass(frozen=True)
class Design:
    """The variants that claims about one design of GASPnet compare. All are tested on the same scenes.

    Attributes:
        gaspnet: the design itself.
        layers: a CNN with the same layers.
        parameters: a CNN with as many parameters: the paper's comparison.
        multiplications: a CNN with as many multiplications: the stricter comparison, ours.
        ablations: the design without phase modulation, without synchrony loss, and without neighbourhood.
        attention: a network with global attention and no phases.
    """

    gaspnet: str
    layers: str
    parameters: str
    multiplications: str
    ablations: tuple[str, ...]
    attention: str

    @property
    def label(self) -> str:
        """Its name on pages."""
        return VARIANTS[self.gaspnet].label


OURS = Design(
    "gaspnet", "cnn", "cnn_parameters", "cnn_compute", ("no_modulation", "no_synchrony_loss", "no_neighbourhood"), "gattanet"
)
"""The paper's mechanisms, and our additions (a key network, a gate, learned modulation, a read-out that integrates)."""

PAPER = Design(
    "paper_gaspnet",
    "paper_no_modulation",  # it trains and answers as the CNN does, up to rounding
    "paper_cnn_parameters",
    "paper_cnn_compute",
    ("paper_no_modulation", "paper_no_synchrony_loss", "paper_no_neighbourhood"),
    "paper_gattanet",
)
"""The paper's mechanisms alone."""
