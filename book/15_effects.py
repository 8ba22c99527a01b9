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
# (the-effects)=
# # Every effect behind the verdicts

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-cell"]
gasp.run_all(settings.experiments(), settings)

# %% [markdown]
# A claim is judged by **effects**: numbers that are above zero if the claim is right ({ref}`what-holds`). An effect is a difference
# of two accuracies, the slope of such a difference over noise, or a measure of phases minus a threshold. Differences pair networks by
# seed and by test scene. A point to the right of zero speaks for the claim, a point to the left against it.
#
# Colour is the verdict: with p below 0.05 an effect above zero **holds** (O3 is an exception, see below), and one below zero **does
# not hold**. That p is the larger of two: one is from a test over seeds, the other from a test over seeds and scenes together. It is
# corrected for the number of effects ({ref}`the-rule`). The interval is not corrected. So an interval can exclude zero while the
# verdict is **unclear**. A claim holds if all its effects hold, and does not hold if at least one of them does not hold; otherwise it
# is unclear.
#
# ## GASPnet with our additions, and our own claims

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet with our additions, and our own claims: mean of every effect that was tested, with its 95 % interval over seeds. Each panel has its own scale.", "name": "fig-effects"}, "image": {"alt": "A list of effects, each with a point and an interval left or right of a line at zero."}}
from gasp.analysis import figures, verdicts
from gasp.analysis.designs import PAPER

effects = verdicts.judge(settings)
figures.effects(effects)

# %% tags=["remove-input"]
verdicts.effects_table(effects)

# %% [markdown]
# Some effects need a word:
#
# - **O3** compares with the widest CNN that we trained, which still trains faster than GASPnet. Falling behind it refutes the claim,
#   and a lead over it proves nothing, so O3 is then unclear. It is the same comparison as that of C1 and C2 with a CNN of as many
#   multiplications.
# - **C3 and O5** use only the levels of noise at which the networks that are compared have an accuracy of at least 0.1, a rule that
#   was fixed before the tests. So the range of σ differs.
# - **C5** tolerates a loss of 0.01 on the photograph, so this margin is added to the difference.
# - **C6** asks for an order above 0.8, and for a separation above 80 % of the largest possible: above 0.8 with two objects, and above
#   0.6 where the photograph is a third. Both are averaged over scenes before they are stored, so only seeds are tested.
# - **O1** asks for more than half-way from chance to certainty.
# - **O2** sets two gains against each other: that from the first step to the last, and that of the first step over the CNN.
#
# ## The paper's mechanisms alone

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet (paper): mean of every effect that was tested, with its 95 % interval over seeds. Each panel has its own scale.", "name": "fig-effects-paper"}, "image": {"alt": "A list of effects, each with a point and an interval left or right of a line at zero."}}
alone = verdicts.judge(settings, PAPER)
figures.effects(alone)

# %% tags=["remove-input"]
verdicts.effects_table(alone)

# %% [markdown]
# ## What follows
#
# - Size and certainty are different things. A small effect can hold, and a large one can be unclear.
# - Effects that compare the same networks move together: a row of points on one side is not a row of independent findings.

# %% [markdown]
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. From raw answers.** Recompute the first effect of claim C1 from the stored answers: for every seed, the share of test scenes
# that GASPnet names correctly, minus that of the CNN of as many parameters.

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
right = {}
pair = ["gaspnet", "cnn_parameters"]
for run in settings.experiments(["multi_mnist"], pair):
    answers = settings.store.correct(run.key)["clean/0/scene"]
    last = answers[-1]  # one truth value per scene
    right.setdefault(run.seed, {})[run.variant] = last.mean()
pairs = [both for both in right.values() if len(both) == 2]
gains = [both[pair[0]] - both[pair[1]] for both in pairs]
print("each seed:", [f"{gain:+.4f}" for gain in gains])
print(f"mean: {sum(gains) / len(gains):+.4f}")

# %% [markdown]
# **2. Large and unclear, small and certain.** Slopes aside, which is the largest effect that is unclear, and which the smallest one
# that holds?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
tested = effects.dropna(subset=["p"])
tested = tested[~tested["effect"].str.contains("slope")]
tested = tested.assign(size=tested["mean"].abs())
unclear = tested[tested["verdict"] == "unclear"].nlargest(1, "size")
holds = tested[tested["verdict"] == "holds"].nsmallest(1, "mean")
for some in (unclear, holds):
    for _, row in some.iterrows():
        print(f"{row['mean']:+.3f} (p = {row['p']:.2g}): {row['effect']}")
# In a profile that judges nothing, neither is found.
