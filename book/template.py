# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
#     language: python
# ---

# %% [markdown]
# (my-experiment)=
# # My experiment
#
# What is asked, and what the answer would change.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-cell"]
variants = ["gaspnet", "cnn_parameters"]
results = gasp.run_all(settings.experiments(["multi_mnist"], variants), settings)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of test scenes with both digits right at every time step (mean over seeds, 95 % interval)."}, "image": {"alt": "Accuracy over time steps, a panel a level of noise."}}
from gasp.analysis import figures

levels = [0.0, *settings.evaluation.corruptions["gaussian"][:2]]
figures.accuracy_over_time(results, levels)

# %% tags=["remove-input"]
from gasp.analysis.statistics import at_level, last_step, levels_of
from gasp.analysis.tables import by_condition, table_of

noise = last_step(levels_of(results, "gaussian", undisturbed_at=0.0))
conditions = {f"{level:g}": at_level(noise, level) for level in levels}
table_of(by_condition(conditions, *variants, tuple(variants)), "noise σ")

# %% [markdown]
# What it shows, and what it does not.
