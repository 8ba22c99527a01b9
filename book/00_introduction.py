# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # GASPnet, computed
#
# A scene with two objects sets a network a question that a scene with one does not: which features belong together?
# *GASPnet: Global Agreement to Synchronize Phases* {cite:p}`gaspnet` answers with **binding by synchrony**. Every
# neuron has, beside its activity, a **phase**. Neurons whose keys and queries agree pull each other's phases together,
# all others apart, as coupled oscillators do. What is in phase is then heard more, what is in antiphase less, so each
# object is processed as if the others were not there.
#
# No code of the paper is public. This book is an independent implementation, written from what the paper and its
# predecessors {cite:p}`komplexnet,gattanet` say, and it *computes* what it tells: every number and every figure on these
# pages comes from a run whose specification, versions and duration are kept beside it.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.book import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-cell"]
from myst_nb import glue

from gasp.statistics import formatted, last_step, paired_difference, scene_accuracy

results = gasp.run_all(settings.experiments(["multi_mnist"], ["cnn", "gaspnet"]), settings)
last = last_step(scene_accuracy(results))
level = min(settings.evaluation.noise, key=lambda noise: abs(noise - 0.1))
glue("difference_clean", formatted(paired_difference(last[last["level"] == 0], "gaspnet", "cnn")), display=False)
glue("difference_noise", formatted(paired_difference(last[last["level"] == level], "gaspnet", "cnn")), display=False)
glue("noise_level", f"{level:g}", display=False)
glue("seeds", str(len(settings.seeds)), display=False)

# %% [markdown]
# ## What was found
#
# On scenes of two digits, with {glue:text}`seeds` seeds of each model, the accuracy of GASPnet at its last time step minus
# that of the CNN of the same layers is {glue:text}`difference_clean` without noise and {glue:text}`difference_noise` at
# noise of standard deviation {glue:text}`noise_level` (share of scenes with both digits right, with its 95 % interval;
# paired by seed). {ref}`two-digits` shows how it comes about. The other claims of the paper, on photographs with
# superimposed items, smaller items and ablations, are not tested here yet.
#
# ## How to use this book
#
# **Read.** {ref}`the-model` gives the equations, each symbol with its name in the code, and lets phases align before your
# eyes. {ref}`two-digits` trains the network next to the CNN that it is at its first time step. {ref}`what-it-costs` measures
# how long all of it takes, next to what it must take at least.
#
# **Rerun.** In a copy of the project, `make book` does everything at a small scale within minutes, on data that come with
# the packages. One chapter at another scale, or with another setting:
#
# ```bash
# gasp book run 02 --profile cpu    # the real MNIST
# gasp book run 02 -p epochs=4      # replace any setting
# gasp book build --profile cpu     # notebooks to HTML
# ```
#
# Runs that are finished are found by their key and not repeated; a run that was stopped goes on where it was.
#
# **Edit.** A chapter is a script in `book/`, in the py-percent format that Jupyter (with jupytext) and VS Code open as a
# notebook. `gasp book run` executes it with papermill into `runs/PROFILE/`.
#
# **Use the model.** Three lines give a trained network:
#
# ```python
# import gasp
# model = gasp.load("gaspnet", dataset="multi_mnist", seed=0, profile="cpu")
# trajectory = model(images)  # (B, 1, 32, 32) in [0, 1]; logits, phases and gates at every time step
# ```
