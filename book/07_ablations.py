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
# (the-ablations)=
# # What each part is for
#
# Does accuracy fall without phase {term}`modulation`, without the {term}`synchrony loss`, or without the spatial
# {term}`neighbourhood` (claim C7)? This chapter removes each of these parts from GASPnet, then most of our additions, then
# {term}`masks <mask>`. Its last part removes the same parts from *GASPnet (paper)*, and replaces that network's phases.
# (*CIFAR-MNIST* is the task in which the photograph must be named, too; *longer training* is twelve epochs instead of six.)

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

verdicts.claims_box(
    settings,
    ["C7"],
    (
        "- **Modulation by phases** is worth accuracy on two digits, with and without a photograph: without it, GASPnet is at "
        "best as accurate as the gate alone (six seeds). On CIFAR-MNIST it makes no visible difference (three seeds).\n"
        "- **Without the synchrony loss or the neighbourhood**, with and without a photograph, no clear loss of accuracy was seen "
        "(three seeds each).\n"
        "- **With two digits in front of a photograph**, GASPnet loses most of its lead over the CNN if it lacks its gate or its "
        "key network, about a quarter if its phases never align, and about a sixth without masks and phases of channels: on "
        "labels alone it is still far ahead of the CNN (three to five seeds, no verdicts).\n"
        "- **Under noise on a black background**, GASPnet is ahead of the CNN only if it was trained with masks. With masks and "
        "without a gate, it keeps about half of that lead on average (three seeds, no verdict).\n"
        "- **In the paper's network**, on two digits, accuracy falls most without the neighbourhood. On CIFAR-MNIST, removing "
        "any of the three parts makes it more accurate."
    ),
    ["multi_mnist", "multi_mnist_longer", "multi_mnist_cifar", "multi_mnist_cifar_longer", "cifar_mnist"],
)

# %% [markdown]
# ## GASPnet without one of its parts
#
# - *No modulation* ($a_F = 0$): phases align, but no connection depends on them. What is left is the gate, trained with masks as in
#   the *gate without phases*, and an answer that does not change over time.
# - *No synchrony loss* ($\lambda = 0$): no loss acts on phases directly. Masks still teach keys and gate.
# - *No neighbourhood* ($N = 1$): nearness plays no part in coupling; every location pulls on every other by keys and queries alone.
#
# {numref}`fig-removed` shows GASPnet's accuracy minus that of each of these networks. Right of the line, what was removed helps.

# %% tags=["remove-cell"]
import itertools

import pandas as pd

from gasp.analysis import figures
from gasp.analysis.comparisons import objects_of
from gasp.analysis.designs import OURS, PAPER
from gasp.analysis.statistics import at_level, last_step, levels_of, mean_over_levels, over_noise, undisturbed
from gasp.analysis.tables import by_variant, dataset_label, table, table_of
from gasp.experiments.variants import VARIANTS

levels = settings.evaluation.corruptions["gaussian"]


def measure(names, variants):
    """The results of each data set, by its label, and its scenes right without noise and under noise, at the last time step."""
    results = {dataset_label(name): gasp.run_all(settings.experiments([name], variants), settings) for name in names}
    return results, {label: over_noise(rows, levels[:2][-1:]) for label, rows in results.items()}


def numbers(right, variants, gaspnet):
    """Accuracy of GASPnet and of each variant that was run, and GASPnet minus the variant, paired by seed, as a folded table."""
    shown = {}
    for scenes, conditions in right.items():
        seeds = conditions["no noise"].groupby("variant")["seed"].agg(set)
        run = [name for name in [gaspnet, *variants] if name in seeds]
        shared = [str(len(seeds[gaspnet] & seeds[name])) for name in run]
        shown[scenes] = by_variant(conditions, run, gaspnet=gaspnet).assign(**{"shared seeds": shared})
    return table_of(pd.concat(shown), "scenes", "network", folded="Accuracies (all seeds) and differences (shared seeds)")


MEASURES = {"order_within": "order within objects", "separation": "separation", "follows": "pointing"}


