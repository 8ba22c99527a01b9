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
# (the-phases)=
# # The phases themselves
#
# In a trained GASPnet, each of two digits takes a phase of its own. Claim C6 says that phases separate the objects in every layer. It
# holds for a layer if the order within objects and the {term}`separation` between them both exceed four fifths of what is possible
# ({ref}`the-rule`). And the unit that reports an object is in phase with it.

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
    ["C6"],
    (
        "Two digits come into antiphase in all three convolutions, with and without a photograph behind them. With our additions, "
        "order within a digit is lower in the third, and does not come from alignment there. Behind two digits the photograph takes no "
        "single phase, and needs none: the gate nearly silences it. Claim C6 is about the mean over all objects, so GASPnet fails it there, "
        "although the two digits are ordered and apart."
    ),
)

# %% tags=["remove-cell"]
DIGITS = ("multi_mnist", "multi_mnist_cifar")
results = {name: gasp.run_all(settings.experiments([name], ["gaspnet"]), settings) for name in DIGITS}

# %% [markdown]
# ## How phases align
#
# A trained network looks at two digits. The phases of its first layer start at random. Every frame is one Kuramoto iteration. Keys
# and queries are those of the first {term}`sweep`, before phases modulate anything; they stay fixed while phases align.
# {ref}`look-for-yourself` shows other scenes, with noise, at every {term}`time step`.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Phases of the first layer on one scene, iteration by iteration. Colour is phase; brightness is how much a location pulls on others.", "name": "fig-animation"}, "image": {"alt": "An animation: two digits whose locations change colour until each digit has one colour, opposite to the other's."}}
from gasp.analysis import figures
from gasp.analysis.alignment import align_first_layer

model = gasp.load_example(settings)
examples = settings.datasets["multi_mnist"].compose("test", 5, seed=1)
image = examples.batch(slice(None))[0][1]
figures.animation(image, *align_first_layer(model, image, 4 * model.settings.iterations))

# %% [markdown]
# ## On test scenes

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Phases on test scenes of two digits: of the first layer at every time step, of the deeper convolutions at the last. Above each scene: the true digits, then those that the network reports.", "name": "fig-phases"}, "image": {"alt": "Rows of scenes; beside each, maps in which the two digits take opposite colours as time goes on."}}
import torch


def look(model, scenes):
    """Phase maps of scenes, each with its true objects and those that the network reports."""
    images, masks, targets = scenes.batch(slice(None))
    count = int(targets[0, 0].sum())
    with torch.no_grad():
        trajectory = model.run(images, torch.Generator().manual_seed(0), masks)
    answers = (logits[:, 0].topk(count).indices.sort().values.tolist() for logits in (targets, trajectory.answers[-1]))
    captions = [
        f"{', '.join(map(str, true))} → {', '.join(map(str, reported))}" for true, reported in zip(*answers, strict=True)
    ]
    return figures.phase_maps(images, trajectory, captions)


look(model, examples)

# %% [markdown]
# At t = 0 the phases of the first layer are random. With each further step the two digits separate into two phases. The deeper layers
# take their phases from what they receive, so their maps are smoother.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same with two digits on a photograph, by a network that was trained on such scenes.", "name": "fig-phases-photographs"}, "image": {"alt": "Rows of photographs with two digits; beside each, maps that are dark but for the digits, each of which takes a colour of its own."}}
on_photographs = settings.datasets["multi_mnist_cifar"].compose("test", 5, seed=1)
look(gasp.load_example(settings, dataset="multi_mnist_cifar"), on_photographs)

# %% [markdown]
# Training showed no digits that overlap. Here they do (the first four test scenes whose digits share ink). Where two strokes cross, a
# location belongs to both digits and takes one of the two phases. The parts on either side mostly keep that of their digit, and some
# take that of the other. Not every answer is right here.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Digits that overlap, by the network that was trained without overlap.", "name": "fig-phases-overlap"}, "image": {"alt": "Rows of scenes of two digits that cross; beside each, maps in which the parts of each digit have mostly one colour."}}
overlapping = settings.datasets["multi_mnist"].with_scenes({"overlap": 0.5})
scenes = overlapping.compose("test", 60, seed=1)
shared = scenes.masks.amin(1).flatten(1).gt(127).sum(1)  # pixels of both
look(model, scenes[shared.gt(8).nonzero().flatten()[:4]])

