"""One function for each figure. Most turn a tidy table, or tensors, into a :class:`Drawing`.

All figures show phases with the same cyclic colour map, and a colour wheel as its legend. What does not pull (gate 0) is black.
"""

from gasp.analysis.figures.costs import accuracy_over_cost, costs_of_coupling, costs_of_parts, costs_over_time
from gasp.analysis.figures.explorer import explorer
from gasp.analysis.figures.levels import AXES, accuracy_over, accuracy_over_noise, gain_over
from gasp.analysis.figures.phases import (
    alignment,
    animation,
    architecture,
    corruptions,
    gallery,
    gates,
    phase_maps,
    scenes,
    what_is_where,
)
from gasp.analysis.figures.results import accuracy_over_separation, accuracy_over_time, learning_curves, order_over_time
from gasp.analysis.figures.rows import comparison, differences, effects, measures, parts_of_gain, seeds
from gasp.analysis.figures.style import Drawing

__all__ = [
    "AXES",
    "Drawing",
    "accuracy_over",
    "accuracy_over_cost",
    "accuracy_over_noise",
    "accuracy_over_separation",
    "accuracy_over_time",
    "alignment",
    "animation",
    "architecture",
    "comparison",
    "corruptions",
    "costs_of_coupling",
    "costs_of_parts",
    "costs_over_time",
    "differences",
    "effects",
    "explorer",
    "gain_over",
    "gallery",
    "gates",
    "learning_curves",
    "measures",
    "order_over_time",
    "parts_of_gain",
    "phase_maps",
    "scenes",
    "seeds",
    "what_is_where",
]
