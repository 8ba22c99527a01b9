# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# # Neurons in phase: what GASPnet gains by synchrony, and what not

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

# %% tags=["remove-cell"]
from myst_nb import glue

from gasp.analysis.statistics import at_level, last_step, levels_of, mean_interval


def found(dataset, variant, metric="scene_accuracy", noise=0.0):
    """The mean over seeds at the last time step on test scenes."""
    results = gasp.run_all(settings.experiments([dataset], [variant]), settings)
    rows = levels_of(results, "gaussian" if noise else "clean", metric)
    return f"{mean_interval(last_step(at_level(rows, noise))['value'])['mean']:.3f}"


weak = settings.evaluation.corruptions["gaussian"][: 2 if settings.judges else 1][-1]
glue("sigma", f"{weak:g}", display=False)
for name, where in {
    "points": ("multi_mnist", "gaspnet", "pointing"),
    "points_photo": ("multi_mnist_cifar", "gaspnet", "pointing"),
    "digits_gaspnet": ("multi_mnist", "gaspnet"),
    "digits_cnn": ("multi_mnist", "cnn_parameters"),
    "noisy_gaspnet": ("multi_mnist", "gaspnet", "scene_accuracy", weak),
    "noisy_gate": ("multi_mnist", "gate", "scene_accuracy", weak),
    "noisy_cnn": ("multi_mnist", "cnn_parameters", "scene_accuracy", weak),
    "photo_gaspnet": ("multi_mnist_cifar", "gaspnet"),
    "photo_gate": ("multi_mnist_cifar", "gate"),
    "photo_cnn": ("multi_mnist_cifar", "cnn_parameters"),
    "digits_wide": ("multi_mnist", "cnn_compute"),
    "item_gaspnet": ("cifar_mnist", "gaspnet"),
    "item_cnn": ("cifar_mnist", "cnn_parameters"),
}.items():
    glue(name, found(*where), display=False)

# %% [markdown]
# **Phases say what is where.** Every unit of GASPnet has a phase, an angle. When an image shows two digits, the output unit of a
# digit is closer in phase to the place of that digit than to the other in {glue:text}`points` of the cases (by chance, in half of
# them). In front of a photograph it is closest in {glue:text}`points_photo` (by chance, in a third). Masks of the digits train
# GASPnet's keys and gate, but no loss told an output unit which place to point to ({ref}`what-is-where`).
#
# **GASPnet picks digits out of photographs and noise better than a convolutional network (CNN) of as many parameters.** In front of a
# photograph it names both of two digits in {glue:text}`photo_gaspnet` of the scenes and the CNN in {glue:text}`photo_cnn`; under
# noise of σ = {glue:text}`sigma` it is {glue:text}`noisy_gaspnet` against {glue:text}`noisy_cnn`. Most of this needs no phases: a
# learned gate of ours alone reaches {glue:text}`photo_gate` and {glue:text}`noisy_gate`. With neither photograph nor noise there is
# little to gain: {glue:text}`digits_gaspnet` against {glue:text}`digits_cnn`, and a wider CNN of as many multiplications reaches
# {glue:text}`digits_wide`
# ({ref}`the-photographs`, {ref}`the-noise`, {ref}`two-digits`).
#
# **Where the photograph must be named, too, GASPnet does not beat the CNN.** It names digit and photograph in
# {glue:text}`item_gaspnet` of the scenes, and the CNN of as many parameters in {glue:text}`item_cnn`. Phases help there, too, but a
# wider CNN seems to make better use of the parameters that keys and gate cost.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Two digits, and the phases of GASPnet's first layer as they align. Colour is phase; brightness is how much a location pulls on others.", "name": "fig-aligning"}, "image": {"alt": "An animation: two digits whose locations change colour until each digit has one colour, opposite to the other's."}}
from gasp.analysis import figures
from gasp.analysis.alignment import align_first_layer

model = gasp.load_example(settings)
image = settings.datasets["multi_mnist"].compose("validation", 2, seed=1).batch(slice(None))[0][1]
figures.animation(image, *align_first_layer(model, image, 4 * model.settings.iterations))

