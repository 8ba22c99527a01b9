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
# (the-model)=
# # The model
#
# GASPnet {cite:p}`gaspnet` is a convolutional network that looks at an image several times. Between two looks it aligns phases;
# in the next look, neurons in phase influence each other more. The aim is that the parts of one object are
# processed together, and apart from those of other objects.
#
# This page gives each equation, and beside it the code that computes it for a toy network of six oscillators.
# {ref}`from-oscillators-to-binding` introduces the same ideas by experiment. {ref}`the-glossary` leads from each symbol to its
# name in the code. The book tests two networks: *GASPnet (paper)* has the mechanisms of the paper, and *GASPnet* is that network
# with five additions of ours ({ref}`what-we-add`).

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% [markdown]
# An **oscillator** is either a location of a convolutional layer, whose channels share one phase in the paper, or a unit of a dense
# layer. Oscillator $i$ has an activity $m_i$ (a vector over channels, or a number) and a phase $\varphi_i$, an angle.
#
# {numref}`fig-architecture` shows GASPnet (paper). Read it from top to bottom: the image passes through convolutions and
# dense layers, as in any CNN. The purple boxes are the phases. From the second layer on, phases come from the layer below and
# weight every connection (purple arrows). The orange box on the right collects the keys of all layers. It is the only path by
# which a deep layer influences an early one.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "GASPnet (paper), drawn from its own sizes. Purple: phases, which pass from layer to layer and weight the connections, by the factor at the top (a: strength of modulation). Orange: every oscillator sends its key, scaled by its amplitude gate, to a common pool, and aligns its phase with what its query finds there.", "name": "fig-architecture"}, "image": {"alt": "A chain of boxes from image to read-out; beside each layer its phases, and to the right of all of them a common box of pooled keys."}}
import torch

from gasp.analysis import figures

untrained = settings.experiment("multi_mnist", "paper_gaspnet", seed=0).build()
figures.architecture(untrained)

# %% [markdown]
# ## The equations
#
# A time step has four parts: agreement, alignment, drive and modulation. Training adds a loss for the phases. One by one:
#
# ### Agreement: who belongs with whom
#
# Each oscillator sends a key $k_i = W_k m_i$ and asks a query $q_i = W_q m_i$, both scaled to length 1, with matrices of its layer.
# Training starts from $W_q = W_k$, so at first oscillators with similar activity attract each other. Oscillator $j$ pulls oscillator
# $i$ as strongly as the query of $i$ matches the key of $j$:
#
# $$
# r_{ij} = \frac{\langle q_i, k_j \rangle\, N_{ij} - \varepsilon_i}{\kappa_i}.
# $$ (eq-coupling)
#
# - $N_{ij}$ is the spatial neighbourhood: a Gaussian of the distance between two locations in the image, and 1 where either
#   oscillator is a dense unit.
# - $\varepsilon_i$ is a repulsion from everything, the *desynchronisation*. Training starts with a repulsion that is weaker than the
#   attraction between equal keys nearby. Oscillators that do not agree then end up in different phases.
# - $\kappa_i$ divides by how many neighbours are active, so that a step is of the same size for large and small objects.
#
# An **amplitude gate** $g_j$ between 0 and 1 says how active oscillator $j$ is: $g_j = a_j^2 / (a_j^2 + \langle a^2 \rangle)$, where
# $a_j$ is the length of its activity and the mean is over its layer. With it we set
#
# $$
# \kappa_i = \sum_j N_{ij}\, g_j, \qquad \varepsilon_i = \hat\varepsilon\, \frac{\sum_j N_{ij}\, g_j}{\sum_j g_j}.
# $$ (eq-normalization)
#
# Then $\varepsilon_i / \kappa_i = \hat\varepsilon / \sum_j g_j$. So attraction is an average over neighbours, and repulsion an
# average over all oscillators, whatever the number and size of the objects.
#
# ```{margin}
# Why not one learned $\kappa$ for all? In our first trials, training then made the steps so large that the dynamics became
# chaotic, and in some runs all order of phases was lost.
# ```
#
# In code, with six oscillators that belong to two objects. Oscillators of one object have the same key, and the two keys have nothing
# in common:

