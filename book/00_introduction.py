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
# Look at a scene with two objects. Some neurons report a vertical stroke here, others a loop there; which of them belong
# together? A network whose neurons have nothing but an activity cannot say: features of both objects are added up in the
# same units. This is the **binding problem**. One answer from neuroscience is **binding by synchrony**: neurons that
# respond to one object fire together, and those of different objects apart.
#
# *GASPnet: Global Agreement to Synchronize Phases* {cite:p}`gaspnet` builds that answer into a convolutional network. Every
# neuron has, beside its activity, a **phase**. Neurons whose keys and queries agree pull each other's phases together, all
# others apart, as coupled oscillators do. What is in phase is then heard more, what is in antiphase less, so each object is
# processed as if the others were not there.
#
# No code of the paper is public. This book is an independent implementation, written from what the paper and its
# predecessors {cite:p}`komplexnet,gattanet` say, and it *computes* what it tells: every number and every figure on these
# pages comes from runs whose specification, versions and duration are kept beside them.

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
# (look-for-yourself)=
# ## Look for yourself
#
# GASPnet and a CNN of as many parameters look at the same scenes. Each pixel of the maps has the colour of its phase, dimmed
# where little responds. At the start phases are random; **play** lets them align, one Kuramoto iteration after the other,
# and GASPnet answers anew at every time step. Each bar is the probability of a class; the classes that are there are
# underlined.
#
# **Try this.** Play the first scene: GASPnet is wrong before its phases align, and right after. Then click on each of the two
# digits, at t = 0 and at the end: once phases are aligned, a place names its own digit. Then choose a scene of the second
# kind, where time makes a right answer wrong. The list says how often each kind occurs.

# %% tags=["remove-input"]
from gasp.analysis import figures
from gasp.analysis.exhibits import exhibit
from gasp.analysis.tables import dataset_label

shown = {
    "multi_mnist": ("gaspnet", "cnn_parameters"),
    "multi_mnist_50": ("gaspnet", "cnn_parameters"),
    "multi_mnist_cifar": ("gaspnet_gated", "cnn_gated_parameters"),
}
if settings.judges:  # a network that names photographs knows those of its own training only
    shown["cifar_mnist"] = ("gaspnet_gated", "cnn_gated_parameters")
figures.explorer(
    [
        exhibit(
            dataset_label(dataset),
            settings.datasets[dataset],
            *(gasp.load_example(settings, each, dataset) for each in networks),
        )
        for dataset, networks in shown.items()
    ]
)

# %% [markdown]
# (what-holds)=
# ## What holds
#
# ```{margin}
# How one adds a claim of one's own: {ref}`your-own-experiment`.
# ```
# The paper makes eight claims that a program can check, C1 to C8. We add three of our own, O1 to O3. On each data set a claim
# holds, does not hold, or is unclear. The paper compares GASPnet with a CNN of as many parameters. *Stricter* is our comparison with
# a CNN of as many multiplications; it overrules nothing. Each number leads to the evidence, and {ref}`the-rule` says how verdicts
# are reached.

# %% tags=["remove-input"]
from gasp.analysis import verdicts

effects = verdicts.judge(settings)
verdicts.claims_table(effects)

# %% [markdown]
# All claims under the first heading compare the same GASPnet networks with others, so read them as one finding and not as several.
# Where a cell is empty, the claim is not about that data set. *Not tested* means that fewer than two seeds of its networks have
# been run.
#
# Behind each verdict are effects: differences of accuracy that the claim says are above zero, paired by seed and by test scene.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Every effect of the claims: mean and 95 % interval over seeds. The colour is the verdict on the effect, which also asks for other scenes and corrects for the number of effects. The axis is linear near zero and logarithmic far from it.", "name": "fig-effects"}, "image": {"alt": "A list of effects, each with a point and an interval left or right of a line at zero."}}
figures.effects(effects)

# %% tags=["remove-input"]
verdicts.effects_table(effects)

# %% [markdown]
# ## How to use this book
#
# **Read.** {ref}`the-model` gives the equations, each symbol with its name in the code, and lets phases align before your
# eyes. {ref}`the-methods` says what was trained and how claims are judged. Then come the experiments, in the paper's order,
# and {ref}`what-it-costs`.
#
# **Rerun.** In a copy of the project, `make book` does everything at a small scale within minutes, on data that come with
# the packages. One chapter at another scale, or with another setting:
#
# ```bash
# gasp experiments status --profile cpu   # which runs are done
# gasp book run 03 --profile cpu          # the real MNIST
# gasp book run 03 -p epochs=4            # replace any setting
# gasp book build --profile cpu           # notebooks to HTML
# ```
#
# Runs that are finished are found by their key and not repeated; a run that was stopped goes on where it was.
#
# **Edit.** A chapter is a script in `book/`, in the py-percent format that Jupyter (with jupytext) and VS Code open as a
# notebook. `gasp book run` executes it with papermill into `runs/PROFILE/`; `gasp book watch` does so whenever you save, and
# shows the page. {ref}`your-own-experiment` goes from a new variant of the model to a new row in the table above.
#
# **Look up.** {ref}`the-glossary` leads from the paper's symbols to the code's names and back, {ref}`the-api` to the code.
# At the end of every chapter stands where it comes from, and what of it can be downloaded.
#
# **Use the model.** Three lines give a trained network:
#
# ```python
# import gasp
# model = gasp.load("gaspnet", dataset="multi_mnist", seed=0, profile="cpu")
# trajectory = model(images)  # (B, 1, 32, 32) in [0, 1]; logits, phases and gates at every time step
# ```
