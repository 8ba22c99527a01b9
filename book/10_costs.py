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
# (what-it-costs)=
# # What it costs
#
# A training step of GASPnet takes many times as long as that of a CNN with the same layers. On two CPU cores it takes
# {glue:text}`ours_times` times as long, and that of the gate without phases {glue:text}`gate_times` times. No GPU was measured. All
# timings on this page come from one command:
#
# ```bash
# gasp bench   # some minutes; with --quick, under one minute
# ```
#
# It measures all cases in turn, over several rounds, so other load affects all of them about equally. One untimed run precedes each
# case.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-cell"]
import gasp
from gasp.analysis import figures
from gasp.experiments.measurements import read_measurements
from gasp.tools import bench

settings = gasp.load_profile(profile, **overrides)
directory = settings.store.directory
if not settings.judges:
    bench.measure(directory, quick=True)
table, machine = read_measurements(directory / "bench.csv"), read_measurements(directory / "bench.json")

# %% tags=["remove-cell"]
from itertools import pairwise

from myst_nb import glue


def rows(group, case, size=None):
    chosen = table[(table["group"] == group) & (table["case"] == case)]
    return chosen if size is None else chosen[chosen["size"] == size]


def median(group, case, size=None):
    return rows(group, case, size)["seconds"].median()


def times(group, case, other, size=None, other_size=None):
    """How many times as long one case takes as another, in the same round: median and quartiles."""
    ratio = rows(group, case, size).set_index("round")["seconds"] / rows(group, other, other_size).set_index("round")["seconds"]
    low, middle, high = ratio.quantile([0.25, 0.5, 0.75])
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def floor_times(group):
    """The same ratio, of the floors."""
    return rows(group, "gaspnet", 3)["floor"].median() / rows(group, "cnn")["floor"].median()


epochs = table[table["group"] == "epoch"].set_index("case")
alone, one_worker, two_workers = (epochs.loc[case] for case in ("one run", "1 worker", "2 workers"))
composition = table[table["group"] == "scenes"]
sizes = sorted(rows("coupling", "factorised")["size"].unique())
growth = [median("coupling", "factorised", b) / median("coupling", "factorised", a) for a, b in pairwise(sizes)]
largest_dense = rows("coupling", "dense")["size"].max()
for name, text in {
    "machine": f"{machine['machine']}, {machine['threads']} threads, PyTorch {machine['torch']}",
    "rounds": str(rows("training", "cnn")["round"].nunique()),
    "batch": str(machine["batch"]),
    "rate": f"{machine['operations_per_second'] / 1e9:.0f}",
    "bandwidth": f"{machine['bytes_per_second'] / 1e9:.0f}",
    "cnn_step": f"{1e3 * median('training', 'cnn'):.1f}",
    "gasp_step": f"{1e3 * median('training', 'gaspnet', 3):.0f}",
    "training_times": times("training", "gaspnet", "cnn", 3),
    "inference_times": times("inference", "gaspnet", "cnn", 3),
    "training_floor": f"{floor_times('training'):.1f}",
    "training_without": times("training", "gaspnet without alignment", "cnn"),
    "dense_size": f"{largest_dense:,}",
    "dense_times": f"{median('coupling', 'dense', largest_dense) / median('coupling', 'factorised', largest_dense):.0f}",
    "small_size": f"{sizes[0]:,}",
    "small_times": f"{median('coupling', 'dense', sizes[0]) / median('coupling', 'factorised', sizes[0]):.1f}",
    "growth": ", ".join(f"{factor:.1f}" for factor in growth),
    "sizes": ", ".join(f"{size:,}" for size in sizes),
    "epoch_scenes": f"{alone['size']:,}",
    "epoch": f"{alone['seconds']:.0f}",
    "epoch_floor": f"{alone['floor']:.1f}",
    "epoch_one_worker": f"{one_worker['seconds']:.0f}",
    "epoch_two_workers": f"{two_workers['seconds']:.0f}",
    "weak_scaling": f"{one_worker['seconds'] / two_workers['seconds']:.0%}".replace("%", " %"),
    "scene_rate": f"{composition['size'].iloc[0] / composition['seconds'].median():,.0f}",
    "bfloat16": times("training", "cnn in bfloat16", "cnn"),
    "together": times("together", "batched", "one by one"),
    "ours_times": times("variant", "gaspnet", "cnn"),
    "ours_two_times": times("variant", "gaspnet_two_steps", "cnn"),
    "gate_times": times("variant", "gate", "cnn"),
}.items():
    glue(name, text, display=False)

