# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (what-it-costs)=
# # What it costs
#
# GASPnet sweeps through its layers T times, three times as wide as a CNN, and in between its oscillators talk to each
# other. What does that cost, and how much of it must be? Everything on this page is measured by one command, which takes
# the cases in turns, each after an untimed run of its own, so that whatever else the machine does falls on all of them alike:
#
# ```bash
# gasp bench            # some minutes; --quick: under a minute
# ```

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
    "growth": ", ".join(f"{factor:.1f}" for factor in growth),
    "sizes": ", ".join(f"{size:,}" for size in sizes),
    "epoch_scenes": f"{alone['size']:,}",
    "epoch": f"{alone['seconds']:.0f}",
    "epoch_floor": f"{alone['floor']:.1f}",
    "epoch_one_worker": f"{one_worker['seconds']:.0f}",
    "epoch_two_workers": f"{two_workers['seconds']:.0f}",
    "weak_scaling": f"{one_worker['seconds'] / two_workers['seconds']:.0%}",
    "scene_rate": f"{composition['size'].iloc[0] / composition['seconds'].median():,.0f}",
    "bfloat16": times("training", "cnn in bfloat16", "cnn"),
    "together": times("together", "batched", "one by one"),
}.items():
    glue(name, text, display=False)

# %% [markdown]
# Machine: {glue:text}`machine`. Batches of {glue:text}`batch` scenes; {glue:text}`rounds` rounds, of which the page tells
# medians, and in brackets the quartiles. In a large product or convolution this machine does {glue:text}`rate` billion
# floating point operations a second, and it copies {glue:text}`bandwidth` GB a second: a **floor** is the time that what
# must be multiplied, or moved, would take at these rates.
#
# ## Steps
#
# A training step of GASPnet with three time steps takes {glue:text}`gasp_step` ms, {glue:text}`training_times` times as long
# as that of the CNN of the same layers ({glue:text}`cnn_step` ms); an inference {glue:text}`inference_times` times.
# Counting multiplications alone it would be {glue:text}`training_floor` times: the first layer, and what the second
# computes without phases, do not change over time and are computed once; everything else is computed three times more at
# each further step {eq}`eq-three-convolutions`.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "A training step and an inference over the number of time steps (medians, quartiles). The CNN has one. Dotted: the multiplications of the sweeps, at the machine's best rate.", "name": "fig-costs-time"}, "image": {"alt": "Two panels of lines that rise with the number of time steps, far above a dotted line."}}
figures.costs_over_time(table)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "What a training step and an inference at T = 3 are made of: differences of medians of the CNN, of GASPnet without iterations, and of GASPnet.", "name": "fig-costs-parts"}, "image": {"alt": "Two stacked bars of three parts: a plain sweep, modulated sweeps, Kuramoto iterations."}}
figures.costs_of_parts(table)

# %% [markdown]
# Without its iterations GASPnet would cost {glue:text}`training_without` times the CNN's step. The iterations multiply little,
# but move much: a pooled key of 2 × 8 numbers for every oscillator and image, there and back through the gradient. In
# bfloat16 a step of the CNN takes {glue:text}`bfloat16` times as long as in single precision. GASPnet stays in single precision:
# what bfloat16 does to its phases is not studied here.
#
# Fewer iterations would save time, and cost accuracy: see {ref}`the-search`.
#
# ## Coupling
#
# As it is written {eq}`eq-coupling`, all pairs of oscillators meet; factorised {eq}`eq-pooled-key`, each meets one pool.
# With {glue:text}`dense_size` oscillators the factorised form is {glue:text}`dense_times` times as fast. From
# {glue:text}`sizes` oscillators, each four times as many as before, it takes {glue:text}`growth` times as long as before. Where
# the grid is much finer than the Gaussian neighbourhood, the code goes by way of the Gaussian's few smooth modes, whose
# number does not grow with the grid.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "One evaluation of all rates of change, for one image, over the number of oscillators (medians, quartiles). Dotted: floors. All pairs of finer grids would take gigabytes.", "name": "fig-costs-coupling"}, "image": {"alt": "Two lines on logarithmic axes; that of the dense form is far above that of the factorised form and steeper."}}
figures.costs_of_coupling(table)

