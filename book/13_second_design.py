# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-second-design)=
# # A second design, for photographs

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% [markdown]
# ```{admonition} In short
# :class: tip
# With five additions of ours, GASPnet names both of two digits on a photograph in {glue:text}`photo_gated` of the scenes; a CNN
# of as many parameters does so in {glue:text}`photo_cnn`. Trained on labels alone, without any mask, it still reaches
# {glue:text}`photo_labels`. Most of the gain comes from a learned gate, which silences the photograph. Without any phase, the gate
# reaches {glue:text}`photo_gate` with masks and {glue:text}`photo_gate_labels` without. Where the photograph must be named too, the CNN
# stays ahead. All numbers on this page are from validation scenes, with three seeds at full length and one seed elsewhere. They
# helped to choose the design, so they do not test it.
# ```
#
# ## What goes wrong on photographs
#
# The design of the other chapters loses to the CNN on photographs ({ref}`the-photographs`). It answers from its last sweep alone. One
# strength of modulation serves all neurons. Its keys see a field of five pixels. And a photograph is active everywhere, so its
# locations pull on phases and drive the next layer even where nothing must be named. {ref}`what-we-add` gives the equations of what
# we changed. This chapter measures what each change is worth.

# %% [markdown]
# ## Two digits on a photograph
#
# A new data set asks for selection without asking for the photograph: two digits are added to an image of CIFAR-10, as in the code of
# KomplexNet {cite:p}`komplexnet`, and only the digits must be named.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Two digits on a photograph, and the masks of both digits and the photograph.", "name": "fig-photo-digits"}, "image": {"alt": "A row of photographs with two handwritten digits on each, and below each the digits and what is behind them in three colours."}}
from gasp.analysis import figures

photographs = settings.datasets["multi_mnist_cifar"]
figures.scenes(photographs.compose("validation", 5, seed=1))

# %% tags=["remove-cell"]
import pandas as pd

from gasp.analysis.statistics import at_level, last_step, levels_of, undisturbed
from gasp.analysis.tables import by_run, dataset_label, table_of

trained = settings.examples


def study(name):
    """A row for each data set and run: what is answered at first, at last and by the last step alone; noise; phases."""
    results = trained.studied(name)
    tables = {}
    for dataset, rows in results.groupby("dataset", sort=False):
        alone = last_step(undisturbed(rows, "step_scene_accuracy"))
        noise = {f"σ = {level:g}": last_step(at_level(levels_of(rows, "gaussian"), level)) for level in (0.1, 0.2)}
        tables[dataset_label(dataset)] = by_run(rows, **{"last step alone": alone}, **noise)
    return pd.concat(tables)


# %% [markdown]
# ### At full length
#
# Six epochs, means of three seeds. Every run is one row. Columns *t = 0* and *last t* give the share of scenes with every label right by
# the first and by the last answer. Order and separation describe the phases of the first layer. Then follow the share by the last step
# alone, and that by the last answer under Gaussian noise.

# %% tags=["remove-input"]
photo = study("full_length_photo_digits")
table_of(photo.droplevel(0), "run")

# %% tags=["remove-cell"]
from myst_nb import glue

for name, run in {
    "photo_gated": "gaspnet_gated",
    "photo_labels": "gaspnet_labels",
    "photo_gate": "gate",
    "photo_gate_labels": "gate_labels",
    "photo_cnn": "cnn_gated_parameters",
}.items():
    answers = photo.loc[(dataset_label("multi_mnist_cifar"), run)]
    glue(name, answers["last t"] or answers["t = 0"], display=False)

# %% tags=["remove-cell"]
for name, (study_name, run) in {
    "points_two": ("what_is_where_gated", "gaspnet_gated"),
    "points_three": ("three_steps", "gaspnet_gated, steps = 3"),
}.items():
    results = trained.studied(study_name)
    measured = results[(results["dataset"] == "multi_mnist") & (results["variant"] == run)]
    glue(name, f"{last_step(levels_of(measured, 'clean', 'pointing'))['value'].mean():.3f}", display=False)

# %% [markdown]
# With masks, GASPnet names both digits in {glue:text}`photo_gated` of the scenes and the gate alone in {glue:text}`photo_gate`. So phases
# add a little to a gate that masks have trained. On labels alone it is {glue:text}`photo_labels` against {glue:text}`photo_gate_labels`,
# but there seeds differ more than that ({ref}`without-masks`). The CNN of as many parameters reaches {glue:text}`photo_cnn`.
#
# The same two trainings on the other data sets:

# %% tags=["remove-input"]
others = study("full_length")
table_of(others, "scenes", "run")

