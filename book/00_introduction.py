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
# # Neurons in phase: what GASPnet gains from synchrony, and what it does not

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-cell"]
from myst_nb import glue

from gasp.analysis.statistics import (
    at_level,
    last_step,
    levels_of,
    mean_over_levels,
    over_noise,
    paired_difference,
    undisturbed,
)

gasp.run_all(settings.experiments(), settings)
networks = ["gaspnet", "gaspnet_labels", "no_gate", "no_modulation", "gate", "cnn_parameters", "cnn_compute"]
networks += ["cnn", "paper_gaspnet", "paper_cnn_parameters"]
tasks = ["multi_mnist", "multi_mnist_longer", "multi_mnist_cifar", "multi_mnist_cifar_longer", "cifar_mnist"]
results = {name: gasp.run_all(settings.experiments([name], networks), settings) for name in tasks}


def pointing(dataset, evaluation="clean", level=0.0, first=False, variant="gaspnet"):
    """The mean over seeds at the last time step, or at the first, on test scenes."""
    rows = at_level(levels_of(results[dataset], evaluation, "pointing"), level)
    rows = rows[rows["variant"] == variant]
    return f"{(rows[rows['t'] == 0] if first else last_step(rows))['value'].mean():.3f}"


weak = settings.evaluation.corruptions["gaussian"][: 2 if settings.judges else 1][-1]
most = settings.evaluation.objects[-1]
glue("most", {3: "three", 4: "four"}[most], display=False)
glue("chance", {3: "a third", 4: "a quarter"}[most], display=False)
clean = {name: last_step(undisturbed(rows)) for name, rows in results.items()}
under_noise = mean_over_levels(levels_of(results["multi_mnist"], "gaussian"))
overlapping = mean_over_levels(levels_of(results["multi_mnist_cifar"], "overlap"))
for name, (rows, variant, other) in {
    "phases_digits": (clean["multi_mnist"], "gaspnet", "no_modulation"),
    "phases_photo": (clean["multi_mnist_cifar"], "gaspnet", "no_modulation"),
    "phases_overlap": (overlapping, "gaspnet", "no_modulation"),
    "lead_digits": (clean["multi_mnist"], "gaspnet", "cnn_parameters"),
    "lead_noise": (under_noise, "gaspnet", "cnn_parameters"),
    "lead_photo": (clean["multi_mnist_cifar"], "gaspnet", "cnn_parameters"),
    "lead_item": (clean["cifar_mnist"], "gaspnet", "cnn_parameters"),
    "gate_noise": (under_noise, "gate", "cnn_parameters"),
    "gate_photo": (clean["multi_mnist_cifar"], "gate", "cnn_parameters"),
    "labels_only": (clean["multi_mnist_cifar"], "gaspnet_labels", "cnn_parameters"),
    "labels_noise": (under_noise, "gaspnet_labels", "cnn_parameters"),
    "no_gate": (under_noise, "no_gate", "cnn"),
    "gate_gain_digits": (clean["multi_mnist"], "gaspnet", "gate"),
    "gate_gain_photo": (clean["multi_mnist_cifar"], "gaspnet", "gate"),
    "paper_noise": (under_noise, "paper_gaspnet", "paper_cnn_parameters"),
}.items():
    glue(name, f"{paired_difference(rows, variant, other)['mean']:.3f}".replace("-", "−"), display=False)
glue("points", pointing("multi_mnist"), display=False)
glue("start", pointing("multi_mnist", first=True), display=False)
glue("points_photo", pointing("multi_mnist_cifar"), display=False)
glue("points_labels", pointing("multi_mnist", variant="gaspnet_labels"), display=False)
glue("points_labels_photo", pointing("multi_mnist_cifar", variant="gaspnet_labels"), display=False)
glue("points_most", pointing("multi_mnist", "objects", most), display=False)

