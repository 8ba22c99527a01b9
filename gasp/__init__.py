"""GASPnet: a convolutional network whose layers carry phases, aligned by global key-query agreement."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gasp.experiments.execution import run_all
    from gasp.experiments.profile import load_profile
    from gasp.experiments.trained import load, load_example

__all__ = ["load", "load_example", "load_profile", "run_all"]

# imported when they are first used, so that the command line answers at once and Ctrl-C ends it in one line
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "experiments.execution": ["run_all"],
        "experiments.profile": ["load_profile"],
        "experiments.trained": ["load", "load_example"],
    },
)