def phases_of(results, variants):
    """Order and separation in the first layer, units that point to their object, and chance in pointing, at the last step, as
    the rows that a figure draws.
    """
    rows = []
    for scenes, measured in results.items():
        chance = 1 / sum(objects_of("C6", measured["dataset"].iloc[0], settings))
        phases = last_step(measured[measured["evaluation"] == "phases"])
        shown = phases[(phases["level"] == 1) | (phases["metric"] == "follows")]
        for variant, metric in itertools.product(variants, MEASURES):
            values = shown[(shown["variant"] == variant) & (shown["metric"] == metric)]
            rows += [[scenes, VARIANTS[variant].label, MEASURES[metric], *of] for of in values[["seed", "value"]].to_numpy()]
        rows += [[scenes, VARIANTS[name].label, "chance", 0, chance] for name in variants if (shown["variant"] == name).any()]
    return pd.DataFrame(rows, columns=["panel", "condition", "measure", "seed", "value"])


def numbers_of_phases(phases):
    """Means over seeds, as a folded table."""
    means = phases.pivot_table("value", ["panel", "condition"], "measure", sort=False)[list(MEASURES.values())]
    return table_of(means.map("{:.3f}".format), "scenes", "network", folded="Order, separation and pointing in numbers")


# %% tags=["remove-cell"]
ours = [*OURS.ablations, "gate"]
names = ["multi_mnist", "multi_mnist_longer", "multi_mnist_cifar", "multi_mnist_cifar_longer", "cifar_mnist"]
results, right = measure(names, [OURS.gaspnet, *ours])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "What each part is worth: accuracy of GASPnet minus that of the network without the part, and of the gate without phases, at the last time step. Right of the line, the part helps. Means over the seeds that both have, with 95 % intervals; a single seed has none. Accuracy is the share of test scenes with every required label right.", "name": "fig-removed"}, "image": {"alt": "A panel for each kind of scenes, with a row for each network and a mark without and with noise. No modulation and the gate without phases lie right of the line on two digits, most of all in front of a photograph."}}
figures.differences(right, ours, OURS.gaspnet)

# %% tags=["remove-input"]
numbers(right, ours, OURS.gaspnet)

# %% [markdown]
# What happens to phases? The next figure has their order and {term}`separation` in the first layer, and how often the output unit of
# a digit points to it ({ref}`what-is-where`), at the last {term}`time step`. Random phases have a separation of about 0.5. The
# largest possible is 1 for two objects, and 0.75 for three, two digits and the photograph. Chance in pointing is one half with two
# objects, and one third with three. (Pointing is measured on 2,000 scenes here, and on 10,000 in {ref}`what-is-where`.)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Order of phases within objects, separation between them, and pointing of output units: GASPnet, and without one of its parts. Means over seeds with 95 % intervals. The upright line is chance in pointing.", "name": "fig-removed-phases"}, "image": {"alt": "A panel for each kind of scenes, with a row for each network and three marks. Without modulation, order and separation stay and pointing falls."}}
phases = phases_of(results, [OURS.gaspnet, *OURS.ablations])
figures.measures(phases, "share, or measure between 0 and 1")

# %% tags=["remove-input"]
numbers_of_phases(phases)

# %% tags=["remove-cell"]
from myst_nb import glue

from gasp.analysis.statistics import formatted, paired_difference

unmodulated = paired_difference(right[dataset_label("multi_mnist_cifar")]["no noise"], "no_modulation", "gate")
noise = mean_over_levels(levels_of(results[dataset_label("multi_mnist")], "gaussian"))
unsynchronised = paired_difference(noise, OURS.gaspnet, "no_synchrony_loss")
everywhere = paired_difference(right[dataset_label("multi_mnist")]["no noise"], OURS.gaspnet, "no_neighbourhood")
for name, difference in {
    "unmodulated": unmodulated,
    "unsynchronised_noise": unsynchronised,
    "no_neighbourhood": everywhere,
}.items():
    glue(name, formatted(difference, sign=True), display=False)

