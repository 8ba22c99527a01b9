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
# (the-generalisation)=
# # Other scenes than in training
#
# How does a network do on scenes that it was not trained for: smaller digits, more of them, digits that overlap although those in
# training did not (claim O2, ours), and smaller items on photographs (claim C5)?

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
    ["O2", "C5"],
    (
        "- **Overlapping digits**, which none of these networks was trained on: later steps add accuracy, on a black background "
        "and in front of a photograph (the whole of claim O2 holds on a black background only). After six epochs GASPnet also "
        "leads networks that saw the same masks and use no phases, which suggests that phases help there (six and ten seeds, "
        "not corrected).\n"
        "- **Without masks**, GASPnet is ahead of a CNN of as many parameters and of a gate on smaller, on more and on "
        "overlapping digits (five seeds, not corrected).\n"
        "- **A CNN of as many multiplications** is more accurate than GASPnet with masks or without them on a black background, "
        "and than GASPnet without masks in front of a photograph.\n"
        "- **Behind smaller items**, GASPnet (paper) names the photograph less often than the CNN does, as behind items of any "
        "size."
    ),
)

# %% tags=["remove-cell"]
from gasp.analysis import figures

results = gasp.run_all(
    settings.experiments(["multi_mnist"], ["cnn", "cnn_parameters", "cnn_compute", "gate", "gaspnet"]), settings
)

# %% [markdown]
# ## Smaller, more and overlapping digits
#
# The networks were trained with digits at scale 1, with two digits, and without overlap. The further a point is from there, the more
# its scenes differ from those of training.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Digits on a black background: share of test scenes with every digit right, over their scale, their number (more digits are drawn smaller, so that they take as much room as two) and their allowed overlap, at the last time step (mean over seeds, 95 % interval).", "name": "fig-more"}, "image": {"alt": "Three panels of accuracy: over the scale, the number and the overlap of digits."}}
dataset = settings.datasets["multi_mnist"]
kinds = [kind for kind in ("scale", "objects", "overlap") if (results["evaluation"] == kind).any()]
undisturbed_at = {kind: dataset.undisturbed(kind) for kind in kinds}
figures.accuracy_over(results[results["variant"] != "cnn"], undisturbed_at)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Two digits: GASPnet minus each network, in the share of scenes with every digit right, averaged over smaller scales, over three and four digits, and over overlap (mean over seeds, 95 % interval).", "name": "fig-more-differences"}, "image": {"alt": "A row for each network with three marks. The CNN of as many multiplications lies left of the line, the others on it or right of it."}}
from gasp.analysis.statistics import levels_of, mean_over_levels
from gasp.analysis.tables import by_condition, dataset_label, table_of

rivals = [name for name in ("cnn_parameters", "cnn_compute") if name in set(results["variant"])]
MEANS = {"scale": "smaller digits", "objects": "more digits", "overlap": "overlapping digits"}
means = {MEANS[kind]: mean_over_levels(levels_of(results, kind)) for kind in kinds}
figures.differences({dataset_label("multi_mnist"): means}, [*rivals, "gate"])

# %% tags=["remove-input"]
table_of(by_condition(means, *(("gaspnet", other) for other in (*rivals, "gate"))), "mean over", folded="In numbers")

# %% [markdown]
# For n digits, the answer is the n classes with the largest logits, so every network is told n. On overlap and on smaller digits
# GASPnet is ahead of the CNN of as many parameters. The CNN of as many multiplications is ahead of GASPnet under all three changes,
# most with more digits. On overlap, GASPnet's lead over the {term}`gate without phases <learned gate>` is as large as over the CNN of
# as many parameters: there the gate alone gains nothing. With more digits, no lead over either is clear. The mean over three and four
# digits may hide a difference between the two:

# %% tags=["remove-input"]
import pandas as pd

from gasp.analysis.statistics import at_level, formatted, mean_interval, undisturbed
from gasp.analysis.tables import parts_of_difference


def by_level(measured, evaluation, label):
    """The results at each level of an evaluation, by a label made from the level."""
    rows = levels_of(measured, evaluation)
    return {label(level): at_level(rows, level) for level in sorted(rows["level"].unique())}


table_of(parts_of_difference(by_level(results, "objects", "{:g} digits".format)), "difference")

# %% [markdown]
# As in {ref}`the-two-parts`, the difference from the CNN of the same layers has two parts. With three digits the last step scored
# lower than the first, with four higher, but both intervals include zero. (More digits are also drawn smaller, so number and size
# cannot be told apart here.)
#
# ### What later steps bring on overlap
#
# No digits overlapped in training. Where they overlap in the test, position separates them less well, so this is where phases should
# help (claim O2).