# %% [markdown]
# ## An epoch
#
# An epoch of {glue:text}`epoch_scenes` scenes, all included (composing the scenes, steps, checkpoint, validation), takes
# {glue:text}`epoch` s on all threads; its multiplications alone, {glue:text}`epoch_floor` s. Experiments are run otherwise:
# by workers that have a thread each ({ref}`running-at-scale`). One worker and one run take {glue:text}`epoch_one_worker` s,
# two workers and two runs {glue:text}`epoch_two_workers` s, the start of the workers included: a weak scaling of
# {glue:text}`weak_scaling`, where the workers share one machine's memory. Scenes are composed at {glue:text}`scene_rate` a
# second. Two seeds as one batched model (`torch.func`), tried with the CNN, take {glue:text}`together` times as long as one
# after the other.

# %% [markdown]
# (accuracy-per-cost)=
# ## Accuracy per cost
#
# Someone with a fixed budget can spend it on phases, or on a wider CNN. The figure sets accuracy on two digits against what a
# network costs: CNNs of several widths, and GASPnet with more and more time steps. A network above the line of the CNNs is
# worth its cost.

# %% tags=["remove-cell"]
import pandas as pd

from gasp.analysis.comparisons import CNN_WIDTHS, GASPNET, GASPNET_STEPS
from gasp.analysis.costs import multiplications, step_seconds
from gasp.analysis.statistics import last_step, undisturbed

compared = settings.experiments(["multi_mnist"], list(dict.fromkeys([*CNN_WIDTHS, *GASPNET_STEPS, GASPNET])))
accuracy = last_step(undisturbed(gasp.run_all(compared, settings)))
costs = pd.DataFrame(
    {
        "million multiplications for one image": {
            run.variant: multiplications(run) / 1e6 for run in compared if run.seed == settings.seeds[0]
        },
        "milliseconds for a training step": 1e3 * pd.Series(step_seconds(directory), dtype=float),
    }
)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Multi-MNIST: share of test scenes with both digits right, over multiplications for one image (convolutions and matrix products) and over the measured time of a training step (mean over seeds, 95 % interval). Grey lines join CNNs of growing width, and GASPnets of more and more steps. Networks that were not timed are missing at the right.", "name": "fig-accuracy-per-cost"}, "image": {"alt": "Two panels of points with intervals over a logarithmic cost; grey lines join CNNs of growing width and GASPnets of more steps."}}
figures.accuracy_over_cost(accuracy, costs, [CNN_WIDTHS, GASPNET_STEPS])

# %% [markdown]
# Claim O3 reads the right panel: it compares GASPnet with the CNNs' line at the same time ({ref}`the-rule`). The stricter
# comparison of claim C1 reads the left one, at a single width.
#
# %% [markdown]
# (what-all-of-it-costs)=
# ## What all of it costs
#
# How long training the grid of each profile takes on cores like this machine's, a thread a run: scenes of every run, times what
# a scene cost with two workers; for the CNNs of GASPnet's size less, in the proportion of the steps above. The
# wide CNN and the predecessors are counted as GASPnet, which is somewhat more than they take; tests are not counted. Divide by
# the number of cores; {ref}`running-at-scale` says how to have more of them.

# %% tags=["remove-input"]
from gasp.analysis import tables

per_scene = two_workers["seconds"] / (two_workers["size"] / 2)
share = median("training", "cnn") / median("training", "gaspnet", 3)
estimates = []
for name in ("smoke", "cpu", "paper"):
    runs = gasp.load_profile(name).experiments()
    scenes = sum(
        run.training.epochs * run.training.scenes * (share if run.variant in ("cnn", "cnn_parameters") else 1) for run in runs
    )
    steps = sum(run.steps for run in runs)
    estimates.append([f"`{name}`", str(len(runs)), f"{steps:,}", f"{scenes * per_scene / 3600:,.1f}"])
tables.table(["profile", "runs", "training steps", "core-hours"], estimates)