# %% [markdown]
# A third time step, with seed 0 alone so far, answers better by the last step than by the first, on both kinds of two digits:

# %% tags=["remove-input"]
table_of(study("three_steps"), "scenes", "run")

# %% [markdown]
# With three steps, the read-out also points to its digit almost always: in {glue:text}`points_three` of the cases, and with two steps in
# {glue:text}`points_two` (two digits, no noise; {ref}`what-is-where` explains pointing). The third step nearly doubles the
# time of a training step, so whether it is worth it depends on the budget ({ref}`what-it-costs`).
#
# ## What a gate does
#
# On a photograph the gate opens at the digits and closes elsewhere. What is left is a scene that resembles two digits on an
# empty background, and phases tell the two apart.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Validation scenes, each with the phases of the first layer at both time steps and of the deeper convolutions at the last (colour: phase; brightness: how much a location pulls). Titles: the digits, then the answer.", "name": "fig-gated-phases"}, "image": {"alt": "Rows of a photograph with two digits, followed by maps that are dark but for the digits, each digit in its own colour."}}
import torch

from gasp.experiments.execution import load_run

runs = trained.study("full_length_photo_digits")
run = next(run for run in runs if run.variant == "gaspnet_gated")
gated = load_run(run, trained.store)
scenes = photographs.compose("validation", 4, seed=2)
images, masks, targets = scenes.batch(slice(None))
generator = torch.Generator().manual_seed(0)
with torch.no_grad():
    trajectory = gated.run(images, generator, masks)
answers = trajectory.answers[-1, :, 0].topk(2).indices.sort().values
captions = [
    f"{a}, {b} → {c}, {d}"
    for (a, b), (c, d) in zip(
        scenes.labels[:, :2].sort().values.tolist(),
        answers.tolist(),
        strict=True,
    )
]
figures.phase_maps(images, trajectory, captions)

# %% [markdown]
# ## Where modulation is kept
#
# The learned $a_F$ starts from 1 and falls in every layer:

# %% tags=["remove-input"]
from gasp.analysis.tables import table

names = ["convolution 2", "convolution 3", "dense layer", "read-out"]
strengths = [f"{layer.mean():.2f} ± {layer.std():.2f}" for layer in gated.modulations]
table(["layer", "$a_F$, mean ± standard deviation"], list(zip(names, strengths, strict=True)))

# %% [markdown]
# ## What each part is worth
#
# The upper rows change the second design in one point each. The lower rows are controls: phases that masks tell to every convolution,
# the gate without phases, and the CNN. All were trained for three epochs with seed 0. The cells are shares of validation scenes with
# every label right, without noise and under Gaussian noise of σ = 0.1. An empty cell was not run.

# %% tags=["remove-cell"]
CHANGES = {
    "gaspnet_gated": "the second design",
    "gaspnet_gated, drive = amplitude": "one phase per location",
    "gaspnet_gated, drive = gate": "… the mean phase weighted by gates",
    "gaspnet_gated, drive = area": "… the plain mean phase",
    "no_alignment": "phases never aligned (K = 0)",
    "gaspnet_gated, iterations = 10": "twice as many iterations (K = 10)",
    "gaspnet_gated, readout = mean": "answers: plain mean over steps",
    "gaspnet_gated, steps = 3": "three time steps",
    "gaspnet_gated, learned_modulation = False": "modulation fixed at $a_F$ = 1",
    "gaspnet_gated, key_weight = 0.25": "a quarter of the weight of the loss on keys",
    "gaspnet_gated, key_weight = 4.0": "four times the weight of the loss on keys",
    "gaspnet_gated, key_size = 4, key_channels = 8": "half the key network (8 channels, d = 4)",
    "gaspnet_gated, key_separable = True": "separable key network",
    "gaspnet_gated, key_separable = True, key_channels = 32": "separable, 32 channels",
    "gaspnet_gated, learning_rate = 0.005": "half the learning rate",
    "gaspnet_gated, learning_rate = 0.02": "twice the learning rate",
    "told_phases": "no gate, phases told in every convolution",
    "gate": "the gate without phases",
    "cnn_gated_parameters": "CNN, as many parameters",
    "cnn_gated_parameters, learning_rate = 0.005": "… half the learning rate",
    "cnn_gated_parameters, learning_rate = 0.02": "… twice the learning rate",
}
SHORT = [
    "learning_rate",
    "drives",
    "on_photographs",
    "controls",
    "readout",
    "time",
    "iterations",
    "key_network",
    "masks_or_labels",
]