# %% tags=["remove-cell"]
def over_overlap(measured):
    """The results without overlap and for each allowed overlap."""
    return {"no overlap": undisturbed(measured)} | by_level(
        measured, "overlap", lambda share: f"overlap up to {100 * share:g} %"
    )


def in_numbers(measured, *networks):
    """The two parts at each overlap, and which share of the first step's errors later steps remove."""
    steps = over_overlap(measured)
    shown = parts_of_difference(steps, *networks)
    removed = {}
    for label, values in steps.items():
        of_seeds = values[values["variant"] == (networks or ["gaspnet"])[0]].set_index(["t", "seed"])["value"]
        first, last = of_seeds[0], of_seeds[of_seeds.index.get_level_values("t").max()]
        removed[label] = formatted(mean_interval((last - first) / (1 - first)))
    return pd.concat([shown, pd.DataFrame(removed, ["share of first-step errors removed"])])


paper = ["paper_gaspnet", "paper_no_modulation"]
photo_digits = gasp.run_all(settings.experiments(["multi_mnist_cifar"], ["cnn", "gaspnet"]), settings)
alone = gasp.run_all(settings.experiments(["multi_mnist"], paper), settings)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Two digits: what GASPnet gains over the CNN of the same layers at its first step, and what later steps add, without overlap and with it (mean over seeds, 95 % interval).", "name": "fig-overlap"}, "image": {"alt": "Two horizontal bars for each overlap: a short one left of zero for the first step, and one right of zero for later steps that grows with overlap."}}
figures.parts_of_gain(over_overlap(results))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same in front of a photograph.", "name": "fig-overlap-photo"}, "image": {"alt": "Two horizontal bars for each overlap, right of zero: that of the first step shrinks with overlap, that of later steps grows."}}
figures.parts_of_gain(over_overlap(photo_digits))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same with the paper's mechanisms alone, on a black background (another draw of test scenes).", "name": "fig-overlap-paper"}, "image": {"alt": "Two horizontal bars for each overlap; those of later steps grow with overlap."}}
figures.parts_of_gain(over_overlap(alone), *paper)

# %% tags=["remove-input"]
numbers = {
    dataset_label("multi_mnist"): in_numbers(results),
    dataset_label("multi_mnist_cifar"): in_numbers(photo_digits),
    "two digits, GASPnet (paper)": in_numbers(alone, *paper),
}
table_of(pd.concat(numbers), "scenes", "difference", folded="All three figures in numbers, and the share of errors removed")

# %% [markdown]
# On a black background, where digits overlap, the first step of GASPnet scored slightly lower than the CNN (the interval excludes
# zero at up to 25 % only); that of GASPnet (paper) does not clearly differ from the CNN. Later steps add more with our additions, and
# more with more overlap. But there is also more to gain: with our additions, the share of first-step errors that later steps remove
# shows no trend over overlap. (In GASPnet (paper) it is too uncertain to tell.)
#
# In front of a photograph, too, later steps add more where digits overlap; the share of errors that they remove is lower with the
# larger overlap. There, however, the first step's measured advantage over the CNN is larger than the gain from later steps, so the
# second half of claim O2 is not shown: its effect is below zero, and unclear after correction.
#
# Claim O2 compares steps of one network, and that favours phases: if training with phases lowers the first step, the gain of later
# steps grows, although nothing is won. The comparison that counts is with networks that saw the same {term}`masks <mask>` in training
# and use no phases, the gate alone and GASPnet without {term}`modulation`. A third network is GASPnet whose phases never align
# ({ref}`without-additions`; three seeds):

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Overlapping digits: share of test scenes with both digits right, averaged over the levels of overlap, GASPnet minus networks that saw the same masks, on several data sets (mean over the seeds that both have, 95 % interval).", "name": "fig-overlap-controls"}, "image": {"alt": "Three rows with up to four marks each, nearly all right of the line."}}
controls = ["gaspnet", "gate", "no_modulation", "no_alignment"]
means = {}
for name in ("multi_mnist", "multi_mnist_longer", "multi_mnist_cifar", "multi_mnist_cifar_longer"):
    measured = gasp.run_all(settings.experiments([name], controls), settings)
    means[dataset_label(name)] = mean_over_levels(levels_of(measured, "overlap"))
figures.differences({"overlapping digits": means}, controls[1:])