# %% [markdown]
# Machine: {glue:text}`machine`. Batches of {glue:text}`batch` scenes. Numbers are medians over {glue:text}`rounds` rounds, with
# quartiles in brackets.
#
# A **floor** is the time that a computation needs at least on this machine. For training and inference it counts the multiplications
# of the sweeps; for the coupling alone, its multiplications or the data that it must move, whichever takes longer. In a large product
# or convolution the machine does {glue:text}`rate` billion floating point operations per second (a multiplication and its addition
# are two), and it copies {glue:text}`bandwidth` GB per second.
#
# ## Steps
#
# With our additions and three time steps, a training step of GASPnet takes {glue:text}`ours_times` times as long as that of the CNN
# of the same layers; with two time steps, {glue:text}`ours_two_times` times. The gate without phases takes {glue:text}`gate_times`
# times.
#
# The rest of this section and the next look at GASPnet (paper), whose parts were timed one by one. With three time steps it takes
# {glue:text}`gasp_step` ms for a training step, and the CNN {glue:text}`cnn_step` ms. The median ratio over rounds is
# {glue:text}`training_times` in training and {glue:text}`inference_times` in inference. Counting the multiplications of the sweeps
# alone, without the coupling, it would be {glue:text}`training_floor` in training: the first layer and the plain part of the second
# do not change over time and are computed once; the modulated part of the second layer, and all layers after it, are computed again
# at each further step, as three plain layers, by {eq}`eq-three-convolutions`.
#
# In {numref}`fig-costs-time`, the gap between the solid line and the dotted floor is time that is not spent on multiplications.
# {numref}`fig-costs-parts` shows where it goes.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet (paper) and the CNN: duration of a training step and of an inference against the number of time steps (medians, quartiles). The CNN has one step. Dotted: the floor, the multiplications of the sweeps at the machine's best rate.", "name": "fig-costs-time"}, "image": {"alt": "Two panels of lines that rise with the number of time steps, far above a dotted line."}}
figures.costs_over_time(table)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The parts of a training step and of an inference of GASPnet (paper) at T = 3. The first part is the median duration of the CNN; the second is what GASPnet without iterations takes beyond that; the third is what iterations add.", "name": "fig-costs-parts"}, "image": {"alt": "Two stacked bars of three parts: a plain sweep, modulated sweeps, Kuramoto iterations."}}
figures.costs_of_parts(table)

# %% [markdown]
# Without Kuramoto iterations, a training step takes {glue:text}`training_without` times as long as the CNN's. So the iterations,
# which are the coupling, take more than half of the step, though most multiplications are those of the sweeps. We did not trace where
# the time goes; many small operations on small tensors are a likely cause.
#
# Fewer iterations would save time. On two digits, three iterations instead of five align phases less well ({ref}`the-search`). Lower
# precision brings the CNN nothing on this machine (GASPnet was not tried): in bfloat16 a step takes {glue:text}`bfloat16` times as
# long as in single precision.
#
# ## Coupling
#
# The pooled key makes the coupling affordable in larger networks; at our size it saves almost nothing. As {eq}`eq-coupling` is
# written, every oscillator meets every other. In the factorised form {eq}`eq-pooled-key` each meets one pool. With
# {glue:text}`dense_size` oscillators the factorised form is {glue:text}`dense_times` times as fast. Our network has about 400
# oscillators; at {glue:text}`small_size`, the factor is {glue:text}`small_times`.
#
# It also scales better. From each number of oscillators to the next ({glue:text}`sizes`), fourfold each time, one evaluation takes
# {glue:text}`growth` times as long. A cost that is linear in the number of oscillators would give factors of 4, or less as long as
# fixed costs count; all pairs would give 16. On grids that are much finer than the Gaussian neighbourhood, the code represents the
# Gaussian by its few smooth modes, whose number does not grow with the grid.
#
# In {numref}`fig-costs-coupling` both axes are logarithmic, so the slope of a line is the power with which the cost grows.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Duration of one evaluation of all rates of change, for one image, against the number of oscillators (medians, quartiles). Dotted: floors. The dense line ends where all pairs would take gigabytes of memory.", "name": "fig-costs-coupling"}, "image": {"alt": "Two lines on logarithmic axes; that of the dense form is far above that of the factorised form and steeper."}}
figures.costs_of_coupling(table)