# %%
from torch.nn import functional as F

objects = torch.tensor([0, 0, 0, 1, 1, 1])
keys = queries = F.one_hot(objects).float()  # (6, 2)
gates, neighbourhood = torch.ones(6), torch.ones(6, 6)


def coupling_of(repulsion):
    """The coupling r, (6, 6), with this share of repulsion."""
    nearby = (neighbourhood * gates).sum(1, keepdim=True)
    epsilon = repulsion * nearby / gates.sum()
    return (queries @ keys.T * neighbourhood - epsilon) / nearby


coupling = coupling_of(repulsion=0.5)
print(coupling[0])

# %% [markdown]
# The first oscillator is attracted by its own object (positive entries) and repelled by the other (negative entries).
#
# ### Alignment: those who agree fall into step
#
# Phases follow Kuramoto dynamics {cite:p}`kuramoto`:
#
# $$
# \varphi_i \leftarrow \varphi_i + \eta \sum_j g_j\, r_{ij} \sin(\varphi_j - \varphi_i).
# $$ (eq-kuramoto)
#
# Silent neurons do not pull, because their amplitude gate is 0. The step size $\eta$ and the number of iterations $K$ are fixed. In
# code, with all gates at 1:

# %%
import math


def align(phases, coupling, iterations=40, step_size=1.0):
    """Kuramoto iterations of phases (6), radians."""
    for _ in range(iterations):
        gaps = phases - phases[:, None]  # from i (rows) to j (columns)
        pull = gates * coupling * gaps.sin()
        phases = phases + step_size * pull.sum(1)
    return phases


torch.manual_seed(0)
start = 2 * math.pi * torch.rand(6)
phases = align(start, coupling)
print("start:", start.rad2deg().round().int().tolist())
print("end:  ", (phases.rad2deg() % 360).round().int().tolist())

# %% [markdown]
# The three oscillators of an object end at one angle (in degrees), and the two objects at opposite angles. The network's own
# code is {py:func}`gasp.nn.kuramoto.align`.
#
# ### Drive: phases travel upwards
#
# The first layer keeps its phases from one time step to the next. A deeper layer takes its phases, in each sweep, from its input. A
# location takes the mean phase of its receptive field, weighted by activity ($w_{ij} = 1$ within the field). A dense unit takes the
# phase of the same sum with its weights $w_{ij}$. (Here and in the next equation $m_j$ is the activity of a single channel or unit.)
#
# $$
# \varphi_i \leftarrow \arg \sum_j w_{ij}\, m_j\, e^{i \varphi_j}.
# $$ (eq-drive)
#
# ### Modulation: neurons in phase influence each other more
#
# A neuron weights each input by the phase difference to its source:
#
# $$
# \begin{aligned}
# m_i = f\Bigl( &\sum_j w_{ij}\, m_j \bigl[ 1 + a_F \cos(\varphi_i - \varphi_j) \bigr] \\
# &+ b_i \Bigr).
# \end{aligned}
# $$ (eq-modulation)
#
# Here $f$ is the activation function and $b_i$ the bias. In phase, a connection is multiplied by $1 + a_F$. In antiphase it is
# multiplied by $1 - a_F$, which is zero when $a_F = 1$. A dense unit, which takes its phase by {eq}`eq-drive`, then selects an
# object. Let two objects in antiphase contribute $A > 0$ and $B > 0$ to the plain sum. The unit takes the phase of the stronger one
# and, with $a_F = 1$, computes $A + B + |A - B| = 2 \max(A, B)$, before the normalisation that follows in the network
# ({ref}`the-symbols`). In code, with $A = 3$ and $B = 1.5$:

