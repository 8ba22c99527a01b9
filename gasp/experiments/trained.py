"""Trained models: found by the run that trained them, and ready for use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from gasp.experiments.profile import Profile, load_profile
from gasp.experiments.specification import Experiment
from gasp.files import read_tensors
from gasp.learning.devices import choose_device
from gasp.models import Model
from gasp.settings import GaspError, RunError

__all__ = ["load", "load_example", "restore"]


def load(
    variant: str = "gaspnet",
    dataset: str = "multi_mnist",
    seed: int = 0,
    profile: str | Profile = "cpu",
    device: str = "auto",
    **overrides: Any,
) -> Model:
    """A trained model, ready for images ``(B, channels, size, size)`` in [0, 1].

    Args:
        profile: a profile or its name.
        overrides: replacements of single settings, if the profile is given by name; see
            :func:`gasp.experiments.profile.load_profile`.

    Raises:
        GaspError: if the run has no stored weights, if a name or the device is unknown or unavailable, and for overrides of a
            profile that is already loaded.
    """
    if isinstance(profile, Profile) and overrides:
        raise GaspError(f"a loaded profile cannot be overridden: give {', '.join(overrides)} to load_profile")
    settings = load_profile(profile, **overrides) if isinstance(profile, str) else profile
    experiment, store = settings.experiment(dataset, variant, seed), settings.store
    path = store.weights(experiment.weights_name)
    if not path.exists():
        runs = settings.experiments([dataset], [variant])
        if seed not in [run.seed for run in runs]:
            has = f"of {variant} on {dataset} it has {_seeds(runs)}"
            raise GaspError(f"profile {settings.name} has no run of {experiment.title}; {has}")
        stored = _seeds([run for run in runs if store.weights(run.weights_name).exists()])
        results = store.directory / "results" / f"{experiment.key}.*"
        which = f"--profile {settings.name} --dataset {dataset} --variant {variant} --seed {seed}"
        raise GaspError(
            f"no trained weights at {path}: the project stores some only; of {variant} on {dataset} it has {stored}. To train "
            f"this one, remove {results} if there are any, then gasp experiments run {which}"
        )
    tensors, record = read_tensors(path)
    model = experiment.build(record.get("sizes"))  # so that no data are needed
    restore(model, tensors, path)
    return model.to(choose_device(device))


def _seeds(runs: Sequence[Experiment]) -> str:
    return f"seeds {', '.join(str(run.seed) for run in runs)}" if runs else "none"


def load_example(profile: Profile, variant: str = "gaspnet", dataset: str = "multi_mnist") -> Model:
    """A trained network for demonstrations, on the CPU: see :attr:`Profile.examples`.

    Raises:
        GaspError: as raised by :func:`load`.
    """
    return load(variant, dataset, profile=profile.examples, device="cpu")


def restore(model: Model, tensors: dict[str, Tensor], weights: Path) -> None:
    """Give a model its trained weights.

    Raises:
        GaspError: if they are those of another model.
    """
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise RunError(f"{weights} does not hold the weights of this model: remove it and train again") from error
    model.eval()
