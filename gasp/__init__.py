"""GASPnet: a convolutional network whose layers carry phases, aligned by global key-query agreement."""

from gasp.experiments.execution import run_all
from gasp.experiments.profile import load_profile
from gasp.experiments.trained import load, load_example

__all__ = ["load", "load_example", "load_profile", "run_all"]
