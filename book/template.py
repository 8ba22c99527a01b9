# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
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
variants = ["cnn_parameters", "gaspnet"]
results = gasp.run_all(settings.experiments(["multi_mnist"], variants), settings)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of test scenes with both digits right at every time step (mean over seeds, 95 % interval).", "name": "fig-my-experiment"}, "image": {"alt": "Accuracy over time steps, a panel a level of noise."}}
from gasp.analysis import figures

levels = [0.0, *settings.evaluation.corruptions["gaussian"][:2]]
figures.accuracy_over_time(results, levels)

# %% tags=["remove-input"]
from gasp.analysis.statistics import at_level, formatted, paired_difference
from gasp.analysis.tables import table

rows = []
for level in levels:
    gain = paired_difference(at_level(results, "gaussian", level), *reversed(variants))
    rows.append([f"{level:g}", formatted(gain, sign=True)])
table(["noise σ", f"{variants[1]} − {variants[0]}"], rows)

# %% [markdown]
# What it shows, and what it does not.