# %% [markdown]
# GASPnet {cite:p}`gaspnet` gives every neuron of a convolutional network (CNN) a phase. Neurons whose features agree synchronise, and
# signals between neurons in phase count more (*phase modulation*). The paper reports that this makes the network more accurate and
# more robust than a CNN when several objects are in view. This book reimplements GASPnet and tests the paper's claims.
#
# **In short: phases say where each object is, and add little to accuracy.** GASPnet as the paper describes it is not clearly more
# accurate than a CNN of the same size. With five additions of ours, and trained with masks of the objects, it is far more accurate on
# noisy digits, and on digits in front of a photograph when only the digits must be named. But most of that gain comes from a learned
# gate, which needs no phases.

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
# *GASPnet: Global Agreement to Synchronize Phases* builds that answer into a CNN. Every neuron has an activity and a **phase**.
# Neurons whose learned features agree pull each other's phases together, as coupled oscillators do; all others are pushed apart.
# Signals between neurons in phase then count more, and signals between neurons in {term}`antiphase` count less. The aim is that each
# object is processed almost as if the other were absent. {ref}`from-oscillators-to-binding` builds this up step by step.
#
# The paper's code is not public. This book is an independent implementation, written from the paper and its predecessors
# {cite:p}`komplexnet,gattanet`. Every number and every figure on these pages comes from runs whose specification, versions and
# duration are stored with them.

# %% [markdown]
# (look-for-yourself)=
# ## Look for yourself
#
# GASPnet (with additions of ours, see below) and a CNN of as many parameters look at the same scenes. In the maps, colour is phase,
# and brightness is how much a place pulls on others. Phases are random at the start. **Play** lets them align, five small steps
# (Kuramoto iterations) for each time step, and GASPnet updates its answer at every time step. Each bar is the probability of a class;
# the classes in the scene are underlined.
#
# **Try this.** The list groups scenes by whether the answer is right before phases align, at the end, at both times or never; most
# scenes are right throughout. In the first scene GASPnet is wrong before its phases align, and right afterwards: play it. Then click
# on each of the two digits, at t = 0 and at the end: once phases are aligned, the network's answer at a place is the digit that is
# there.

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
        exhibit(title, settings.datasets[dataset], *(gasp.load_example(settings, each, dataset) for each in pair))
        for title, (dataset, *pair) in shown.items()
    ]
)

# %% [markdown]
# ## Phases say what is where
#
# Every place in the image and every output unit has a phase. A unit *points* to the object whose places in the first layer have, on
# average, the phase closest to its own. In a scene of two digits, the output unit of a digit points to that digit, and not to the
# other, in {glue:text}`points` of the cases (chance: one half). With random phases, before they align, it does so in
# {glue:text}`start`, because a unit takes its phase from the places that drive it. In front of a photograph, which counts as an
# object here, it points to its own digit in {glue:text}`points_photo` (chance: one third).
#
# No loss told output units where to point. They do not even need the *masks* that tell GASPnet in training which pixels belong to
# which object: trained on labels alone, they point right in {glue:text}`points_labels` of the cases on a black background and in
# {glue:text}`points_labels_photo` in front of a photograph ({numref}`fig-labels-alone` shows such phases).
#
# **This has limits.** A CNN can be asked where a digit is by {term}`attribution`, that is, by computing afterwards which pixels
# mattered for its answer. On a black background the best attribution points as well as phases do, and in front of a photograph
# better. But phases come with the answer, while an attribution takes further runs of the network ({ref}`what-is-where`). And with
# {glue:text}`most` digits, a unit points to its own in only {glue:text}`points_most` of the cases (chance: {glue:text}`chance`).
# Attribution does better there, too. No network was trained with more than two digits.
#
# ## What phases and a gate do for accuracy
#
# The book has three main tasks: to name two digits on a black background, to name two digits in front of a photograph, and to name a
# digit as well as the photograph behind it (CIFAR-MNIST). Accuracy is the share of test scenes in which every required label is
# right. The main networks are:
#
# - *GASPnet (paper)*: the paper's mechanisms alone, as we read them.
# - *GASPnet*: the same with five additions of ours ({ref}`what-we-add`). Answers add up over time, the strength of modulation is
#   learned, each channel has a phase of its own, a small *key network* computes the features (keys) whose agreement couples neurons,
#   and a learned *gate* silences what need not be named.
# - *GASPnet without modulation*: its phases align, but no connection depends on them.
# - *The gate*, or *gate without phases*: a CNN with GASPnet's gate and key network.
# - *The CNN*, the paper's rival: as many parameters as the GASPnet that it is compared with.
# - *The far wider CNN*: as many multiplications as GASPnet.
#
# In training, {term}`masks <mask>` tell both GASPnets and the gate which pixels belong to which object, unless we say that they learn
# from labels alone. The CNNs never see masks.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of test scenes in which every required label is right, over the level of Gaussian noise (mean over seeds, 95 % interval). *GASPnet* has our additions, *GASPnet (paper)* does not; its curve is dashed and uses other test scenes, except for two digits on a photograph. {ref}`two-digits` compares it with CNNs of its own size. *As many parameters* and *as many multiplications* refer to GASPnet.", "name": "fig-overview"}, "image": {"alt": "Five panels, one for each task, of curves of accuracy that fall with noise, one curve for each network."}}
from gasp.analysis.tables import by_condition, dataset_label, table_of