# %%
weighted = torch.tensor([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])  # w m
own_phase = (weighted * torch.exp(1j * phases)).sum().angle()
modulated = weighted * (1 + torch.cos(own_phase - phases))
print(f"plain sum {weighted.sum():.2f}, modulated {modulated.sum():.2f}")

# %% [markdown]
# The weaker object has no influence any more: the result is twice the stronger one's part. The network's own code is
# {py:func}`gasp.nn.layers.modulated`.
#
# ### Time: look, align, look again
#
# The steps are $t = 0, 1, \dots, T - 1$. Step $t = 0$ is a plain feed-forward sweep; in GASPnet (paper) it is exactly that of a CNN
# with the same weights. The phases of the first layer are random; those of deeper layers follow from them, and no phase changes any
# activity. Each later step does two things:
#
# 1. $K$ iterations of {eq}`eq-kuramoto` align the phases of all layers, coupled by the keys and queries of the previous sweep.
# 2. A new sweep through all layers uses the aligned phases: {eq}`eq-drive`, then {eq}`eq-modulation`.
#
# The sweep replaces the phases of the deeper layers. So their alignment matters only because, during the iterations, they pull the
# phases of the first layer. The whole model is {py:class}`gasp.models.GASPnet`.
#
# ### Learning: name the objects, keep them apart
#
# The loss is the cross-entropy, averaged over time steps, plus $\lambda$ times a synchrony loss on the phases of the first layer,
# averaged over the steps after the first {cite:p}`kuranet,komplexnet`. Where two digits must be named, each is a target with weight
# ½. With $R_o$ the order parameter and $\bar\varphi_o$ the mean phase of the locations of object $o$, for $o = 1, \dots, G$,
#
# $$
# L_{\text{sync}} = \frac1G \sum_o (1 - R_o) + \Bigl| \frac1G \sum_o e^{i \bar\varphi_o} \Bigr|^2 .
# $$ (eq-synchrony)
#
# The first term is small when each object has one phase. The second is small when the objects' phases are spread over the circle. The
# synchrony loss trains keys and queries, and not the activities $m$ from which they are computed. In code:


# %%
def synchrony_loss(phases):
    """The loss of the two objects of the toy network."""
    means = (F.one_hot(objects).T / 3 * torch.exp(1j * phases)).sum(1)
    order = means.abs().clamp(max=1)
    return (1 - order).mean() + (means / order).mean().abs() ** 2


print(f"start {synchrony_loss(start):.2f}")
print(f"end   {synchrony_loss(phases):.2f}")