# %% [markdown]
# **On two digits, phases help only through modulation.** Without it, GASPnet is no better than the gate alone, and in front of a
# photograph less accurate ({glue:text}`unmodulated`). So the losses on phases and keys do not help there by themselves, and part of
# what modulation adds in front of a photograph makes up for what they cost. Modulation adds accuracy in front of a photograph and,
# less, on two digits on a black background; claim C7 holds for it on both. In front of a photograph it still adds about half as much
# after twice the training (three seeds, unclear). It adds more where digits overlap ({ref}`the-generalisation`). On a black
# background, but not in front of a photograph, it also adds more under noise. On CIFAR-MNIST it makes no visible difference (three
# seeds).
#
# **Modulation also makes units point.** Without it, phases in the first layer are as ordered and as far apart as before, but a unit
# takes the phase of all that drives it, and points to its own digit far less often. With it, the inputs in phase with the unit are
# strengthened, and the others weakened, until the unit follows one digit.
#
# **Without the synchrony loss, no clear loss of accuracy was seen**, with and without a photograph (three seeds each; the verdicts
# are unclear). On a black background phases are nearly as ordered and as far apart as with it, and averaged over Gaussian noise
# GASPnet scored slightly higher, though not certainly ({glue:text}`unsynchronised_noise`). The loss on keys asks for nearly the same,
# keys that agree within a digit and differ between digits. But this loss does not explain everything: in front of a photograph phases
# separate without either loss, on labels alone (below). On CIFAR-MNIST they often do not, and in the paper's network they separate
# there only with both the synchrony loss and the neighbourhood.
#
# **Without the neighbourhood, no clear loss was seen either**, with and without a photograph (three seeds each; the verdicts are
# unclear; GASPnet minus this network, on a black background: {glue:text}`no_neighbourhood`). Phases are as ordered and as far apart
# without it, unlike in the paper's network (below).
#
# (without-additions)=
# ## GASPnet without one of our additions
#
# What does our design ({ref}`what-we-add`) rest on? The networks below lack one of our additions or one of our losses, or their
# phases never align. They were trained on two digits in front of a photograph, where GASPnet's lead without noise is largest; three
# of them also on a black background. No claim is about this, so there are no verdicts, and nothing is corrected.
#
# - *No gate*: every location takes part. The losses on phases and keys then treat the photograph as a third object, so they change,
#   too.
# - *Phases never aligned* (K = 0): phases of the first layer stay random, and modulate connections all the same.
# - *No loss on keys*: the synchrony loss and the labels alone train keys and queries.
# - *Keys from the layer itself*: keys, queries and gate are computed from the activity of the first layer, with a field five pixels
#   wide.
# - *Modulation fixed at 1*: the strength of modulation is not learned; every connection has $a_F = 1$, as in the paper.
#
# All have three seeds. {numref}`fig-without-additions` adds the gate without phases and the CNN of as many parameters: a network as
# far right as that CNN has lost the whole lead. (Phases of channels alone were replaced in short validation runs only:
# {ref}`the-second-design`.)

# %% tags=["remove-cell"]
added = ["no_gate", "no_alignment", "no_key_loss", "layer_keys", "fixed_modulation"]
results, right = measure(
    ["multi_mnist_cifar", "multi_mnist"], ["cnn", "cnn_parameters", "gate", "no_modulation", *added, OURS.gaspnet]
)
photo, black = results
clean = {where: conditions["no noise"] for where, conditions in right.items()}

# %% tags=["remove-input"] mystnb={"figure": {"caption": "What each addition is worth: share of test scenes with both digits right, GASPnet minus the network without the addition, at the last time step; and minus the gate and the CNN for comparison. Means over the seeds that both have, with 95 % intervals.", "name": "fig-without-additions"}, "image": {"alt": "Two panels, with a row for each network and a mark without and with noise. In front of a photograph, no gate and keys from the layer itself lie nearly as far right as the CNN."}}
compared = [*added, "gate", "cnn_parameters"]
figures.differences(right, compared, OURS.gaspnet)

# %% tags=["remove-input"]
numbers(right, compared, OURS.gaspnet)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Order, separation and pointing in the same networks. Means over seeds with 95 % intervals. The upright line is chance in pointing.", "name": "fig-without-additions-phases"}, "image": {"alt": "Two panels, with a row for each network and three marks. Without alignment, and in the gate, all three are near those of random phases."}}
phases = phases_of(results, [OURS.gaspnet, *added, "gate"])
figures.measures(phases, "share, or measure between 0 and 1")

# %% tags=["remove-input"]
numbers_of_phases(phases)

# %% tags=["remove-cell"]
from gasp.analysis.statistics import decomposition

