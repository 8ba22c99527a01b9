# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
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
# A claim is judged by **effects**: differences of accuracy that should be above zero if the claim is right ({ref}`what-holds`). Each
# effect pairs networks by seed and by test scene. A point right of the vertical line speaks for the claim, a point left of it against
# the claim. Colour is the verdict on the effect, which also asks whether other scenes would give it and corrects for the number of
# effects ({ref}`the-rule`).
#
# ## GASPnet

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet: mean of every effect, with its 95 % interval over seeds. Each panel has its own scale.", "name": "fig-effects"}, "image": {"alt": "A list of effects, each with a point and an interval left or right of a line at zero."}}
from gasp.analysis import figures, verdicts
from gasp.analysis.designs import PAPER

effects = verdicts.judge(settings)
figures.effects(effects)

# %% tags=["remove-input"]
verdicts.effects_table(effects)

# %% [markdown]
# ## The paper's mechanisms alone

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet (paper), as above.", "name": "fig-effects-paper"}, "image": {"alt": "A list of effects, each with a point and an interval left or right of a line at zero."}}
alone = verdicts.judge(settings, PAPER)
figures.effects(alone)

# %% tags=["remove-input"]
verdicts.effects_table(alone)