# %% [markdown]
# Alignment has brought the loss to almost zero. ({py:func}`gasp.learning.losses.synchrony_loss` is the network's.)
#
# The masks that say which location belongs to which object are known because the scenes are composed
# ({py:func}`gasp.data.scenes.compose`). They are used in training only. At test time the network sees nothing but the image.
#
# (what-we-add)=
# ## What we add
#
# So far these are the paper's mechanisms, as we read them: the variant `paper_gaspnet`, or *GASPnet (paper)*. The paper leaves much
# open. The table of symbols below marks which choices are ours, and the text under it adds two more. The choice with the largest
# consequence is one of these two: **no gradient flows from phases into activity**. Phases can select among the features of a CNN,
# but no loss on phases shapes them. (In GASPnet there is an indirect way, through the features of the key network; see below.) When
# we let this gradient flow, training was slow or failed. Other choices may give other results.
#
# *GASPnet* in the rest of the book has five additions of ours, and two losses that use masks to train keys and gate. None of these
# is in the paper. Each is a setting of {py:class}`gasp.models.GASPnetSettings` that is off by default. {ref}`the-second-design`
# and {ref}`without-additions` measure what some of them are worth.
#
# **Answers add up over time.** The paper's network answers from its last sweep alone and forgets what earlier sweeps saw. Ours
# answers at step $t$ by a weighted mean of the logits of all steps so far. A learned factor $\rho$ between 0 and 1 is the weight of a
# step relative to the step after it ({py:class}`gasp.models.Trajectory`): with 0 only the last step counts, with 1 all count alike.
# The network is trained by the logits $\ell_t$ of each step, and $\rho$ by a loss of its own on the answers $\bar\ell_t$:
#
# $$
# \bar\ell_t = \sum_{s \le t} \rho^{t-s}\, \ell_s \Big/ \sum_{s \le t} \rho^{t-s} .
# $$ (eq-readout)
#
# **Modulation is learned.** In the paper one strength $a_F$ serves all neurons, also those that phases do not help. In ours, every
# channel and every unit has its own $a_F$. It starts from 1 and is not bounded: at 0 phases are ignored, and below 0 neurons in
# antiphase count more.
#
# **Keys come from a network of their own.** A filter of five pixels is too small to tell a stroke from a texture. A small
# convolutional network ({py:class}`gasp.nn.keys.KeyNetwork`) computes features $h_i$ of each location of the first layer from a field
# 33 pixels wide, so that a central location sees the whole image of 32. It learns through keys and the learned gate below. Keys and
# queries of the first layer are linear in these features:
# $k_i = W_k h_i$, $q_i = W_q h_i$.
#
# **A learned gate decides what takes part.** A black background is silent: its activity and its amplitude gates $g$ are 0, so nothing
# there affects the rest (the first layer has no bias). A photograph is active everywhere, and units of the dense layer may follow
# *it* instead of a digit. The same features therefore also decide how much each location takes part:
#
# $$
# m_i \leftarrow p_i\, m_i, \qquad p_i = \operatorname{sigmoid}(v \cdot h_i + v_0).
# $$ (eq-gate)
#
# The gate $p$ multiplies the activity of the first layer. Pull, drive and input to the next layer are all computed from that
# activity, so a location whose gate is closed is as silent as a black background. It acts from step $t = 0$ on, before any phase
# does.
# (Elsewhere in this book, *the gate* means this learned gate, unless it is called the amplitude gate.)
#
# **Each channel has a phase.** In the paper the channels of a location share one phase, the mean over its receptive field. In ours,
# each channel of the second and third convolution takes the phase of its own input, the sum in {eq}`eq-drive`, as dense units do. A
# channel that responds to one digit then need not take the phase of another. In the coupling, a location still has one key and one
# phase: the mean of its channels' phases, weighted by activity. KomplexNet has phases of channels, too {cite:p}`komplexnet`.
#
# **Two losses** teach keys and gate directly, where training uses masks. The *loss on keys* asks the query of every location to
# choose its own object $o$ among the mean keys $\mu_o$ of all objects:
#
# $$
# \begin{aligned}
# &L_{\text{key}} = -\frac1G \sum_o \frac{1}{\sum_i c_{oi}} \\
# &\quad \sum_i c_{oi} \log \operatorname{softmax}_o \bigl(\tau \langle q_i, \mu_o \rangle\bigr), \\
# &\mu_o = \sum_i c_{oi}\, k_i \Big/ \sum_i c_{oi} .
# \end{aligned}
# $$ (eq-key-loss)
#
# Here $c_{oi}$ is how much of location $i$ object $o$ covers, and $\tau = 4$ ({py:func}`gasp.learning.losses.key_loss`). The
# synchrony loss, in contrast, reaches keys only through several steps of the dynamics. The *loss on the gate* $L_{\text{gate}}$ is
# the cross-entropy between $p_i$ and how much of location $i$ the objects cover that must be named
# ({py:func}`gasp.learning.losses.gate_loss`). GASPnet minimises
#
# $$
# L = L_{\text{class}} + \lambda L_{\text{sync}} + L_{\text{key}} + L_{\text{gate}} ,
# $$ (eq-loss)
#
# plus the loss on answers that trains $\rho$ alone. GASPnet (paper) minimises the first two terms. The objects of the losses are
# those that must be named. Without masks, labels alone train keys and gate. The losses on phases and keys also train the features
# $h$, from which the gate is computed, so by way of the gate they do change activity.
#
# The key network adds parameters, so GASPnet is compared with a wider CNN that has about as many.
#
# (the-symbols)=
# ## Symbols
#
# | symbol | meaning | in the code | value | source |
# |---|---|---|---|---|
# | $\varphi$ | phase, radians | `phases` | state | [G] |
# | $k, q$ | key, query | `keys`, `queries` | learned; unit norm, equal at the start | [G]; norm and start ours |
# | $d$ | size of keys | `key_size` | {glue:text}`key_size` | ours |
# | $N, \sigma$ | neighbourhood, its width in image sides | `neighbourhood` | {glue:text}`neighbourhood` | [G]; width ours |
# | $\varepsilon$ | desynchronisation | `desynchronization` | {eq}`eq-normalization`, $\hat\varepsilon$ learned from 0.5 | [G]; form ours |
# | $\kappa$ | normalisation | `normalization` | {eq}`eq-normalization` | [G]; form ours |
# | $g$ | amplitude gate | `gates` | $a_j^2 / (a_j^2 + \langle a^2 \rangle)$ | ours |
# | $\eta$ | step size | `step_size` | {glue:text}`step_size` | ours |
# | $K$ | Kuramoto iterations a step | `iterations` | {glue:text}`iterations` | ours |
# | $T$ | time steps | `steps` | {glue:text}`steps` | ours |
# | $a_F$ | strength of modulation | `modulation` | {glue:text}`modulation`; learned in GASPnet | [G]; value ours |
# | $\lambda$ | weight of the synchrony loss | `synchrony_weight` | {glue:text}`synchrony_weight` | [K]; value ours |
# | $p$ | learned gate | `participation` | 1; learned in GASPnet | ours |
# | $\rho$ | weight of earlier steps in an answer | `readout`, `leak` | 0; learned in GASPnet | ours |
# | $R$ | order parameter | `order_parameter` | | standard |
# | $c$ | how much of a location an object covers | `coverage` | | |
# | – | channels of the convolutions | `widths` | {glue:text}`widths` | [G] |
# | – | units of the dense layer | `hidden` | {glue:text}`hidden` | [G] |
# | – | kernels and strides | `kernels`, `strides` | {glue:text}`kernels`, {glue:text}`strides` | ours |
#
# [G] is the paper {cite:p}`gaspnet`, [K] is KomplexNet {cite:p}`komplexnet`. What they do not specify we chose; *ours* marks these
# choices. Two points are not in the table. As in [K], the sums of {eq}`eq-modulation` are normalised: the second and third
# convolution have instance normalisation, the dense layer has layer normalisation. And phases send no gradient into activity
# ({ref}`what-we-add`). The letter $\sigma$ is the width of the neighbourhood here; on other pages it is the standard deviation of
# noise.