# %% tags=["remove-input"]
table_of(by_condition(means, *(("gaspnet", other) for other in controls[1:])), "overlapping digits", folded="In numbers")

# %% [markdown]
# **Where digits overlap, phases seem to help.** GASPnet is ahead of both controls on a black background, in front of a photograph,
# and there also after twice the training. These six intervals exclude zero; they rest on three to ten seeds and are not corrected. On
# a black background, after twice the training, the lead is smaller and not certain. It seems to take phases that align: over GASPnet
# whose phases never do, the lead is as large as over GASPnet without modulation. After six epochs, its lead over both controls on a
# black background is several times as large as without overlap ({ref}`the-ablations`).
#
# (other-scenes-without-masks)=
# ## Without masks
#
# Is GASPnet also ahead when no network sees masks? The figure compares GASPnet on labels alone ({ref}`on-labels-alone`) with the gate
# on labels alone and with the CNN: smaller, more and overlapping digits, each averaged over its levels. The folded table takes the
# lead over the gate apart: what is there at the first step, and what later steps add.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "On other scenes than in training: GASPnet on labels alone minus each network, averaged over smaller scales, over three and four digits, and over overlap (mean over the seeds that both have, 95 % interval).", "name": "fig-labels-other-scenes"}, "image": {"alt": "Two panels, with a row for each network and three marks. The CNN of as many multiplications lies left of the line, the gate and the CNN of as many parameters right of it."}}
from gasp.experiments.variants import VARIANTS

networks = ["gaspnet_labels", "gate_labels", "cnn_parameters", "cnn_compute"]
steps, means = {}, {}
for name in ("multi_mnist", "multi_mnist_cifar"):
    measured = gasp.run_all(settings.experiments([name], networks), settings)
    for kind in kinds:
        rows = levels_of(measured, kind).groupby(["variant", "seed", "t"])["value"].mean().reset_index()
        steps[dataset_label(name), MEANS[kind]] = rows
        means[dataset_label(name), MEANS[kind]] = mean_over_levels(levels_of(measured, kind))


def by_scenes(conditions):
    """The same, first by scenes and then by condition, as a figure draws them."""
    nested = {}
    for (scenes, condition), values in conditions.items():
        nested.setdefault(scenes, {})[condition] = values
    return nested


figures.differences(by_scenes(means), networks[1:], "gaspnet_labels")

# %% tags=["remove-input"]
parts = parts_of_difference(steps, "gaspnet_labels", "gate_labels").T
parts.columns = [column.replace("CNN, same layers", "gate, labels only") for column in parts]
over_cnns = by_condition(means, *(("gaspnet_labels", cnn) for cnn in networks[2:]))
over_cnns.columns = [f"last step − {VARIANTS[cnn].label}" for cnn in networks[2:]]
table_of(over_cnns.join(parts), "scenes", "mean over", folded="In numbers, with the two parts of the lead over the gate")

# %% [markdown]
# **GASPnet is ahead of the gate and of the CNN of as many parameters on every change**, with and without a photograph. All six
# intervals of each comparison exclude zero; they rest on five seeds and are not corrected. All three networks learned from the same
# labels. The CNN of as many multiplications, which did, too, is ahead of all of them. In front of a photograph, more than half of the
# measured lead over the gate comes with later steps; how much is uncertain, because two of the five gates hardly learned more than
# the CNN ({ref}`on-labels-alone`). On a black background they add little, if anything: most of the lead is there at the first step,
# before any phase acts, so it comes from weights that were trained over several steps and with phases. We did not separate the two.
# (As above, the gain from the first step to the last favours phases if training with them lowers the first step.)
#
# ## Smaller items on photographs
#
# One head names a digit or a piece of clothing, another the photograph behind it. First GASPnet (paper), with CNNs of its own size:

# %% tags=["remove-cell"]
compared = ["paper_cnn_parameters", "paper_cnn_compute", "paper_gaspnet"]
names = ["cifar_mnist", *(["cifar_fashion"] if settings.experiments(["cifar_fashion"]) else [])]
behind = {name: gasp.run_all(settings.experiments([name], compared), settings) for name in names}

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Digit on a photograph: accuracy of both heads over the scale of the digit, at the last time step; 1 is the size in training (mean over seeds, 95 % interval).", "name": "fig-scale"}, "image": {"alt": "Two panels of accuracy over scale: the digit's falls with smaller items, the photograph's hardly changes."}}
from gasp.analysis.statistics import head_metrics