steps = levels_of(results[black], "gaussian").groupby(["variant", "seed", "t"])["value"].mean().reset_index()
noisy_photo = mean_over_levels(levels_of(results[photo], "gaussian"))
later = decomposition(steps, "no_gate", "cnn_parameters")["last step − first step"]
glue("no_gate_steps", formatted(later, sign=True), display=False)


def read_outs(where):
    """GASPnet's answers of all sweeps, and those of the last sweep alone."""
    alone = last_step(undisturbed(results[where], "step_scene_accuracy"))
    both = {"all": clean[where], "last": alone}
    return pd.concat([rows[rows["variant"] == OURS.gaspnet].assign(variant=name) for name, rows in both.items()])


for name, (rows, first, second) in {
    "phases_without_gate": (clean[photo], "no_gate", "cnn_parameters"),
    "narrow_keys": (clean[photo], "layer_keys", "cnn_parameters"),
    "gate_black": (clean[black], OURS.gaspnet, "no_gate"),
    "no_gate_noise": (last_step(steps), "no_gate", "cnn_parameters"),
    "no_gate_layers": (last_step(steps), "no_gate", "cnn"),
    "with_gate_noise": (last_step(steps), OURS.gaspnet, "cnn_parameters"),
    "no_gate_overlap": (mean_over_levels(levels_of(results[black], "overlap")), "no_gate", "cnn_parameters"),
    "fixed": (clean[photo], OURS.gaspnet, "fixed_modulation"),
    "fixed_gate": (clean[photo], "fixed_modulation", "gate"),
    "fixed_noise": (noisy_photo, OURS.gaspnet, "fixed_modulation"),
    "keyless": (clean[black], OURS.gaspnet, "no_key_loss"),
    "keyless_noise": (last_step(steps), OURS.gaspnet, "no_key_loss"),
    "keyless_overlap": (mean_over_levels(levels_of(results[black], "overlap")), OURS.gaspnet, "no_key_loss"),
    "unaligned": (clean[photo], "no_alignment", "no_modulation"),
    "unaligned_black": (clean[black], "no_alignment", "no_modulation"),
    "over_last_sweep": (read_outs(photo), "all", "last"),
    "over_last_sweep_black": (read_outs(black), "all", "last"),
}.items():
    glue(name, formatted(paired_difference(rows, first, second), sign=True), display=False)

# %% [markdown]
# **In front of a photograph, the gate and the key network matter most.** Without the gate, the network there is
# {glue:text}`phases_without_gate` above the CNN (over the three seeds that both have) and far below the {term}`gate without phases
# <learned gate>`. A black background is silent without a gate. There the network loses nothing visible on clean digits (GASPnet minus
# no gate: {glue:text}`gate_black`). Averaged over Gaussian noise it keeps part of the lead over the CNN: {glue:text}`no_gate_noise`,
# of which later steps bring {glue:text}`no_gate_steps`. GASPnet has a lead of {glue:text}`with_gate_noise`. On overlapping digits it
# is ahead of the CNN by {glue:text}`no_gate_overlap`, about as much as GASPnet. So where there is no gate on a black background,
# phases seem to do part of its work. (Without gate *and* modulation, GASPnet would be the CNN of the same layers. Averaged over
# Gaussian noise, the network without a gate is {glue:text}`no_gate_layers` above that CNN.)
#
# **Modulation seems to help only if phases align.** When phases stay random, modulation adds nothing visible on clean digits
# (compared with no modulation: {glue:text}`unaligned_black`). In front of a photograph the measured difference is near zero, too, but
# its interval is wide ({glue:text}`unaligned`). Units then point to their digits about as often as those of the gate without phases,
# for which we drew random ones, or a little less often. Where digits overlap, aligned phases are worth as much as modulation
# ({ref}`the-generalisation`). So what modulation adds seems to come from synchrony, and not from sweeping three times with modulated
# connections; three seeds cannot settle it in front of a photograph.
#
# **Without the key network, most of the lead was lost, too.** With keys from the layer itself, keys, queries and gate see a field
# five pixels wide, and the lead over the CNN that is left is {glue:text}`narrow_keys` (three seeds). Phases separate as well as in
# GASPnet, so it is probably the gate that needs the wide field: with a narrow one it cannot tell strokes from a photograph. **Either
# of the two losses, on keys and on phases, can be left out, with and without a photograph.** Without the loss on keys no accuracy is
# visibly lost without noise, and none was without the synchrony loss (above). On a black background GASPnet minus the network without
# the loss on keys is {glue:text}`keyless` without noise, {glue:text}`keyless_noise` on average over Gaussian noise, and
# {glue:text}`keyless_overlap` where digits overlap more than in training, so the loss may help there. **Learning the strength of
# modulation seems to help in front of a photograph without noise.** GASPnet is ahead there of the network whose modulation is fixed
# at 1 by {glue:text}`fixed`, and that network is not clearly ahead of the gate without phases ({glue:text}`fixed_gate`; three seeds).
# On average over Gaussian noise, GASPnet is not visibly ahead of it ({glue:text}`fixed_noise`).
#
# Averaging the logits over time steps needs no run of its own, because every step is trained by its own logits. In front of a
# photograph it adds {glue:text}`over_last_sweep` to the last {term}`sweep`'s answer alone; on a black background, where the whole
# lead over the CNN is small, {glue:text}`over_last_sweep_black`.
#
# (on-labels-alone)=
# ## On labels alone
#
# Does GASPnet need masks? In the variants called *labels only*, of GASPnet and of the gate, no loss uses them. GASPnet then has one
# phase per location, as in the paper: with a phase for each channel, all objects more often fell into one phase in validation runs
# ({ref}`without-masks`). On two digits there are five seeds, with and without a photograph; seeds 3 and 4 were added when the first
# results were known.

