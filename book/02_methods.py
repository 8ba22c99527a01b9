# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-methods)=
# # Methods
#
# What was trained, on what, how it was tested, and how a claim is judged.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% [markdown]
# ## Data
#
# Scenes are composed on the fly by a seeded generator, which knows the mask of each object. **Multi-MNIST** is the recipe of
# KomplexNet {cite:p}`komplexnet`: two digits of different classes, cropped to their bounding boxes, at random places of a
# canvas of 50 × 50 pixels, resized to 32 × 32; boxes may not overlap, or by 25 % or 50 % of the smaller. **CIFAR-MNIST** and
# **CIFAR-Fashion** put a 28 × 28 digit or piece of clothing at a random place on a 32 × 32 photograph, added and clipped at
# white; one head reports the item, another the photograph. The two other data sets serve single chapters: two digits on a photograph
# that need not be named ({ref}`the-second-design`), and two painted digits whose colours must be named, too ({ref}`what-is-where`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Scenes of every data set (validation images).", "name": "fig-datasets"}, "image": {"alt": "Rows of small images: pairs of digits, with more and more overlap, and digits and clothes on photographs."}}
from gasp.analysis import figures

examples = {}
for name, data in settings.datasets.items():
    examples[name] = data.compose("validation", 8, seed=1)
figures.gallery(examples)

# %% [markdown]
# A tenth of the training images is held out for validation. Test images are met by trained models only; what was chosen,
# was chosen on validation scenes. The first five seeds of the CNN and of GASPnet on multi-MNIST were tested, without noise
# and with Gaussian noise, before the rule below was written; all other runs came after it.
#
# ## Variants
#
# Every variant is declared once, as what it changes of GASPnet's settings. Variants of one seed share the weights that they
# have in common, the scenes and their order.

# %% tags=["remove-input"]
from collections import Counter

from gasp.analysis.tables import table
from gasp.experiments.variants import VARIANTS

seeds = {}
for run in settings.experiments():
    seeds.setdefault(run.variant, Counter())[run.dataset] += 1


def parameters(variant):
    sizes = {"channels": 1, "size": 32, "classes": 10, "heads": 1}
    model = settings.experiment("multi_mnist", variant, 0).build(sizes)
    return f"{sum(p.numel() for p in model.parameters()):,}"


def trained(variant):
    """The data sets that a variant was trained on, after the number of seeds."""
    names = {}
    for name, count in seeds.get(variant, {}).items():
        names.setdefault(count, []).append(f"`{name}`")
    return "; ".join(f"{count} on {', '.join(of)}" for count, of in names.items()) or "–"


rows = [[f"{variant.label}<br>`{name}`", parameters(name), trained(name)] for name, variant in VARIANTS.items()]
table(["variant, and its name in the code", "parameters", "seeds"], rows)

# %% [markdown]
# *As many parameters* and *as many multiplications* refer to GASPnet; the latter
# counts sweeps and Kuramoto iterations at T = 3. Two variants test the phases themselves. With *random initial phases*, every
# layer starts at random and keeps its phases from step to step, instead of taking them from its input. *Ideal phases* are told
# to the first layer by the masks: they show what the mechanism is worth when the phases there are right.
#
# The variants *with gates*, and those beside them, are a second design. It was chosen on validation scenes and has not been
# tested yet; {ref}`the-second-design` has what is known of it.
#
# ## Training
#
# All variants are optimised alike: Adam with a one-cycle schedule, batches of {glue:text}`batch`, peak learning rate
# {glue:text}`rate`, {glue:text}`epochs` epochs of {glue:text}`scenes` fresh scenes, clipped gradients. The loss is the mean
# cross-entropy over time steps and heads; where there are phases, λ = {glue:text}`synchrony` times the synchrony loss of the
# first layer is added. The length is what the budget of about twenty hours on two cores allows for all runs, not where
# accuracy ends: see {ref}`the-search`.

# %% tags=["remove-cell"]
from myst_nb import glue

training = settings.training
glue("batch", str(training.batch_size), display=False)
glue("rate", f"{training.learning_rate:g}", display=False)
glue("epochs", str(training.epochs), display=False)
glue("scenes", f"{training.scenes:,}", display=False)
glue("synchrony", f"{training.synchrony_weight:g}", display=False)

# %% [markdown]
# ## Evaluation
#
# Each trained model meets the test scenes once: undisturbed, under five corruptions, with smaller items, with three and four
# digits and with overlap, and for more time steps than it was trained for. For every scene it is kept whether every object
# was reported, at the first and at the last time step. A head that must report n objects answers with its n largest logits. Of a
# network whose read-out has phases it is also measured what is where ({ref}`what-is-where`).

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The corruptions, each at the levels of the profile, on one scene. None was met in training.", "name": "fig-corruptions"}, "image": {"alt": "Five rows of one scene that becomes noisier, more speckled, blurred or paler from left to right."}}
figures.corruptions(settings.datasets["multi_mnist"].compose("validation", 1, seed=1), settings.evaluation.corruptions)

# %% [markdown]
# (the-rule)=
# ## How a claim is judged
#
# An **effect** is a weighted sum of accuracies, with its sign chosen so that the claim says that it is above zero: a
# difference between two variants, its mean over the levels of a corruption, a gain over time steps, or the slope of that
# gain over noise. Its terms have the same seeds and the same test scenes, so an effect has one value for each seed and scene.
#
# - The **interval** is Student's 95 % interval of the mean over seeds: what another training would give.
# - The **test** permutes signs over scenes, of the mean over seeds: what other test scenes would give. Its p-values are
#   corrected by Holm's method for all effects tested.
# - An effect is *reproduced* if its interval lies above zero and p < 0.05, *contradicted* if the interval lies below zero,
#   *untested* with fewer than two seeds, and *inconclusive* otherwise.
# - A claim is **reproduced** if all its effects are, **not reproduced** if one of them is contradicted, and **inconclusive**
#   otherwise.
#
# "No loss on the background" (C5) means a loss below 0.01. "Phases separate the objects" (C6) means that order within objects
# and separation between them both exceed 0.8 of at most 1, in the layer where they are lowest; it has intervals over seeds
# and no permutation test. {py:mod}`gasp.analysis.verdicts` holds the rule as code, and
# {py:mod}`gasp.analysis.claims` the effects.