shown = ["gaspnet", "gate", "paper_gaspnet", "cnn_parameters", "cnn_compute"]
drawn = {dataset_label(name): rows[rows["variant"].isin(shown)] for name, rows in results.items()}
figures.accuracy_over_noise(drawn)

# %% tags=["remove-input"]
numbers = {(task, noise): rows for task, table in drawn.items() for noise, rows in over_noise(table, [weak]).items()}
table_of(by_condition(numbers, *shown), "task", "noise", folded="The same in numbers")

# %% [markdown]
# A difference of 0.010 is one percentage point. *No verdict* means that no claim is about a difference, so it was not tested.
#
# - **With the paper's mechanisms alone, phases separate two digits, and no gain over the CNN is certain.** The largest gain over this
#   CNN that a claim is about is {glue:text}`paper_noise` (two digits, averaged over levels of Gaussian noise). It is not significant
#   after correction for multiple comparisons ({ref}`the-rule`). Where the photograph must be named, too, the network is less accurate
#   than the CNN.
# - **With our additions, GASPnet picks digits out of noise and photographs far better than the CNN.** It is ahead by
#   {glue:text}`lead_noise` on average over Gaussian noise on a black background, and by {glue:text}`lead_photo` in front of a
#   photograph without noise. On clean digits on black it is ahead by {glue:text}`lead_digits`. Where the photograph must be named,
#   too, the difference is {glue:text}`lead_item`.
# - **Most of this gain needs no phases.** The gate is ahead of the CNN by {glue:text}`gate_noise` and {glue:text}`gate_photo` under
#   the same two conditions.
# - **Phases add little to a gate.** Compared with GASPnet without {term}`modulation`, they add {glue:text}`phases_photo` in front of
#   a photograph and {glue:text}`phases_digits` on two digits, both without noise (claim C7, which holds on both), and
#   {glue:text}`phases_overlap` where digits in front of a photograph overlap more than in training (no verdict). Compared with the
#   gate, which is simpler because it has neither phases nor the losses on them, they add {glue:text}`gate_gain_photo` and
#   {glue:text}`gate_gain_digits` without noise (no verdict). Where the photograph must be named, too, they make no visible difference
#   ({ref}`the-ablations`; three seeds).
# - **Without a gate, phases probably add more under noise:** on two digits, {glue:text}`no_gate` on average, compared with the CNN of
#   the same layers, which this network is without modulation ({ref}`without-additions`; three seeds, a wide interval, no verdict).
# - **The far wider CNN** is more accurate on clean digits, and far more where the photograph must be named, too. On noisy digits on a
#   black background it falls far behind GASPnet. In front of a photograph it is slightly less accurate without noise, and more
#   accurate under noise.
#
# **GASPnet's lead over the CNN depends on how both are trained and tested:**
#
# - **On labels alone**, most of the lead in front of a photograph stays: {glue:text}`labels_only`. But under Gaussian noise on a
#   black background GASPnet falls behind the CNN ({glue:text}`labels_noise` on average), partly because labels do not teach the gate
#   to close on a background that is black in training ({ref}`on-labels-alone`; five seeds, no verdicts).
# - **After twelve epochs instead of six**, about three fifths of the lead in front of a photograph remain without noise; averaged
#   over noise, no clear lead remains, and what phases add becomes uncertain ({ref}`twice-the-training`). On a black background the
#   mean lead under Gaussian noise stays as large ({ref}`twice-on-black`).
# - **If noise is clipped** to valid pixel values, most of the lead on a black background is gone under weak noise, and a large lead
#   remains under stronger noise ({ref}`a-threshold`; one seed, validation scenes). Elsewhere in this book noise is not clipped.
#
# {ref}`two-digits`, {ref}`the-photographs` and {ref}`the-noise` have the details.