# %% tags=["remove-cell"]
labels = ["gate_labels", "gaspnet_labels"]
names = ["multi_mnist_cifar", "multi_mnist", "cifar_mnist"]
results, right = measure(names, ["cnn_parameters", *labels, "gate", OURS.gaspnet])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Trained with masks or on labels alone: share of test scenes with every required label right over the level of Gaussian noise, at the last time step (mean over seeds, 95 % interval).", "name": "fig-labels-noise"}, "image": {"alt": "Three panels of accuracy over noise. Without noise, in front of a photograph, all four networks with a gate are above the CNN; on a black background those trained on labels alone fall with the CNN or faster."}}
figures.accuracy_over_noise(results)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same networks without noise. Dots are seeds; below them their mean with its 95 % interval.", "name": "fig-labels-seeds"}, "image": {"alt": "Three panels: a row of dots for each network. In front of a photograph two of the five gates trained on labels alone are close to the CNN."}}
figures.comparison({where: conditions["no noise"] for where, conditions in right.items()})

# %% tags=["remove-input"]
numbers(right, ["cnn_parameters", "gate_labels", OURS.gaspnet], "gaspnet_labels")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "GASPnet on labels only (seed 0): validation scenes, each with the phases of the first layer at every time step and of the deeper convolutions at the last (colour: phase; brightness: how much a location pulls). Titles: the digits.", "name": "fig-labels-alone"}, "image": {"alt": "Rows of a photograph with two digits, followed by maps in which the digits stand out, each in its own colour."}}
import torch

dataset = "multi_mnist_cifar"
model = gasp.load_example(settings, "gaspnet_labels", dataset)
scenes = settings.datasets[dataset].compose("validation", 4, seed=2)
images, masks, _ = scenes.batch(slice(None))
generator = torch.Generator().manual_seed(0)
with torch.no_grad():
    trajectory = model.run(images, generator, masks)
titles = [f"{a}, {b}" for a, b in scenes.labels[:, :2].tolist()]
figures.phase_maps(images, trajectory, titles)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Order, separation and pointing on labels alone and with masks. Means over seeds with 95 % intervals. The upright line is chance in pointing.", "name": "fig-labels-phases"}, "image": {"alt": "Three panels with two rows of three marks. On labels alone, separation varies widely from seed to seed on CIFAR-MNIST only."}}
phases = phases_of(results, ["gaspnet_labels", OURS.gaspnet])
figures.measures(phases, "share, or measure between 0 and 1")

# %% tags=["remove-input"]
numbers_of_phases(phases)

