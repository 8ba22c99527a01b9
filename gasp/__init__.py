"""GASPnet: a convolutional network whose layers carry phases, aligned by global key-query agreement."""

from gasp.experiment import load, load_profile, run_all

__all__ = ["load", "load_profile", "run_all"]