# %% [markdown]
# ## Order and separation
#
# *Order* is the order parameter of the phases within an object: 1 if all its locations have one phase. *Separation* is $\tfrac12 (1 -
# \cos \Delta)$, where $\Delta$ is the difference between the mean phases of two objects: 1 in {term}`antiphase`, 0.5 on average by
# chance. With the photograph as a third object, the mean over pairs can reach at most 0.75, with phases 120° apart. Claim C6 asks for
# an order above 0.8, and for a separation above 0.8 of the largest possible ({ref}`the-rule`). In the first two layers both rise over
# time. In the third, on two digits, order is high already at t = 0, before any phase aligns, because a location there averages over a
# wide part of the image, and it falls slightly with alignment.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet on two digits: order parameter of the phases within an object, and separation of the mean phases of the two objects (1 is antiphase), for each convolutional layer on test scenes without noise (means over seeds, 95 % intervals).", "name": "fig-order"}, "image": {"alt": "Two panels of curves that rise over time steps, one curve a layer."}}
figures.order_over_time(results["multi_mnist"])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet on two digits on a photograph: the same, with the photograph as a third object.", "name": "fig-order-photo-digits"}, "image": {"alt": "Two panels of curves over time steps, one curve a layer."}}
figures.order_over_time(results["multi_mnist_cifar"])

# %% [markdown]
# Order is a mean over objects. In front of a photograph this hides that the digits are ordered and the photograph is not.
# The digits themselves are in antiphase (one network, seed 0, on 512 {term}`validation scenes <validation split>`):

# %% tags=["remove-input"]
from gasp.analysis.tables import table
from gasp.learning.evaluation import order_of_objects, separation

images, masks, _ = settings.datasets["multi_mnist_cifar"].compose("validation", 512, seed=1).batch(slice(None))
network = gasp.load_example(settings, dataset="multi_mnist_cifar")
with torch.no_grad():
    trajectory = network.run(images, torch.Generator().manual_seed(0), masks)
maps = [phases for phases in trajectory.phases if phases.ndim == 4]
orders = [order_of_objects(phases, masks)[-1].mean(0).tolist() for phases in maps]
apart = [separation(phases, masks[:, :2])["separation"][-1].mean().item() for phases in maps]
rows = [
    [f"layer {layer}", *(f"{value:.2f}" for value in (*of_layer, between))]
    for layer, (of_layer, between) in enumerate(zip(orders, apart, strict=True), 1)
]
table(["last step", "order, first digit", "order, second digit", "order, photograph", "separation of the digits"], rows)

# %% tags=["remove-cell"]
from myst_nb import glue

from gasp.learning.losses import coverage

pull = trajectory.gates[0][-1]  # (B, H, W)
covered = coverage(masks, pull)
shares = (pull.unsqueeze(1) * covered).sum((0, 2, 3)) / covered.sum((0, 2, 3))
glue("pull_digits", f"{shares[:2].mean():.2f}", display=False)
glue("pull_photograph", f"{shares[2]:.2f}", display=False)

# %% [markdown]
# The gate has nearly silenced the photograph: in the first layer, the mean pull of a location is {glue:text}`pull_digits` on digits
# and {glue:text}`pull_photograph` on the photograph. So the photograph's phases have little influence.
#
# ## When the photograph must be named, too
#
# On CIFAR-MNIST, GASPnet brings the digit into one phase and most of the photograph into the opposite one. In the first layer the
# order of item and photograph is {glue:text}`item_order` and {glue:text}`ground_order` (seed 0, 512 validation scenes), and claim C6
# holds there:

# %% tags=["remove-cell"]
images, masks, _ = settings.datasets["cifar_mnist"].compose("validation", 512, seed=1).batch(slice(None))
network = gasp.load_example(settings, dataset="cifar_mnist")
with torch.no_grad():
    first = network.run(images, torch.Generator().manual_seed(0), masks).phases[0]
for name, order in zip(("item_order", "ground_order"), order_of_objects(first, masks)[-1].mean(0).tolist(), strict=True):
    glue(name, f"{order:.2f}", display=False)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Phases on test scenes of CIFAR-MNIST. Above each scene: the true digit, then the one that the network reports.", "name": "fig-phases-items-ours"}, "image": {"alt": "Rows of photographs with a digit on each; beside each, maps in which the digit has one colour and most of the photograph the opposite one."}}
items = settings.datasets["cifar_mnist"].compose("test", 5, seed=1)
look(network, items[:3])

# %% [markdown]
# With the paper's mechanisms alone, the photograph splits into patches of many phases, and some patches share the digit's phase.
# {ref}`the-photographs` measures this and what it costs.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same scenes, and two more, with the paper's mechanisms alone.", "name": "fig-phases-items"}, "image": {"alt": "Rows of photographs with a digit on each; beside each, maps in which the digit has mostly one colour and the photograph several, in patches and waves."}}
look(gasp.load_example(settings, "paper_gaspnet", "cifar_mnist"), items)

# %% [markdown]
# Two variants of GASPnet (paper) show the extremes on the same scenes. With *ideal phases*, {term}`masks <mask>` set the phases of
# the first layer; deeper layers still take theirs from their input. Without the {term}`synchrony loss`, phases have *collapsed* into
# one: nothing is told apart, and {term}`modulation` only makes every connection stronger.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The first three of these scenes, and below each the masks of digit and photograph.", "name": "fig-masks-items"}, "image": {"alt": "Three photographs with a digit, and below them the digit's shape in one colour on a ground of another."}}
figures.scenes(items[:3])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same scenes with ideal phases.", "name": "fig-phases-ideal"}, "image": {"alt": "Rows of maps in which the digit has one colour and the photograph the opposite one."}}
look(gasp.load_example(settings, "paper_ideal_phases", "cifar_mnist"), items[:3])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The same scenes with collapsed phases: the network without synchrony loss.", "name": "fig-phases-collapsed"}, "image": {"alt": "Rows of maps that come to one colour all over."}}
look(gasp.load_example(settings, "paper_no_synchrony_loss", "cifar_mnist"), items[:3])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST, the paper's mechanisms alone: order within item and photograph, and separation of the two (means over seeds, 95 % intervals).", "name": "fig-order-photographs"}, "image": {"alt": "Two panels of curves over time steps, one curve a layer."}}
figures.order_over_time(gasp.run_all(settings.experiments(["cifar_mnist"], ["paper_gaspnet"]), settings))

# %% tags=["remove-cell"]
glue("scenes_pointing", f"{settings.evaluation.scenes:,}", display=False)
glue("scenes_phases", f"{settings.evaluation.sweep_scenes:,}", display=False)

# %% [markdown]
# ## Do units follow the object that they report?
#
# A dense unit has one phase for the whole image. *Nearness* is the cosine of its phase to that of the nearest object in the first
# layer (1: in phase with one of them). The nearness of a random phase is 0.64 on average if two objects are in antiphase. If the
# objects' phases are random, too, as they are at t = 0, it is 0.41 with two objects and 0.61 with three. The mean weights each unit
# by its amplitude gate, that is, by how much it pulls others. *Pointing* is the share of objects whose {term}`read-out` unit is
# nearer to its own object than to any other; by chance it would be one half with two digits, and one third with a photograph as third
# object. The chapter {ref}`what-is-where` measures it on {glue:text}`scenes_pointing` scenes; here we use {glue:text}`scenes_phases`.
# At t = 0 a unit points to its object more often than by chance already, because it takes its phase from the places that drive it,
# whatever their phases are. Alignment, together with modulation ({ref}`the-ablations`), does the rest ({numref}`fig-units`).

# %% tags=["remove-cell"]
import pandas as pd