# %% tags=["remove-cell"]
noisy = {where: mean_over_levels(levels_of(measured, "gaussian")) for where, measured in results.items()}
item = dataset_label("cifar_mnist")
separations = results[item].query(
    "variant == 'gaspnet_labels' and evaluation == 'phases' and metric == 'separation' and level == 1"
)
glue("collapsed", str((last_step(separations)["value"] < 0.1).sum()), display=False)
for name, (rows, first, second) in {
    "labels_over_cnn": (right[photo]["no noise"], "gaspnet_labels", "cnn_parameters"),
    "labels_over_cnn_noise": (noisy[photo], "gaspnet_labels", "cnn_parameters"),
    "labels_over_gate": (right[photo]["no noise"], "gaspnet_labels", "gate_labels"),
    "masks_over_labels": (right[photo]["no noise"], "gaspnet", "gaspnet_labels"),
    "masks_over_labels_noise": (noisy[photo], "gaspnet", "gaspnet_labels"),
    "labels_black": (right[black]["no noise"], "gaspnet_labels", "cnn_parameters"),
    "labels_black_noise": (noisy[black], "gaspnet_labels", "cnn_parameters"),
    "masks_black_noise": (noisy[black], "gaspnet", "cnn_parameters"),
    "masks_of_gate": (noisy[black], "gate", "gate_labels"),
    "labels_item": (right[item]["no noise"], "gaspnet_labels", "cnn_parameters"),
}.items():
    glue(name, formatted(paired_difference(rows, first, second), sign=True), display=False)

# %% [markdown]
# **With two digits in front of a photograph, GASPnet's lead over the CNN does not need masks.** On labels alone, with no more
# supervision than the CNN of as many parameters, GASPnet is ahead of it by {glue:text}`labels_over_cnn` without noise and by
# {glue:text}`labels_over_cnn_noise` on average over Gaussian noise. Masks, together with a phase for each channel, add
# {glue:text}`masks_over_labels` without noise and less under noise ({glue:text}`masks_over_labels_noise` on average). The gate on
# labels alone is ahead of the CNN, too, but behind GASPnet (GASPnet minus gate: {glue:text}`labels_over_gate`), and less reliable:
# two of its five seeds are hardly above the CNN ({numref}`fig-labels-seeds`). GASPnet is far above the CNN in all five. Only
# modulation by phases separates the two: on labels alone, GASPnet without modulation *is* this gate at every step of training, up to
# rounding, because no other loss trains keys or phases. (A test checks this.) In every seed the mean phases of the three objects are
# about as far apart as with masks, with lower order on average, and output units mostly point to their digits, though less often than
# with masks ({numref}`fig-labels-alone`, {numref}`fig-labels-phases`). Nothing told the network where anything is. So for two digits
# in front of a photograph, labels are enough to learn to bind, as far as pointing shows it. (Earlier validation runs, with two time
# steps, were less reliable: {ref}`without-masks`.)
#
# **On a black background, masks matter to accuracy under noise only.** Without noise, GASPnet on labels alone is as accurate as with
# masks, and ahead of the CNN by {glue:text}`labels_black`. Mean phases of the digits lie far apart, with lower order than with masks,
# and units point to their digits almost as often. Under noise it falls behind: its difference from the CNN is
# {glue:text}`labels_black_noise` on average over Gaussian noise, and with masks {glue:text}`masks_black_noise`. The gate without
# phases, too, gains {glue:text}`masks_of_gate` there from masks. How open the gate of GASPnet is suggests why:

# %% tags=["remove-input"]
from gasp.data.corruptions import corrupt
from gasp.learning.losses import coverage


def openness(network, scenes, sigma):
    """The mean gate on the digits and elsewhere, under Gaussian noise."""
    images, masks, _ = scenes.batch(slice(None))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        _, _, gate = network.first_layer(corrupt(images, "gaussian", sigma, generator))
    digits = coverage(masks[:, :2], gate).sum(1).clamp(max=1)
    return [f"{(gate * part).sum() / part.sum():.2f}" for part in (digits, 1 - digits)]


sigma = levels[:2][-1]
rows = []
for dataset in ("multi_mnist_cifar", "multi_mnist"):
    scenes = settings.datasets[dataset].compose("validation", 200, seed=1)
    for name in (OURS.gaspnet, "gaspnet_labels"):
        network = gasp.load_example(settings, name, dataset)
        gates = [share for strength in (0.0, sigma) for share in openness(network, scenes, strength)]
        rows.append([dataset_label(dataset), VARIANTS[name].label, *gates])
noise = f"σ = {sigma:g}"
table(["mean gate on", "network", "digits", "background", f"digits, {noise}", f"background, {noise}"], rows)

