"""GASPnet: a convolutional network whose layers carry phases, aligned by global key-query agreement."""

from gasp.experiments.execution import load, run_all
from gasp.experiments.profile import load_profile

__all__ = ["load", "load_profile", "run_all"]