# %% [markdown]
# ## An epoch
#
# An epoch of GASPnet (paper), {glue:text}`epoch_scenes` scenes, takes {glue:text}`epoch` s on all threads. This includes composing
# the scenes, all steps, a checkpoint and validation. Its multiplications alone would take {glue:text}`epoch_floor` s.
#
# Experiments run differently, with several workers of one thread each ({ref}`running-at-scale`). One worker with one run takes
# {glue:text}`epoch_one_worker` s, and two workers with two runs take {glue:text}`epoch_two_workers` s, both with the start of the
# workers included. That is a weak-scaling efficiency of {glue:text}`weak_scaling`: at 100 %, a second run would cost no extra time.
#
# Scenes are composed at {glue:text}`scene_rate` per second, a small part of the epoch. Training two seeds as one batched model
# (`torch.func`) takes {glue:text}`together` times as long as one after the other. We tried this with the CNN only.

# %% [markdown]
# (accuracy-per-cost)=
# ## Accuracy per cost
#
# Is GASPnet worth its cost? With the same budget one could train a wider CNN. {numref}`fig-accuracy-per-cost` shows accuracy on two
# digits against cost, for CNNs of several widths, for the gate without phases and for GASPnet. The first panel counts
# multiplications. The second shows measured time. Where the grey line through the CNNs reaches, a network above it is worth its cost,
# and one below it is less accurate than a CNN that costs as much. A training step of GASPnet takes {glue:text}`ours_step` ms and one
# of the widest CNN, that of as many multiplications, {glue:text}`widest_step` ms. So in wall-clock time GASPnet costs more than all
# of these CNNs. The line ends before it, and we compare it with the widest.

# %% tags=["remove-cell"]
import pandas as pd

from gasp.analysis.comparisons import CNN_WIDTHS, GASPNET_STEPS
from gasp.analysis.costs import multiplications, step_seconds
from gasp.analysis.statistics import last_step, undisturbed

compared = settings.experiments(["multi_mnist"], [*CNN_WIDTHS, *GASPNET_STEPS])
accuracy = last_step(undisturbed(gasp.run_all(compared, settings)))
seconds = step_seconds(directory)
for name, variant in {"ours_step": "gaspnet", "widest_step": CNN_WIDTHS[-1]}.items():
    glue(name, f"{1e3 * seconds[variant]:.0f}", display=False)
glue("time_share", f"{2 * seconds[CNN_WIDTHS[-1]] / seconds['gaspnet']:.2f}", display=False)
for name, (dataset, variant) in {
    "wide_twelve": ("multi_mnist_cifar_longer", CNN_WIDTHS[-1]),
    "ours_six": ("multi_mnist_cifar", "gaspnet"),
}.items():
    right = last_step(undisturbed(gasp.run_all(settings.experiments([dataset], [variant]), settings)))
    glue(name, f"{right['value'].mean():.3f}", display=False)
costs = pd.DataFrame(
    {
        "million multiplications for one image": {
            run.variant: multiplications(run) / 1e6 for run in compared if run.seed == settings.seeds[0]
        },
        "milliseconds for a training step": 1e3 * pd.Series(seconds, dtype=float),
    }
)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Two digits: share of test scenes with both digits right (mean over seeds, 95 % interval). First against the multiplications for one image, in convolutions and matrix products; then against the measured time of a training step. Grey lines join CNNs of growing width, and the gate without phases with GASPnet.", "name": "fig-accuracy-per-cost"}, "image": {"alt": "Two panels of points with intervals over a logarithmic cost; grey lines join CNNs of growing width and GASPnets of more steps."}}
figures.accuracy_over_cost(accuracy, costs, [CNN_WIDTHS, GASPNET_STEPS])