from gasp.analysis.statistics import formatted, mean_interval
from gasp.analysis.tables import dataset_label

units = []
for name, measured in results.items():
    rows = measured[(measured["evaluation"] == "phases") & measured["metric"].isin(["nearness", "follows"])]
    unit = rows["level"].eq(rows["level"].max()).map({True: "read-out", False: "dense layer"})
    measure = unit + ": " + rows["metric"].replace("follows", "pointing")
    units.append(rows.assign(panel=dataset_label(name), condition=rows["t"].map("t = {}".format), measure=measure))
units = pd.concat(units)
chance = units[units["measure"] == "read-out: pointing"].drop_duplicates(["panel", "condition"])
objects = 2 + (chance["panel"] == dataset_label("multi_mnist_cifar"))
chance = chance.assign(measure="chance", value=1 / objects)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Nearness of dense units and of the read-out to an object, and pointing of the read-out to its own, at every time step (GASPnet, means over seeds, 95 % intervals). The upright line is chance in pointing.", "name": "fig-units"}, "image": {"alt": "Two panels, for two digits and two digits on a photograph, with a row for each time step and three marks in each row. All marks move right from t = 0 to t = 1."}}
figures.measures(pd.concat([units, chance]), "cosine, or share that points right")

# %% tags=["remove-input"]
found = {place: formatted(mean_interval(rows["value"])) for place, rows in units.groupby(["panel", "measure", "t"])}
times = sorted(units["t"].unique())
places = units[["panel", "measure"]].drop_duplicates().itertuples(index=False)
rows = [[*place, *(found[*place, t] for t in times)] for place in places]
table(["scenes", "units", *(f"t = {t}" for t in times)], rows, folded="The same as a table")

# %% [markdown]
# ## What follows
#
# - On two digits, phases do in the first two convolutions what the paper says. In the third, claim C6 holds with the paper's
#   mechanisms alone. With our additions the digits are apart there, too, but order within a digit was measured below our threshold;
#   the verdict is unclear. That each channel has a phase of its own there does not explain it by itself, because the same is true of
#   the second layer.
# - Behind two digits that alone must be named, a photograph takes no common phase, and needs none. Where the photograph must be
#   named, too, it takes one in the first layer of GASPnet with our additions; in the second and third, order is below the threshold,
#   and claim C6 does not hold.

# %% [markdown]
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. Order by chance.** What is the order parameter of n oscillators with random phases? How many must an object have, so that an
# order of 0.5 is unlikely to be chance (below 1 %)?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
from gasp.nn.phasors import order_parameter

for number in (2, 5, 10, 50):
    orders = order_parameter(6.2832 * torch.rand(10000, number))
    mean, extreme = orders.mean(), orders.quantile(0.99)
    print(f"n = {number}: mean {mean:.2f}, 99 % below {extreme:.2f}")
# 99 % lie below about 2.1 / sqrt(n), so n = 20 is enough. A digit
# covers some 30 locations of the first layer: an order of 0.5 there
# is no accident. In deeper layers it covers fewer.

# %% [markdown]
# **2. How long does it take?** On twenty scenes, after how many iterations is the separation of the two digits above 0.9, and the
# order within both above 0.8?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
from gasp.learning.evaluation import separation

scenes = settings.datasets["multi_mnist"].compose("validation", 20, 1)
images, masks, _ = scenes.batch(slice(None))
needed = []
for image, mask in zip(images, masks, strict=True):
    maps, _ = align_first_layer(model, image, 20)
    measured = separation(maps.unsqueeze(1), mask.unsqueeze(0))
    order = order_of_objects(maps.unsqueeze(1), mask.unsqueeze(0))
    ordered = order[:, 0].amin(1) > 0.8
    above = (measured["separation"][:, 0] > 0.9) & ordered
    needed.append(int(above.int().argmax()) if above.any() else 21)
print("median:", sorted(needed)[len(needed) // 2], "all:", needed)
# In a run, each time step aligns for five iterations and then sweeps
# again. 21 would stand for a scene that never gets there by coupling
# alone.