# %% tags=["remove-cell"]
from myst_nb import glue

values = untrained.settings.model_dump() | settings.training.model_dump()
for name in ["key_size", "neighbourhood", "step_size", "iterations", "steps", "modulation", "synchrony_weight", "hidden"]:
    glue(name, f"{values[name]:g}", display=False)
for name in ["widths", "kernels", "strides"]:
    glue(name, ", ".join(map(str, values[name])), display=False)

# %% [markdown]
# ## Two identities that make it fast
#
# As they are written, {eq}`eq-kuramoto` needs every pair of oscillators, and {eq}`eq-modulation` a weight for each pair of neurons.
# Both sums factorise exactly, so the network never forms the pairs.
#
# **A modulated layer is three plain ones**, because $\cos(\varphi_i - \varphi_j) = \cos\varphi_i \cos\varphi_j + \sin\varphi_i
# \sin\varphi_j$:
#
# $$
# \begin{aligned}
# &\sum_j w_{ij} m_j \bigl[1 + a_F \cos(\varphi_i - \varphi_j)\bigr] \\
# &\quad = (w * m)_i + a_F \bigl[ \cos\varphi_i\, (w * m \cos\varphi)_i \\
# &\qquad + \sin\varphi_i\, (w * m \sin\varphi)_i \bigr].
# \end{aligned}
# $$ (eq-three-convolutions)
#
# **All pairs of the coupling meet in a pooled key** $Z$:
#
# $$
# \begin{aligned}
# &\sum_j g_j \langle q_i, k_j \rangle N_{ij} \sin(\varphi_j - \varphi_i) \\
# &\quad = \operatorname{Im}\bigl( e^{-i\varphi_i} \langle q_i, Z_i \rangle \bigr), \\
# &Z_i = \sum_j N_{ij}\, g_j\, k_j\, e^{i\varphi_j}.
# \end{aligned}
# $$ (eq-pooled-key)
#
# Without a neighbourhood, $Z$ is one vector for the whole network: the global agreement of the paper's title. A Gaussian
# neighbourhood is separable, so $Z$ is a product with one matrix for rows and one for columns. The package also keeps the
# equations as they are written ({py:func}`gasp.nn.kuramoto.dense_rates`). The next cell compares the two forms:

# %%
from gasp.nn import kuramoto
from gasp.nn.neighbourhood import Neighbourhood

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
grids = [(16, 16), (8, 8), (8, 8)]
gaussian = Neighbourhood(grids, units=26, width=0.12)
full_matrix = gaussian.matrix()
number = len(full_matrix)
random_phases = 6.28 * torch.rand(number, 4)
random_coupling = kuramoto.Coupling(
    queries=torch.randn(number, 8, 4),
    keys=torch.randn(number, 8, 4),
    gates=torch.rand(number, 4),
    neighbourhood=gaussian,
    desynchronization=0.1,
    normalization=10.0,
)
fast = kuramoto.rates(random_phases, random_coupling)
pairs = kuramoto.dense_rates(random_phases, random_coupling, full_matrix)
torch.set_default_dtype(torch.float32)
print(f"{number} oscillators, rates up to {pairs.abs().max():.0f}")
print(f"largest difference: {(fast - pairs).abs().max():.0e}")

# %% [markdown]
# The two forms differ by rounding only. {ref}`what-it-costs` measures how much time the fast form saves.
#
# ## Phases falling into step
#
# Now a trained network looks at two digits. Its first layer starts from random phases. The keys and queries of the first sweep
# stay fixed, and {eq}`eq-kuramoto` is iterated.

# %%
from gasp.analysis.alignment import align_first_layer

model = gasp.load("gaspnet", profile="cpu", device="cpu")  # of a real run
scene = settings.datasets["multi_mnist"].compose("test", 1, seed=0)
image, masks, _ = scene.batch(slice(None))
iterations = model.settings.iterations
maps, scene_gates = align_first_layer(model, image[0], 3 * iterations)

# %% [markdown]
# To read {numref}`fig-alignment`, look at the maps first. Each square is a location of the first layer. Its colour is its phase,
# by the colour wheel beside or below them; black locations are silent (amplitude gate 0). Then look at the curves. *Order* is 1
# when each digit has one phase. *Separation* is $(1 - \cos \Delta) / 2$ of their mean phases: 1 in antiphase, and 0 when they
# share a phase. Before alignment it is random, 0.5 on average and anything in a single scene, so only later values mean something.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One scene, and the phases of the first layer as they align (colour: phase; brightness: amplitude gate). The curves show the order within the digits and the separation between them, after each iteration.", "name": "fig-alignment"}, "image": {"alt": "A scene with two digits, maps of its phases that turn from noise into two colours, and two curves rising to one."}}
import pandas as pd

from gasp.learning.evaluation import separation

measured = separation(maps.unsqueeze(1), masks)
of_scene = {name: values[:, 0] for name, values in measured.items()}
order = pd.DataFrame(of_scene).rename_axis("iteration").reset_index()
moments = [0, 1, 2, iterations, 3 * iterations]
snapshots = [(moment, maps[moment], scene_gates) for moment in moments]
figures.alignment(image[0], snapshots, order)

