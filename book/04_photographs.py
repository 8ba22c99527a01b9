# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-photographs)=
# # Items on photographs
#
# A digit, or a piece of clothing, is added to a photograph of CIFAR-10, and both must be named. The item is one object; the
# photograph behind it is the other. Nothing is empty here: every location has activity, and the two objects overlap everywhere
# that the item is. Is GASPnet more accurate than a CNN (claim C2)?

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-cell"]
variants = ["cnn_parameters", "cnn_compute", "gaspnet", "ideal_phases"]
names = [name for name in ("cifar_mnist", "cifar_fashion") if settings.experiments([name])]
results = {name: gasp.run_all(settings.experiments([name], variants), settings) for name in names}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Scenes of CIFAR-MNIST, and the masks of item and photograph.", "name": "fig-photographs"}, "image": {"alt": "A row of photographs with a handwritten digit on each, and below each the digit and what is behind it in two colours."}}
from gasp import figures

figures.scenes(settings.datasets["cifar_mnist"].compose("test", 5, seed=1))

# %% [markdown]
# ## Accuracy

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST: share of test scenes with both labels right, with the digit right, and with the photograph right, at the last time step. Dots are seeds; below them their mean with its 95 % interval.", "name": "fig-cifar"}, "image": {"alt": "Three panels with rows of dots, one row for each model."}}
METRICS = ["scene_accuracy", "head_0_accuracy", "head_1_accuracy"]
figures.comparison(results["cifar_mnist"], METRICS)

# %% tags=["remove-input"]
from gasp.experiment import VARIANTS
from gasp.pages import table
from gasp.statistics import at_level, formatted, mean_interval, paired_difference

rows = []
for name, measured in results.items():
    for metric, label in zip(METRICS, ["both", "item", "photograph"], strict=True):
        clean = at_level(measured, "gaussian", metric=metric)
        reached = [
            formatted(mean_interval(clean[clean["variant"] == variant]["value"]))
            for variant in ("cnn_parameters", "cnn_compute", "gaspnet")
        ]
        gain = formatted(paired_difference(clean, "gaspnet", "cnn_parameters"), sign=True)
        rows.append([f"`{name}`", label, *reached, gain])
header = ["data set", "right", *(VARIANTS[v].label for v in ("cnn_parameters", "cnn_compute", "gaspnet"))]
table([*header, "GASPnet − CNN, as many parameters"], rows)

# %% [markdown]
# ## Over time steps

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST: share of test scenes with both labels right at every time step. Dotted lines are models without time; ideal phases, where they were run, are read off the masks.", "name": "fig-cifar-time"}, "image": {"alt": "Accuracy over time steps of GASPnet and of the network with ideal phases, and dotted lines for the CNNs."}}
levels = settings.evaluation.corruptions["gaussian"]
figures.accuracy_over_time(results["cifar_mnist"], [0.0, *levels[1::3]])

# %% tags=["remove-input"] mystnb={"figure": {"caption": "CIFAR-MNIST: order of GASPnet's phases within objects, and separation between item and photograph, in each convolutional layer.", "name": "fig-cifar-order"}, "image": {"alt": "Two panels of curves over time steps, one curve a layer."}}
gaspnet = results["cifar_mnist"][results["cifar_mnist"]["variant"] == "gaspnet"]
figures.order_over_time(gaspnet)

# %% [markdown]
# A sweep whose phases do not tell item and photograph apart weighs connections by noise. The order within objects tells how
# far they do: on multi-MNIST it is much higher ({ref}`the-phases`).
#
# ## Where the difference comes from
#
# As for two digits ({ref}`the-two-parts`), GASPnet minus the CNN of the same layers has two parts: what training together with
# phases brings to the weights, and what phases then bring to the sweeps.

# %% tags=["remove-input"]
from gasp.statistics import parts_of_gain

both = gasp.run_all(settings.experiments(["cifar_mnist"], ["cnn", "gaspnet"]), settings)
parts = [parts_of_gain(both, "gaussian", metric=metric) for metric in METRICS]
gains = [[label, *(formatted(part[label], sign=True) for part in parts)] for label in parts[0]]
table(["CIFAR-MNIST, no noise", "both", "item", "photograph"], gains)

# %% [markdown]
# (the-search)=
# ## What was tried
#
# All of this is on validation scenes, and mostly of one seed. Short runs compare what phases reach; they do not tell which
# setting is best after six epochs.

# %% tags=["remove-input"]
import pandas as pd

from gasp.store import project_root

search = pd.read_csv(project_root() / "runs" / "cpu" / "search.csv")
rows = []
clean = search[search["level"] == 0]
for (data, variant, change, epochs), runs in clean.groupby(["dataset", "variant", "change", "epochs"], sort=False):
    last = runs[runs["epoch"] == runs["epoch"].max()].groupby("t")[["scene_accuracy", "order", "separation"]].mean()
    first, final = last.iloc[0], last.iloc[-1]
    reached = [f"{first['scene_accuracy']:.3f}", f"{final['scene_accuracy']:.3f}" if len(last) > 1 else ""]
    phases = ["" if pd.isna(final[name]) else f"{final[name]:.2f}" for name in ("order", "separation")]
    length = f"{runs['epoch'].max()} of {epochs}"
    rows.append([f"`{data}`", VARIANTS[variant].label, change, length, str(runs["seed"].nunique()), *reached, *phases])
header = ["data set", "variant", "change", "epochs", "seeds", "all right, t = 0", "last t", "order, layer 1", "separation"]
table(header, rows)

# %% tags=["remove-cell"]
from myst_nb import glue

two = search[(search["dataset"] == "cifar_mnist") & (search["epochs"] == 2) & (search["epoch"] == 2)]
last = two[two["t"] == two.groupby("variant")["t"].transform("max")].set_index(["variant", "level"])["scene_accuracy"]
for name, (variant, level) in {
    "cnn_clean": ("cnn", 0.0),
    "cnn_noisy": ("cnn", 0.5),
    "ideal_clean": ("ideal_phases", 0.0),
    "ideal_noisy": ("ideal_phases", 0.5),
}.items():
    glue(name, f"{last[variant, level]:.3f}", display=False)

# %% [markdown]
# "4 of 6" is a run that was stopped after four epochs of six: its learning rate was still high. On CIFAR-MNIST no change
# brings GASPnet above the CNN of as many epochs. Why not?
#
# - **Phases do not follow objects.** They fall apart into two groups, but within an object they agree little. Our reading: keys
#   of the first layer come from filters of five pixels; what looks alike to them is what is bright, not what belongs together.
# - **Without a neighbourhood everything agrees with everything**: order without separation, one phase for all. The modulated
#   sweep is then the plain one, only stronger, and no better. Keys from which their mean over the image is taken tell two phases
#   apart again, but not the two objects.
# - **Even phases that are right gain little here.** Told by the masks where the digit is, GASPnet reaches
#   {glue:text}`ideal_clean` at its last step, and the CNN of as many epochs {glue:text}`cnn_clean`. Under strong noise (σ = 0.5)
#   it is {glue:text}`ideal_noisy` against {glue:text}`cnn_noisy`. The photograph is what is hard to name, and its phases say
#   where it is, not what.
#
# What would only make phases better (key size, iterations, weight and place of the synchrony loss) meets the same bound, so it
# was not searched one by one, and the settings of multi-MNIST were kept for all data sets. These are short runs of one seed;
# {ref}`the-ablations` has those of full length. One phase for each channel of the first layer, instead of one a location, would
# make its coupling 26 times as large, and was not tried.