# %% [markdown]
# ## The idea
#
# Look at a scene with two objects. Some neurons report a vertical stroke here, others a loop there. Which of them belong together?
# Activity alone cannot say, because the features of both objects add up in the same units. This is the **binding problem**. One
# answer from neuroscience is **binding by synchrony**: neurons that respond to one object fire together, and neurons that respond to
# different objects fire apart.
#
# *GASPnet: Global Agreement to Synchronize Phases* {cite:p}`gaspnet` builds that answer into a CNN. Every neuron has an activity and
# a **phase**. Neurons whose keys and queries agree pull each other's phases together, as coupled oscillators do; all others are
# pushed apart. Signals between neurons in phase then count more, and signals between neurons in antiphase count less. So each object
# is processed almost as if the other were absent. {ref}`from-oscillators-to-binding` builds this up step by step.
#
# The paper's code is not public. This book is an independent implementation, written from the paper and its predecessors
# {cite:p}`komplexnet,gattanet`. Every number and every figure on these pages comes from runs whose specification, versions and
# duration are stored with them.

# %% [markdown]
# (what-holds)=
# ## What holds
#
# ```{margin}
# How to add a claim of your own: {ref}`your-own-experiment`.
# ```
# The paper makes eight claims that a program can check, C1 to C8. We add seven of our own, O1 to O7. Each claim is judged on each
# data set: in our implementation it **holds**, **does not hold**, is **unclear**, or was **not tested** (fewer than two seeds). The
# paper compares GASPnet with a CNN of as many parameters. Verdicts are about GASPnet with our additions ({ref}`what-we-add`). Two
# more stand below them in smaller letters: *stricter*, against a CNN of as many multiplications, and *paper alone*, about the paper's
# mechanisms without our additions. {ref}`the-rule` says how verdicts are reached.

# %% tags=["remove-input"]
from gasp.analysis import verdicts
from gasp.analysis.designs import OURS, PAPER

verdicts.claims_table(*(verdicts.judge(settings, design) for design in (OURS, PAPER)))

# %% [markdown]
# All claims under the first heading compare the same networks, so on one data set they tend to hold or fail together. Read them as
# one finding. An empty cell means that the claim is not about that data set. With few seeds and many effects, much stays unclear.
# {ref}`the-effects` shows the differences behind each verdict.

# %% [markdown]
# (look-for-yourself)=
# ## Look for yourself
#
# GASPnet and a CNN of as many parameters look at the same scenes. Each pixel of the maps has the colour of its phase and is dimmed
# where a place pulls little on others. Phases are random at the start. **Play** lets them align, one Kuramoto iteration after the
# other, and GASPnet answers anew at every time step. Each bar is the probability of a class; the classes that are there are
# underlined.
#
# **Try this.** The list has two kinds of scenes: those in which time corrects the answer, and those in which time spoils it. It says
# how often each kind occurs. Play the first scene: GASPnet is wrong before its phases align, and right after. Then click on each of
# the two digits, at t = 0 and at the end: once phases are aligned, a place names its own digit.

# %% tags=["remove-input"]
from gasp.analysis.exhibits import exhibit

shown = {
    "two digits": ("multi_mnist", "gaspnet", "cnn_parameters"),
    "two digits that overlap": ("multi_mnist_50", "paper_gaspnet", "paper_cnn_parameters"),
    "two digits on a photograph": ("multi_mnist_cifar", "gaspnet", "cnn_parameters"),
}
if settings.judges:  # a network that names photographs knows those of its own training only
    shown["an item on a photograph"] = ("cifar_mnist", "gaspnet", "cnn_parameters")
figures.explorer(
    [
        exhibit(title, settings.datasets[dataset], *(gasp.load_example(settings, each, dataset) for each in networks))
        for title, (dataset, *networks) in shown.items()
    ]
)

# %% [markdown]
# ## How to use this book
#
# **Read.** {ref}`the-model` gives the equations, each symbol with its name in the code, and lets phases align before your
# eyes. {ref}`the-methods` says what was trained and how claims are judged. Then come the experiments and
# {ref}`what-it-costs`.
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
# The end of every chapter says where it comes from and what can be downloaded.
#
# **Use the model.** Three lines give a trained network:
#
# ```python
# import gasp
# model = gasp.load("gaspnet", dataset="multi_mnist", seed=0, profile="cpu")
# trajectory = model(images)  # (B, 1, 32, 32) in [0, 1]; logits, phases and gates at every time step
# ```