# %% [markdown]
# With masks, the gate is nearly closed on any background, and so it is in front of a photograph on labels alone, where the background
# competes with the digits. A black background is silent anyway, so on labels alone it makes no difference in training how open the
# gate is there: it is more open than on digits, and lets noise through. (Seed 0, 200 {term}`validation scenes <validation split>`.)
# That cannot be all: without a gate, every location takes part, and a network that learned its phases from masks is still ahead of
# the CNN ({ref}`without-additions`). Its phases are better ordered than those of labels alone. So on a black background, masks
# (together with a phase for each channel) teach the gate to close and phases to be orderly. On labels alone neither happens to the
# same degree, and that seems to be what noise exposes.
#
# **On CIFAR-MNIST, masks change accuracy little and phases a lot.** With masks the mean phases of item and photograph lie far apart;
# on labels alone they coincide in {glue:text}`collapsed` of the three seeds. GASPnet is less accurate than the CNN either way (labels
# only minus CNN: {glue:text}`labels_item`).
#
# ## The paper's mechanisms alone
#
# The paper's network has no gate, so *no modulation* is the CNN of the same layers. Two more networks change phases instead of
# removing a part. With *ideal phases*, masks set the phases of the first layer. With *random initial phases*, every layer starts at
# random, and only coupling brings order. Right of the line in {numref}`fig-ablations`, a change costs accuracy; left of it, the
# network does better with the change.

# %% tags=["remove-cell"]
replaced = [*PAPER.ablations, "paper_random_phases", "paper_ideal_phases"]
variants = [PAPER.gaspnet, *replaced]
results, right = measure(["multi_mnist", "cifar_mnist"], variants)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The paper's network: accuracy of GASPnet (paper) minus that of each changed network, at the last time step. Right of the line, the change costs accuracy. Means over seeds with 95 % intervals.", "name": "fig-ablations"}, "image": {"alt": "Two panels, with a row for each network and a mark without and with noise. On two digits all lie right of the line; on CIFAR-MNIST all but random initial phases lie left of it."}}
figures.differences(right, replaced, PAPER.gaspnet)

# %% tags=["remove-input"]
numbers(right, replaced, PAPER.gaspnet)

# %% tags=["remove-cell"]
clean = right[dataset_label("cifar_mnist")]["no noise"]
glue("ideal", formatted(paired_difference(clean, "paper_ideal_phases", "paper_no_modulation"), sign=True), display=False)
digits = right[dataset_label("multi_mnist")]["no noise"]
worse = paired_difference(digits, "paper_no_neighbourhood", "paper_no_modulation")
glue("worse_than_none", formatted(worse, sign=True), display=False)

# %% [markdown]
# Without modulation, this network *is* the CNN of the same layers, at every step of its training, up to rounding, because the
# synchrony loss does not reach the features. Without the synchrony loss, keys, queries and phases learn from classification alone.
#
# **On two digits**, without noise, removing a part costs little. Removing the neighbourhood costs most, more than removing
# modulation: without it phases do not separate at all, and the network is less accurate than the CNN that ignores phases
# ({glue:text}`worse_than_none`). So modulation by one common phase seems to be worse than none. Under noise the measured losses are
# larger, with wide intervals. Without noise, ideal phases are no better than those that the network finds for itself, so separation
# does not limit accuracy there. Phases that start at random in every layer cost more accuracy than any removal, probably because
# deeper layers then do not take their phases from their input.
#
# **On CIFAR-MNIST**, removing any of the three parts *raises* accuracy, to about that of the CNN of the same layers. Without
# modulation no phase is used. Without one of the other two, the mean phases of the objects coincide ({numref}`fig-ablations-phases`),
# so modulation can hardly tell the objects apart. None of these networks is modulated by phases that differ between objects, which
# suggests that such modulation costs this network accuracy when the photograph must be named. With ideal phases the network was more
# accurate than with its own, and still less accurate than without modulation ({glue:text}`ideal`). But these phases are ideal in the
# first layer only: output units do not follow them, and point to their object no more often than by chance (see below).
#
# ### What the changes do to phases
#
# The same measures as above. On CIFAR-MNIST even ideal phases have a low order, because many locations see both the digit and the
# photograph, and take the phase of the larger share:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Order, separation and pointing in the paper's network and its changes. Means over seeds with 95 % intervals. The upright line is chance in pointing.", "name": "fig-ablations-phases"}, "image": {"alt": "Two panels, with a row for each network and three marks. Without neighbourhood, separation is zero on both; without synchrony loss, on CIFAR-MNIST only."}}
phases = phases_of(results, variants)
figures.measures(phases, "share, or measure between 0 and 1")