# %% [markdown]
# GASPnet does not repay its cost on two digits without noise. A CNN 1.5 times as wide (three seeds) is at least as accurate with
# about a quarter of the multiplications. The CNN of as many multiplications takes less time. It is more accurate, too, so claim O3,
# that GASPnet is more accurate than a CNN whose training takes as long, does not hold. Since this is the CNN of the stricter version
# of claim C1, O3 is no second finding. Under Gaussian noise it is the other way round: there GASPnet is far ahead of wider CNNs
# ({ref}`the-noise`), and the gate without phases reaches most of that at a seventh of GASPnet's time.
#
# In front of a photograph, GASPnet is slightly more accurate than the widest CNN without noise. But this CNN trains faster. The
# lead therefore does not tell how a CNN with as much training time would do, and claim O3 is unclear. After twelve epochs, which
# take {glue:text}`time_share` times as long as six epochs of GASPnet, the widest CNN has {glue:text}`wide_twelve` of the scenes
# right (on other test scenes). GASPnet after six epochs has {glue:text}`ours_six`. Under noise GASPnet is less accurate than the
# widest CNN ({ref}`the-noise`).
# Where the photograph must be named, too, the widest CNN is far ahead, and claim O3 does not hold ({ref}`the-photographs`).

# %% [markdown]
# (what-all-of-it-costs)=
# ## What a whole profile costs
#
# The table estimates how long training the whole grid of each profile takes on cores like this machine's, with one thread per
# run. Divide core-hours by the number of cores; {ref}`running-at-scale` says how to use more of them.
#
# The estimate multiplies the scenes of all runs by the time per scene of GASPnet (paper) with two workers. A variant whose
# step was timed above is charged in proportion to it, a CNN of as many parameters like the CNN of the same layers, and all others
# like GASPnet (paper), which overestimates GASPnet's predecessors. Tests and studies are not included.

# %% tags=["remove-input"]
from gasp.analysis import tables

per_scene = two_workers["seconds"] / (two_workers["size"] / 2)
timed = seconds | dict.fromkeys(("cnn_parameters", "paper_cnn_parameters"), seconds["cnn"])
whole = median("training", "gaspnet", 3)
estimates = []
for name in ("smoke", "cpu", "paper"):
    runs = gasp.load_profile(name).experiments()
    scenes = sum(run.training.epochs * run.training.scenes * timed.get(run.variant, whole) / whole for run in runs)
    steps = sum(run.steps for run in runs)
    estimates.append([f"`{name}`", str(len(runs)), f"{steps:,}", f"{scenes * per_scene / 3600:,.1f}"])
tables.table(["profile", "runs", "training steps", "core-hours"], estimates)

# %% [markdown]
# ## What follows
#
# - Most of the cost comes from the later time steps: each one repeats most of the network three times and adds Kuramoto iterations.
# - In GASPnet (paper), the iterations take more than half of a training step. In the sizes measured, their cost grows less than
#   linearly with the number of oscillators.
# - A fair comparison gives the CNN the same budget. On a black background a wide CNN is then more accurate on clean digits, and
#   GASPnet under Gaussian noise. On two digits on a photograph the wide CNN is ahead under noise. Without noise it is ahead, too,
#   after twelve epochs, which take it about half as long as six take GASPnet. Where the photograph must be named, too, the wide CNN
#   is ahead in both. The gate without phases gives most of GASPnet's robustness for far less.
#
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. Powers.** Estimate from the timings with which power of the number of oscillators the dense and the factorised coupling
# grow.

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
import numpy as np

for case in ("dense", "factorised"):
    of_case = rows("coupling", case)
    timing = of_case.groupby("size")["seconds"].median().tail(3)
    logs = np.log(timing.index.to_numpy()), np.log(timing.to_numpy())
    print(f"{case}: power {np.polyfit(*logs, 1)[0]:.1f}")
# All pairs grow about as the square of the number, and faster where
# they no longer fit the cache. The pool stays below power 1 as long as
# fixed costs count.

# %% [markdown]
# **2. Count the sweeps.** By how many multiplications does one more time step increase the cost of an image? Compare with a
# plain sweep of the CNN. Why is the ratio not exactly 3?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
gaspnet = settings.experiment("multi_mnist", "gaspnet", seed=0)
more = gaspnet.model.changed({"steps": gaspnet.model.steps + 1})
longer = gaspnet.model_copy(update={"model": more})
cnn = settings.experiment("multi_mnist", "cnn", seed=0)
step = multiplications(longer) - multiplications(gaspnet)
sweep = multiplications(cnn)
print(f"a step more: {step:,.0f}; a sweep of the CNN: {sweep:,.0f}")
print(f"ratio {step / sweep:.2f}")
# A modulated layer is three plain ones. But the first layer and the
# plain part of the second are not repeated, and keys, queries and
# pooled keys are added.