photographs = settings.datasets["cifar_mnist"]
heads = head_metrics(photographs.heads)
right = {heads["objects"]: "item", heads["background"]: "photograph"}
figures.accuracy_over(behind["cifar_mnist"], {"scale": photographs.undisturbed("scale")}, right)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Smaller items, averaged over all scales below 1: share of items and of photographs named, GASPnet (paper) minus CNNs of its own size (mean over seeds, 95 % interval).", "name": "fig-scale-differences"}, "image": {"alt": "A panel for each data set, with a row for each CNN and a mark for the item and for the photograph; all lie left of the line, those for the photograph further."}}
means = {
    (dataset_label(name), label): mean_over_levels(levels_of(behind[name], "scale", metric))
    for name in names
    for label, metric in {"item": heads["objects"], "photograph": heads["background"]}.items()
}
figures.differences(by_scenes(means), compared[:2], compared[2])

# %% tags=["remove-input"]
table_of(by_condition(means, *((compared[2], cnn) for cnn in compared[:2])), "scenes", "right", folded="In numbers")

# %% [markdown]
# On CIFAR-MNIST, GASPnet with our additions:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Smaller items on CIFAR-MNIST: the same as in {numref}`fig-scale-differences`, for GASPnet with our additions and CNNs of its size.", "name": "fig-scale-ours"}, "image": {"alt": "A row for each CNN and a mark for the item and for the photograph. For the CNN of as many parameters the item lies right of the line and the photograph left of it."}}
from myst_nb import glue

from gasp.analysis.comparisons import MARGIN

glue("margin_c5", f"{MARGIN:g}", display=False)
rivals = ["cnn_parameters", "cnn_compute"]
ours = gasp.run_all(settings.experiments(["cifar_mnist"], [*rivals, "gaspnet"]), settings)
means = {
    label: mean_over_levels(levels_of(ours, "scale", metric))
    for label, metric in {"item": heads["objects"], "photograph": heads["background"]}.items()
}
figures.differences({dataset_label("cifar_mnist"): means}, rivals)

# %% tags=["remove-input"]
table_of(by_condition(means, "gaspnet", *(("gaspnet", rival) for rival in rivals)), "right", folded="In numbers")

# %% [markdown]
# These are means over all scales below 1, paired by seed, with 95 % intervals. GASPnet (paper) scored lower than the CNN of as many
# parameters on the item, on CIFAR-Fashion only slightly, and names the photograph much less well, behind items of any size, as in
# {ref}`the-photographs`. With our additions, GASPnet names smaller items more often than the CNN, and the photograph less often.
# Claim C5 allows a loss of {glue:text}`margin_c5` there; the measured loss exceeds this, but not clearly, so the claim is unclear.
# Against the CNN of as many multiplications it does not hold: that CNN names the photograph right far more often.

# %% [markdown]
# ## What follows
#
# - On overlap that training did not show, GASPnet is ahead of networks that saw the same masks and use no phases, on a black
#   background and in front of a photograph. Among comparisons with such networks, this is the largest effect of phases on accuracy
#   that we measured without noise. It is not corrected, unlike claim C7 ({ref}`the-ablations`), and modest: the share of errors that
#   later steps remove does not grow with overlap. And when both are *trained* on overlap, a CNN does as well as GASPnet (paper)
#   ({ref}`two-digits`).
# - With three and four digits on a black background later steps make no clear difference, and units point less reliably
#   ({ref}`what-is-where`). Training on more objects, or phases with more dimensions than the angle on a circle ({ref}`related-work`),
#   are the obvious next steps.
# - On scenes with smaller items, GASPnet (paper) names the photograph less often than the CNN.

# %% [markdown]
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. Chance.** A network that guesses names a random set of classes. How often are all digits right by chance, for two, three and
# four of them?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
import math

for number in (2, 3, 4):
    print(f"{number} digits: 1 / {math.comb(10, number)}")
# Fewer scenes are right with more digits for this reason alone: all
# of them must be right. Compare networks, not numbers of digits.

# %% [markdown]
# **2. How many of three?** With three digits all must be right. How many of them are right on average, at each time step?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
from gasp.learning.evaluation import accuracy

model = gasp.load_example(settings)
three = dataset.with_scenes({"objects": 3, "scale": (2 / 3) ** 0.5})
shares = accuracy(model, three.compose("validation", 500, seed=3))
for name in ("object_accuracy", "scene_accuracy"):
    print(name, [f"{share:.3f}" for share in shares[name]])
# A single digit is right far more often than all three. In this
# network both fall when phases act; over seeds this is not clear.
