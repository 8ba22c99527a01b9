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

from gasp.analysis.statistics import last_step, levels_of


def validated(study, dataset, variant, metric="scene_accuracy"):
    """The mean over seeds of a study's runs, on validation scenes without noise, at the last time step."""
    results = settings.examples.studied(study)
    measured = results[(results["dataset"] == dataset) & (results["variant"] == variant)]
    return f"{last_step(levels_of(measured, 'clean', metric))['value'].mean():.3f}"


for name, where in {
    "points": ("what_is_where", "multi_mnist", "gaspnet", "pointing"),
    "photo_gaspnet": ("full_length_photo_digits", "multi_mnist_cifar", "gaspnet_gated"),
    "photo_gate": ("full_length_photo_digits", "multi_mnist_cifar", "gate"),
    "photo_cnn": ("full_length_photo_digits", "multi_mnist_cifar", "cnn_gated_parameters"),
    "item_gaspnet": ("full_length", "cifar_mnist", "gaspnet_gated"),
    "item_cnn": ("full_length", "cifar_mnist", "cnn_gated_parameters"),
}.items():
    glue(name, validated(*where), display=False)

# %% [markdown]
# **Phases say what is where.** When an image shows two digits, the phase of the unit that reports a digit points to that digit in
# {glue:text}`points` of the cases, though no network was trained for it ({ref}`what-is-where`).
#
# **Phases help where something must be picked out.** On two digits in front of a photograph, GASPnet names both in
# {glue:text}`photo_gaspnet` of the scenes and a convolutional network (CNN) of as many parameters in {glue:text}`photo_cnn`. A learned
# gate brings most of that: without phases it reaches {glue:text}`photo_gate` ({ref}`the-second-design`).
#
# **They do not help where everything must be named.** If digit and photograph both count, GASPnet names both in
# {glue:text}`item_gaspnet` of the scenes and the CNN in {glue:text}`item_cnn`: a photograph has many parts, and takes no single phase
# ({ref}`the-photographs`).

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
# a **phase**. Neurons whose keys and queries agree pull each other's phases together, as coupled oscillators do; all others are pushed
# apart. Connections between neurons in phase are then strengthened, and connections between neurons in antiphase are weakened. So each
# object is processed almost as if the other were absent. {ref}`from-oscillators-to-binding` builds this up step by step.
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
# The paper makes eight claims that a program can check, C1 to C8. We add three of our own, O1 to O3. Each claim is judged on each
# data set: in our implementation it **holds**, **does not hold**, or is **unclear**. The paper compares GASPnet with a CNN of as many
# parameters. A CNN of as many multiplications is the stricter comparison. It is ours, stands below each verdict, and overrules nothing.
# {ref}`the-rule` says how verdicts are reached.

# %% tags=["remove-input"]
from gasp.analysis import verdicts

verdicts.claims_table(verdicts.judge(settings))

# %% [markdown]
# All claims under the first heading compare the same networks, so on one data set they tend to hold or fail together. Read them as one
# finding.
# An empty cell means that the claim is not about that data set. *Not tested* means that fewer than two seeds have been run.
# {ref}`the-effects` shows the differences behind each verdict.

# %% [markdown]
# (look-for-yourself)=
# ## Look for yourself
#
# GASPnet and a CNN of as many parameters look at the same scenes. Each pixel of the maps has the colour of its phase and is dimmed
# where little responds. Phases are random at the start. **Play** lets them align, one Kuramoto iteration after the other, and
# GASPnet answers anew at every time step. Each bar is the probability of a class; the classes that are there are
# underlined.
#
# **Try this.** Play the first scene: GASPnet is wrong before its phases align, and right after. Then click on each of the two
# digits, at t = 0 and at the end: once phases are aligned, a place names its own digit. Then choose a scene of the second
# kind, where time makes a right answer wrong. The list says how often each kind occurs.

# %% tags=["remove-input"]
from gasp.analysis.exhibits import exhibit

shown = {
    "two digits": ("multi_mnist", "gaspnet", "cnn_parameters"),
    "two digits that overlap": ("multi_mnist_50", "gaspnet", "cnn_parameters"),
    "two digits on a photograph": ("multi_mnist_cifar", "gaspnet_gated", "cnn_gated_parameters"),
}
if settings.judges:  # a network that names photographs knows those of its own training only
    shown["an item on a photograph"] = ("cifar_mnist", "gaspnet_gated", "cnn_gated_parameters")
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