# %% tags=["remove-cell"]
glue("order_last", f"{order['order_within'].iloc[-1]:.2f}", display=False)
glue("separation_last", f"{order['separation'].iloc[-1]:.2f}", display=False)
glue("iterations_shown", str(3 * iterations), display=False)

# %% [markdown]
# After {glue:text}`iterations_shown` iterations, the order within the digits is {glue:text}`order_last` and the separation
# between them {glue:text}`separation_last`. This demonstration aligns phases by coupling alone. In a full run, a new sweep
# follows every {glue:text}`iterations` iterations. It sets the phases of the deeper layers anew and changes their activity.
#
# ## What follows
#
# - Oscillators that agree and are near each other attract, and all others repel, so objects end up in different phases. At test time
#   nobody tells the network how many there are.
# - With $a_F = 1$, a unit whose inputs are in antiphase computes twice the larger of them instead of their sum. This is how phases
#   can select an object.
# - No pairs of neurons are formed, because both sums factorise. {ref}`what-it-costs`
#   says what remains.
# - Phases can tell objects apart only if keys agree within an object and differ between objects. Training finds such keys for digits,
#   on black and in front of photographs. For a photograph it finds them where the photograph must be named, and then for the first
#   layer only ({ref}`the-phases`).
#
# ## Exercises
#
# Each solution can be run after the cells above, in the notebook: see the buttons at the top of the page.
#
# **1. Too little and too much repulsion.** What happens to the six oscillators with $\hat\varepsilon = 0$, and with
# $\hat\varepsilon = 2$? Think first: which entries of $r$ are then positive? Does an object stay together when none is?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 1", "code_prompt_hide": "Hide the solution"}
for repulsion in (0.0, 0.5, 2.0):
    end = align(start, coupling_of(repulsion), iterations=400)
    means = (F.one_hot(objects).T / 3 * torch.exp(1j * end)).sum(1)
    apart = (means[0] / means[1]).angle().abs().rad2deg()
    within = means.abs().mean()
    print(f"{repulsion}: order {within:.2f}, objects {apart:.0f}° apart")
# 0: each object aligns, but nothing drives the two apart. Their
#    distance is whatever the start made it.
# 0.5: r is positive within an object and negative between objects.
# 2: every entry is negative, yet each object keeps one phase. Its
#    parts repel each other less than they repel the other object, so
#    they meet on the far side of it.

# %% [markdown]
# **2. Only differences count.** Add one constant to all phases at the start of a run. How much do the answers of the network
# change? Find the reason in {eq}`eq-kuramoto`, {eq}`eq-drive` and {eq}`eq-modulation`.

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 2", "code_prompt_hide": "Hide the solution"}
exact = untrained.double()  # in single precision, rounding would grow
with torch.no_grad():
    initial = untrained.initial_phases(batch=1).double()
    before = exact(image.double(), initial).logits
    after = exact(image.double(), initial + 1.0).logits
print(f"largest logit {before.abs().max():.2f}")
print(f"largest change {(before - after).abs().max():.0e}")
# Not at all, apart from rounding. Alignment and modulation contain
# differences of phases only, and a drive turns with its inputs.

# %% [markdown]
# **3. More than two objects.** Three objects are spread evenly over the circle and contribute $A = 3$, $B = 2$ and $C = 1$ to
# a unit. Does the unit still hear only the strongest?

# %% tags=["hide-cell"] mystnb={"code_prompt_show": "Solution of exercise 3", "code_prompt_hide": "Hide the solution"}
parts = torch.tensor([3.0, 2.0, 1.0])
spread = 2 * math.pi * torch.arange(3) / 3
own = (parts * torch.exp(1j * spread)).sum().angle()
weights = 1 + torch.cos(own - spread)
print("weights:", [round(weight, 2) for weight in weights.tolist()])
print("parts:  ", [round(part, 2) for part in (weights * parts).tolist()])
# No. The strongest object counts most, but the second keeps a large
# weight, because three objects cannot all be in antiphase.
