# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-discussion)=
# # Discussion

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

verdicts.datasets_table(verdicts.judge(settings))

# %% [markdown]
# By the paper's comparison ({ref}`the-rule`); {ref}`what-holds` has the stricter one, and every effect.
#
# **On two digits phases do much of what the paper says.** They separate the digits in every layer; with them a network is a
# little more accurate than a CNN with as many parameters, and far more robust to noise, even than a CNN with as many
# multiplications; and without modulation or neighbourhood it is less accurate. What does not hold: accuracy hardly grows over
# time steps, and not the more the higher the noise; without noise a CNN that spends its multiplications on width is more
# accurate, and GAttANet, which has no phases, as accurate.
#
# **On photographs almost none of it holds.** Item and photograph come into antiphase, but the photograph into no single phase,
# and what modulates by such phases is less accurate than the CNN, with noise and without.
#
# ## What our sources did not tell
#
# What we had of GASPnet are its claims, its mechanism, the widths of its layers and the form of its coupling and modulation.
# Kernels, strides, key size, step counts, the normalisation of the coupling, learning rates and the length of training are
# ours ({ref}`the-model` has the list, with a source for each). Where the paper's numbers come from other choices, a claim that
# does not hold here may hold there; what we can say is that it does not follow from the mechanism alone.
#
# Three choices decided whether anything was learned at all: normalisation of the deeper layers, without which no variant
# learns; phases of deeper layers that are taken from their input at each sweep instead of evolving from random ones; and
# gradients from phases that stop before features.
#
# ## Limits
#
# - The networks are small (about 50,000 parameters) and their training is short: a CNN trained for twice as long is better
#   than in these tables ({ref}`the-search`). Differences, not levels, are the result.
# - Seeds vary greatly under noise. Intervals over few seeds are wide, and an unclear effect is not an absent one.
# - Of CIFAR-10 and MNIST, the training sets are the first 40,000 and 50,000 images.
# - Masks are known for composed scenes only. Without the synchrony loss, see {ref}`the-ablations`, phases must learn from
#   labels.
# - The comparison with as many multiplications leaves memory and wall-clock time aside; by the clock GASPnet is dearer still
#   ({ref}`what-it-costs`).
# - GAttANet and KomplexNet are built from what we could learn of them ({ref}`the-predecessors`), not by their authors.
#
# ## What to try next
#
# On photographs phases find the item, but what is behind it falls apart ({ref}`the-phases`). A filter of five pixels cannot tell a
# stroke from a texture. Keys that see more, and a gate that silences what need not be named, change the picture
# ({ref}`the-second-design`), so far on validation scenes only. Such cues could also come from above: top-down predictions
# {cite:p}`predify` are what the paper names as its next step.
#
# The tasks of the paper ask which objects there are, not which is where, and that can be told without binding. Where binding
# is needed most, when digits overlap that did not in training, phases do pay ({ref}`the-generalisation`). A task that asks for
# an object by its place or by another of its features would be a sharper test of what synchrony is for.