def of_studies(names):
    """Short runs of several studies: mean of the last answer, a column for each data set and level of noise."""
    results = trained.studied(*names)
    columns = {}
    for dataset in ("multi_mnist", "cifar_mnist", "multi_mnist_cifar"):
        label = dataset_label(dataset)
        rows = results[results["dataset"] == dataset]
        levels = {label: undisturbed(rows), "σ = 0.1": at_level(levels_of(rows, "gaussian"), 0.1)}
        for level, values in levels.items():
            columns[f"{label}, {level}" if level != label else label] = last_step(values).groupby("variant")["value"].mean()
    return pd.DataFrame(columns)


# %% tags=["remove-input"]
changes = of_studies(SHORT).reindex(CHANGES).rename(CHANGES).dropna(how="all")
table_of(changes.map(lambda share: "" if pd.isna(share) else f"{share:.3f}"), "what is changed")

# %% [markdown]
# Without alignment, accuracy falls on both data sets on which this was tried. With one phase per location instead of one per channel, it
# falls on photographs and, on two digits, under noise. A third time step helps by about 0.01 where two digits are named and harms by
# about as much on an item on a photograph, at nearly twice the cost. Half the key network is
# enough on an empty background and too little on photographs. Neither network gains on all data sets from another learning rate,
# so both keep the same one. With a single seed, differences of 0.01 may be chance.

# %% [markdown]
# ## Noise: what gives way first
#
# Under noise, accuracy of the first design could be lost in the keys, in the gates or in the activity itself. To find out, we replace
# factors of the coupling by those of the same scenes without noise, and leave all else as it is (activation patching,
# {py:func}`gasp.analysis.alignment.patched_run`). Two digits, Gaussian noise of σ = 0.1, first design, last time step:

# %% tags=["remove-input"]
from gasp.analysis.alignment import FACTORS, patched_run
from gasp.data.corruptions import corrupt
from gasp.learning.evaluation import separation

first_design = gasp.load_example(settings, "gaspnet", "multi_mnist")
clean, masks, targets = settings.datasets["multi_mnist"].compose("validation", 1000, seed=1).batch(slice(None))
noisy = corrupt(clean, "gaussian", 0.1, torch.Generator().manual_seed(0))
rows = []
for factors in ([], *([factor] for factor in FACTORS), list(FACTORS)):
    patched = patched_run(first_design, noisy, clean, factors)
    both = targets[:, 0].gather(1, patched.answers[-1, :, 0].topk(2).indices).all(1).float().mean()
    apart = separation(patched.phases[0][-1:], masks)["separation"].mean()
    rows.append([" and ".join(factors) or "nothing", f"{both:.3f}", f"{apart:.2f}"])
table(["taken from the scene without noise", "both digits right", "separation, layer 1"], rows)

# %% [markdown]
# Keys give way first: with clean keys and queries most of what coupling can restore comes back. Gates come second. The rest is lost
# in the activity, which no coupling repairs. The second design, whose keys and gate see more, keeps far more of its accuracy under noise
# than the CNN (tables above), although it never trained on noise.
#
# (without-masks)=
# ## Without masks
#
# On labels alone, nothing tells keys and gate what an object is, and what they learn differs from seed to seed. With a phase for each
# channel, both digits take nearly the same phase. With one phase per location they come apart in two of three seeds. In these two,
# GASPnet's answers improve from t = 0 to the last step. In the third all phases are alike, and time brings nothing. One of the three gates
# without phases learns much less than the others.

# %% tags=["remove-input"]
labels = trained.studied("full_length_photo_digits", "without_masks")
labels = labels[labels["variant"].str.contains("labels")]
apart = labels[(labels["evaluation"] == "phases") & (labels["metric"] == "separation") & (labels["level"] == 1)]
answered = undisturbed(labels)
columns = {
    "t = 0": answered[answered["t"] == 0],
    "last t": last_step(answered),
    "σ = 0.1, last t": last_step(at_level(levels_of(labels, "gaussian"), 0.1)),
    "separation": last_step(apart),
}
by_seed = pd.DataFrame({name: rows.set_index(["variant", "seed"])["value"] for name, rows in columns.items()})
by_seed.index = by_seed.index.set_levels(by_seed.index.levels[1].map(str), level=1)
table_of(by_seed.map(lambda value: f"{value:.3f}"), "two digits on a photograph, six epochs", "seed")

# %% [markdown]
# After three epochs, seed 0:

# %% tags=["remove-input"]
table_of(study("masks_or_labels").droplevel(0), "three epochs")

# %% [markdown]
# ## What is still open
#
# Most of these runs have one seed and are half as long as those of the other chapters. On an item on a photograph the second design is
# still behind the CNN of as many parameters: it names the item better and the photograph less well. Before it replaces the first
# design, it must be tested with more seeds, on scenes that nobody has used.
