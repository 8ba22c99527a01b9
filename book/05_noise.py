# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-noise)=
# # Noise
#
# No network in this book saw a corrupted image in training. How much of its accuracy is left when it does (claim C4)?

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-input"]
from gasp.analysis import verdicts

verdicts.claims_box(
    settings,
    ["C4"],
    (
        "On two digits, weights that were trained with phases and the phases themselves both add to robustness. On "
        "CIFAR-MNIST, GASPnet is behind the CNN already without noise, and noise does not widen the gap."
    ),
)

# %% tags=["remove-cell"]
from gasp.analysis import figures

variants = ["cnn_parameters", "cnn_compute", "gaspnet", "ideal_phases"]
undisturbed_at = {kind: settings.datasets["multi_mnist"].undisturbed(kind) for kind in settings.evaluation.corruptions}
digits, photographs = (
    gasp.run_all(settings.experiments([name], variants), settings) for name in ("multi_mnist", "cifar_mnist")
)

# %% [markdown]
# ## Two digits

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Multi-MNIST: share of test scenes with both digits right under each corruption, at the last time step (mean over seeds, 95 % interval).", "name": "fig-noise"}, "image": {"alt": "Five panels, one a corruption, of accuracies that fall with its level."}}
figures.accuracy_over(digits, undisturbed_at)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Multi-MNIST: GASPnet minus the CNNs, paired by seed (mean, 95 % interval).", "name": "fig-noise-gain"}, "image": {"alt": "Five panels of differences over the level of a corruption, with a line at zero."}}
figures.gain_over(digits, undisturbed_at, ["cnn_parameters", "cnn_compute"])

# %% [markdown]
# ## Items on photographs

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST: share of test scenes with both labels right under each corruption, at the last time step (mean over seeds, 95 % interval).", "name": "fig-cifar-noise"}, "image": {"alt": "Five panels, one a corruption, of accuracies that fall with its level."}}
figures.accuracy_over(photographs, undisturbed_at)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST: GASPnet minus the CNNs, paired by seed (mean, 95 % interval).", "name": "fig-cifar-noise-gain"}, "image": {"alt": "Five panels of differences over the level of a corruption, with a line at zero."}}
figures.gain_over(photographs, undisturbed_at, ["cnn_parameters", "cnn_compute"])

# %% [markdown]
# ## Averaged over levels
#
# Claims are judged by means over levels: first over those of Gaussian noise, then over those of all corruptions ({ref}`the-rule`).

# %% tags=["remove-input"]
from gasp.analysis.statistics import levels_of, mean_over_levels
from gasp.analysis.tables import by_condition, table_of

means = {
    (label, figures.AXES[kind]): mean_over_levels(levels_of(measured, kind))
    for label, measured in {"multi-MNIST": digits, "CIFAR-MNIST": photographs}.items()
    for kind in settings.evaluation.corruptions
}
table_of(by_condition(means, ("gaspnet", "cnn_parameters"), ("gaspnet", "cnn_compute")), "data set", "corruption")

# %% [markdown]
# The difference between GASPnet and the CNN of the same layers is the sum of two parts: what training with phases brings to the
# weights, and what phases bring to the sweeps ({ref}`the-two-parts`). How large is each part under each corruption?

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Multi-MNIST: what weights and what phases bring, as shares of test scenes with both digits right, without noise and under each corruption, averaged over its levels (mean over seeds, 95 % interval).", "name": "fig-weights-phases"}, "image": {"alt": "Two horizontal bars for each corruption: one for what weights bring, one for what phases bring."}}
from gasp.analysis.statistics import undisturbed

both = gasp.run_all(settings.experiments(["multi_mnist"], ["cnn", "gaspnet"]), settings)
conditions = {"no noise": undisturbed(both)}
for kind in settings.evaluation.corruptions:
    at_levels = levels_of(both, kind).groupby(["variant", "seed", "t"])["value"]
    conditions[figures.AXES[kind].partition(",")[0].removesuffix(" σ")] = at_levels.mean().reset_index()
figures.parts_of_gain(conditions)

# %% [markdown]
# On two digits GASPnet keeps more of its accuracy than the CNNs, most clearly under Gaussian noise and under salt and pepper. Under
# Gaussian noise the weights bring more than the phases do. Under speckle, blur and loss of contrast the phases bring more.
#
# On CIFAR-MNIST robustness is not what is missing. GASPnet is behind already without noise ({ref}`the-photographs`), and noise does not
# widen the gap. Phases told by masks keep an item readable under strong noise ({ref}`the-search`).