# %% tags=["remove-input"]
numbers_of_phases(phases)

# %% [markdown]
# ### Does separation pay?
#
# If phases help because they tell objects apart, networks whose phases lie further apart should be more accurate. Each point is one
# trained network. The evidence is mixed. On two digits, accuracy and separation are correlated over all networks, partly because
# kinds of networks differ (exercise 2 looks within them). Networks without neighbourhood do not separate at all and are below GASPnet
# (paper); but networks whose phases start at random separate almost fully and are the least accurate. On CIFAR-MNIST, the most
# accurate networks are some whose phases do not separate, or are not used. But most networks whose phases start at random do not
# separate there either, and are far less accurate.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The paper's network, no noise: share of scenes right against the separation of the objects' phases in the first layer, at the last time step. A point for each network; without modulation, the network is a CNN.", "name": "fig-separation"}, "image": {"alt": "Two panels with points of six kinds of networks; accuracy over separation of phases."}}
figures.accuracy_over_separation(results)

# %% [markdown]
# ## What follows
#
# - After six epochs, modulation by phases makes GASPnet more accurate on two digits, with and without a photograph, than the same
#   network without it, which saw the same masks. After twelve, this is unclear in front of a photograph, and not tested on a black
#   background. Removing the synchrony loss or the neighbourhood made no clear difference to accuracy on either (three seeds each).
# - With two digits in front of a photograph, GASPnet needs the key network and the gate. Without aligned phases it loses about a
#   quarter of its lead over the CNN, without masks and phases of channels about a sixth, and without one of the losses on keys and
#   phases nothing visible (three to five seeds). Under Gaussian noise on a black background it is ahead only with masks.
# - With the paper's mechanisms alone, on two digits without noise, removing one of the three parts costs little, the neighbourhood
#   most. GASPnet (paper) is hardly better there than the CNN that it becomes without modulation.
# - Where the photograph must be named, the paper's network does better with no modulation than with its own phases, and better than
#   with ideal ones in its first layer. But *ideal* phases give one location a single phase where it sees both objects, and output
#   units do not follow them. So this does not show what correct phases in every layer would bring.

# %% [markdown]
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. A CNN in disguise.** Show that without modulation an untrained GASPnet (paper) gives the answers of the CNN of the same layers.

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
digits = settings.datasets["multi_mnist"]
images, _, _ = digits.compose("validation", 8, seed=1).batch(slice(None))
logits = []
for name in ("cnn", "paper_no_modulation"):
    model = settings.experiment("multi_mnist", name, seed=0).build()
    with torch.no_grad():
        run = model.eval().run(images, torch.Generator().manual_seed(0))
    logits.append(run.logits)
cnn, gaspnet = logits
print("steps:", len(cnn), "and", len(gaspnet))
print(f"largest difference: {(gaspnet - cnn).abs().max():.1e}")
# At every step. Variants of one seed start from the same weights.

# %% [markdown]
# **2. Within a kind of network.** In {numref}`fig-separation`, is accuracy related to separation among the networks of one kind, or
# only between kinds? (*No modulation* is the negative control: there, phases cannot affect accuracy.)

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
shown = results[dataset_label("multi_mnist")]
accuracy = last_step(undisturbed(shown))
apart = at_level(levels_of(shown, "phases", "separation"), 1)
index = ["variant", "seed"]
both = pd.concat(
    {
        "accuracy": accuracy.set_index(index)["value"],
        "separation": last_step(apart).set_index(index)["value"],
    },
    axis=1,
).dropna()
print(f"all networks: {both.corr('spearman').iloc[0, 1]:+.2f}")
for name, rows in both.groupby("variant"):
    print(f"{name}: {rows.corr('spearman').iloc[0, 1]:+.2f}")
# Five networks of a kind are few: even chance gives large values.
# Ideal phases are all equally far apart, so there is nothing to rank.
