"""GASPnet: a convolutional network whose layers carry phases, aligned by global key-query agreement."""

from gasp.experiments.execution import load, load_example, run_all
from gasp.experiments.profile import load_profile

__all__ = ["load", "load_example", "load_profile", "run_all"]