# %% [markdown]
# (what-holds)=
# ## What holds
#
# The paper makes eight claims that a program can check, C1 to C8. We add seven of our own, O1 to O7. Each is judged on each data set
# that it is about: in our implementation it **holds** (✓), **does not hold** (✗), is **unclear** (?), or was **not tested** (○, fewer
# than two seeds). {ref}`the-rule` says how. Verdicts compare networks seed by seed and are corrected for the number of effects, which
# the intervals in figures are not; so a difference can look clear in a figure and be *unclear* here.
#
# The verdict in a cell is about GASPnet with our additions, compared with a CNN of as many parameters, as in the paper, unless the
# claim says otherwise. By these verdicts, GASPnet is more accurate on two digits with and without a photograph (C1), and its accuracy
# grows over {term}`time steps <time step>` on all three main tasks (first part of C3). But **no claim of the paper holds in every
# comparison.** Below each verdict stand the signs of further comparisons, where they were tested:
#
# - *stricter*: compared with a CNN of as many multiplications, the stronger rival except under noise on a black background;
# - *longer*: after twice as many epochs;
# - *paper alone*: about GASPnet (paper). These verdicts are descriptive, because most results of GASPnet (paper) were known when the
#   rule was written.
#
# Two digits on a photograph are our data, and not the paper's. GAttANet and KomplexNet are GASPnet's predecessors
# ({ref}`the-predecessors`).

# %% tags=["remove-input"]
from gasp.analysis import verdicts
from gasp.analysis.designs import OURS, PAPER

verdicts.claims_table(*(verdicts.judge(settings, design) for design in (OURS, PAPER)))

# %% [markdown]
# To read this table:
#
# - C1, C2, C4 and C5 compare GASPnet with the same CNN, so they are not independent findings. C4 asks for accuracy under noise, so a
#   network that is more accurate without noise can pass although it loses more to noise.
# - In front of a photograph, output units point to their digits (O1) although phases do not separate all objects (C6): each digit has
#   a phase, and the photograph, which need not be named, has many ({ref}`the-phases`).
# - With few seeds and many effects, much stays unclear. {ref}`the-effects` shows the differences behind each verdict.

# %% [markdown]
# ## How to use this book
#
# **Read.** {ref}`the-model` gives the equations, each symbol with its name in the code. {ref}`the-methods` says what was trained and
# how claims are judged. Then come the experiments and {ref}`what-it-costs`.
#
# **Rerun.** In a copy of the project, `make book` does everything at a small scale within minutes, on data that come with
# the packages. One chapter at another scale, or with another setting:
#
# ```bash
# # which runs are done?
# gasp experiments status --profile cpu
# # the chapter on two digits, with the real MNIST
# gasp book run 03 --profile cpu
# # the same at a small scale, with another setting
# gasp book run 03 -p epochs=4
# # notebooks to HTML
# gasp book build --profile cpu
# ```
#
# Finished runs are not repeated; a run that was stopped goes on where it was.
#
# **Edit.** A chapter is a script in `book/`, in the py-percent format that Jupyter (with jupytext) and VS Code open as a
# notebook. `gasp book run` executes it with papermill into `runs/PROFILE/`; `gasp book watch` does so whenever you save, and
# shows the page. {ref}`your-own-experiment` goes from a new variant of the model to a new claim in the list above.
#
# **Look up.** {ref}`the-glossary` leads from the paper's symbols to the code's names and back, {ref}`the-api` to the code.
# The end of every chapter says where it comes from and what can be downloaded.
#
# **Use the model.** Three lines give a trained network:
#
# ```python
# import gasp
# model = gasp.load("gaspnet", dataset="multi_mnist", seed=0, device="cpu")
# trajectory = model(images)  # images (B, 1, 32, 32) in [0, 1]
# # trajectory has answers, phases and gates at every time step
# ```
