# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (the-model)=
# # The model
#
# GASPnet {cite:p}`gaspnet` is a convolutional network in which every layer carries phases. An **oscillator** is a location
# of a convolutional layer, whose channels share one phase, or a unit of a dense layer. Oscillator $i$ has an activity $m_i$
# (a vector over channels, or a number) and a phase $\varphi_i$, an angle.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-input"]
import gasp
from gasp.publishing.pages import banner

settings = gasp.load_profile(profile, **overrides)
banner(settings, overrides)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The network, drawn from its own sizes. Purple: phases; from the second layer on they come from below and weigh every connection. Red: all oscillators send gated keys to one pool, and align with what their queries find there.", "name": "fig-architecture"}, "image": {"alt": "A chain of boxes from image to read-out; above each layer its phases, below all of them a common box of pooled keys."}}
import torch

from gasp.analysis import figures

untrained = settings.experiment("multi_mnist", "gaspnet", seed=0).build()
figures.architecture(untrained)

# %% [markdown]
# ## The equations
#
# **Agreement.** Each oscillator sends a key $k_i = W_k m_i$ and asks a query $q_i = W_q m_i$. How strongly two oscillators
# are coupled is how well the query of one agrees with the key of the other:
#
# $$
# r_{ij} = \frac{\langle q_i, k_j \rangle\, N_{ij} - \varepsilon_i}{\kappa_i}.
# $$ (eq-coupling)
#
# $N_{ij}$ is a spatial neighbourhood, a Gaussian of the distance between two locations in the image, and 1 where either
# oscillator is a dense unit. $\varepsilon_i$ pushes everything apart a little, so that what does not agree ends up in
# different phases. $\kappa_i$ normalises. With the gates $g$ of the next equation we take
#
# $$
# \kappa_i = \sum_j N_{ij}\, g_j, \qquad \varepsilon_i = \hat\varepsilon\, \frac{\sum_j N_{ij}\, g_j}{\sum_j g_j}:
# $$ (eq-normalization)
#
# attraction is then an average over neighbours, repulsion an average over all, whatever the number and size of the
# objects.
#
# ```{margin}
# With one learned $\kappa$ for all, training made the steps so large that the dynamics became chaotic, and some runs lost
# their phases.
# ```
#
# **Alignment.** Phases follow Kuramoto dynamics:
#
# $$
# \varphi_i \leftarrow \varphi_i + \eta \sum_j g_j\, r_{ij} \sin(\varphi_j - \varphi_i).
# $$ (eq-kuramoto)
#
# The gate $g_j \in [0, 1)$ grows with the amplitude of oscillator $j$: silent neurons do not pull. The code is
# {py:func}`gasp.nn.kuramoto.align`, and all of it together {py:class}`gasp.models.GASPnet`.
#
# **Modulation.** What a neuron hears depends on phase:
#
# $$
# m_i = f\Bigl( \sum_j w_{ij}\, m_j \bigl[ 1 + a_F \cos(\varphi_i - \varphi_j) \bigr] + b_i \Bigr).
# $$ (eq-modulation)
#
# In phase, a connection is enhanced by $1 + a_F$; in antiphase it is weakened by $1 - a_F$, to nothing when $a_F = 1$
# ({py:func}`gasp.nn.layers.modulated`).
#
# **Time.** Step $t = 0$ is a plain feed-forward sweep: the CNN of the same weights. Each later step aligns the phases of
# all layers by $K$ iterations of {eq}`eq-kuramoto`, coupled by the keys and queries of the last sweep, and then sweeps
# through the layers again with {eq}`eq-modulation`. The first layer keeps its phases from step to step. A deeper layer takes
# its phases, at each sweep, from what it receives: a location the mean phase of its receptive field, weighted by
# amplitude; a dense unit the phase of its complex input,
#
# $$
# \varphi_i \leftarrow \arg \sum_j w_{ij}\, m_j\, e^{i \varphi_j}.
# $$ (eq-drive)
#
# With two objects in antiphase, whose parts of the plain sum are $A$ and $B$, such a unit computes
# $A + B + |A - B| = 2 \max(A, B)$: it listens to the object that drives it most.
#
# **Learning.** The loss is the cross-entropy at every time step plus $\lambda$ times a synchrony loss on the phases of the
# first layer {cite:p}`kuranet,komplexnet`, with $R_g$ the order parameter and $\bar\varphi_g$ the mean phase of the
# locations of object $g$ of $G$:
#
# $$
# L_{\text{sync}} = \frac1G \sum_g (1 - R_g) + \Bigl| \frac1G \sum_g e^{i \bar\varphi_g} \Bigr|^2 .
# $$ (eq-synchrony)
#
# ```{margin}
# Masks are known because the scenes are composed ({py:func}`gasp.data.scenes.compose`).
# ```
# Which pixels belong to which object is told in training only.
#
# (what-we-add)=
# ## What we add
#
# So far these are the paper's mechanisms. On photographs they lose to a CNN ({ref}`the-photographs`). A second design adds five
# mechanisms of ours; none of them is in the paper. Each is a setting of {py:class}`gasp.models.GASPnetSettings`, and each is off in the first design, `gaspnet`.
# {ref}`the-second-design` measures what each is worth.
#
# **Answers add up over time.** The first design answers from its last sweep alone and forgets what earlier sweeps saw. Now the
# answer at step $t$ is a mean of the logits of all steps so far, in which a learned leak $\rho$ between 0 and 1 makes earlier
# steps count less ({py:class}`gasp.models.Trajectory`). Each step is still trained by its own logits:
#
# $$
# \bar\ell_t = \sum_{s \le t} \rho^{t-s}\, \ell_s \Big/ \sum_{s \le t} \rho^{t-s} .
# $$ (eq-readout)
#
# **Modulation is learned.** One strength $a_F = 1$ serves all neurons, also those that phases do not help. Now every channel and every
# unit has its own $a_F$. It starts from 1 and may fall to 0, where phases are ignored.
#
# **Keys come from a network of their own.** A filter of five pixels is too small to tell a stroke from a texture. A small
# convolutional network ({py:class}`gasp.nn.keys.KeyNetwork`) computes features $h_i$ of each location of the first layer from a field
# of 33 pixels. It learns through keys, gates and phases only. Keys and queries of the first layer are linear in these features:
# $k_i = W_k h_i$, $q_i = W_q h_i$.
#
# **A gate says what takes part.** An empty background is silent: its activity and its gates $g$ are 0, so nothing there affects the
# rest. A photograph is active everywhere, so units of the dense layer may follow *it* instead of a digit. The same features therefore also decide how
# much each location takes part:
#
# $$
# m_i \leftarrow p_i\, m_i, \qquad p_i = \operatorname{sigmoid}(w \cdot h_i + b).
# $$ (eq-gate)
#
# The gate $p$ multiplies the activity of the first layer. Pull, drive and input to the next layer are all computed from that
# activity, so a location whose gate is closed is as silent as an empty background.
#
# **Each channel has a phase.** In the first design the channels of a location share one phase, the mean over its receptive field. In
# the second, each channel of the second and third convolution takes the phase of its own complex input by {eq}`eq-drive`, as dense
# units do. A channel that responds to one digit then need not take the phase of another. KomplexNet has phases like these
# {cite:p}`komplexnet`.
#
# Masks, where training uses them, teach keys and gate directly. The *loss on keys* asks the query of every location to choose its own
# object $g$ among the mean keys $\mu_g$ of all objects; $w_{gi}$ is how much of location $i$ object $g$ covers, and $\tau = 4$
# ({py:func}`gasp.learning.losses.key_loss`):
#
# $$
# L_{\text{key}} = -\frac1G \sum_g \frac{1}{\sum_i w_{gi}} \sum_i w_{gi}
# \log \operatorname{softmax}_g \bigl(\tau \langle q_i, \mu_g \rangle\bigr).
# $$ (eq-key-loss)
#
# The synchrony loss, in contrast, reaches keys only through several steps of the dynamics. The *loss on the gate* trains it to open as
# far as the objects that must be named cover a location ({py:func}`gasp.learning.losses.gate_loss`). Without masks, labels alone
# train keys and gate.
#
# The second design runs for $T = 2$ steps. Its key network adds parameters, so the CNN of as many parameters is wider for it.
#
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
# | $a_F$ | strength of modulation | `modulation` | {glue:text}`modulation` | [G]; value ours |
# | $\lambda$ | weight of the synchrony loss | `synchrony_weight` | {glue:text}`synchrony_weight` | [K]; value ours |
# | $p$ | learned gate | `participation` | 1; learned in the second design | ours |
# | $\rho$ | leak of the read-out | `readout`, `leak` | 0; learned in the second design | ours |
# | | channels of the convolutions | `widths` | {glue:text}`widths` | [G] |
# | | units of the dense layer | `hidden` | {glue:text}`hidden` | [G] |
# | | kernels and strides | `kernels`, `strides` | {glue:text}`kernels`, {glue:text}`strides` | ours |
#
# [G] is the paper {cite:p}`gaspnet`, [K] is KomplexNet {cite:p}`komplexnet`; what they do not tell we chose. The
# normalisations (per channel after the second and third convolution, over units after the dense layer) follow [K]. That
# phases take activity as given, without a gradient into the features, is ours: with it, training was slow or failed.

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
# As they are written, {eq}`eq-coupling` and {eq}`eq-modulation` weigh every pair of neurons by itself. Both factorise, exactly.
# A modulated layer is three plain ones, because $\cos(\varphi_i - \varphi_j) = \cos\varphi_i \cos\varphi_j + \sin\varphi_i
# \sin\varphi_j$:
#
# $$
# \begin{aligned}
# \sum_j w_{ij} m_j \bigl[1 + a_F \cos(\varphi_i - \varphi_j)\bigr] &= (w * m)_i \\
# + a_F \bigl[ &\cos\varphi_i\, (w * m \cos\varphi)_i + \sin\varphi_i\, (w * m \sin\varphi)_i \bigr].
# \end{aligned}
# $$ (eq-three-convolutions)
#
# And all pairs of the coupling meet in a pooled key $Z$:
#
# $$
# \begin{aligned}
# \sum_j g_j \langle q_i, k_j \rangle N_{ij} \sin(\varphi_j - \varphi_i)
# &= \operatorname{Im}\bigl( e^{-i\varphi_i} \langle q_i, Z_i \rangle \bigr), \\
# Z_i &= \sum_j N_{ij}\, g_j\, k_j\, e^{i\varphi_j}.
# \end{aligned}
# $$ (eq-pooled-key)
#
# Without a neighbourhood, $Z$ is one vector for the whole network: the global agreement of the paper's title. A Gaussian
# neighbourhood is separable, so $Z$ is a product with one matrix for rows and one for columns. The code keeps the
# equations as they are written, too ({py:func}`gasp.nn.kuramoto.dense_rates`), and holds the fast form against them:

# %%
from gasp.nn import kuramoto
from gasp.nn.neighbourhood import Neighbourhood

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
grids = [(16, 16), (8, 8), (8, 8)]
neighbourhood = Neighbourhood(grids, units=26, width=0.12)
full_matrix = neighbourhood.matrix()
number = len(full_matrix)
phases, gates = 6.28 * torch.rand(number, 4), torch.rand(number, 4)
queries, keys = torch.randn(2, number, 8, 4)
coupling = kuramoto.Coupling(
    queries,
    keys,
    gates,
    neighbourhood,
    desynchronization=0.1,
    normalization=10.0,
)
fast = kuramoto.rates(phases, coupling)
written = kuramoto.dense_rates(phases, coupling, full_matrix)
torch.set_default_dtype(torch.float32)
print(f"{number} oscillators, rates up to {written.abs().max():.0f}")
print(f"largest difference: {(fast - written).abs().max():.0e}")

# %% [markdown]
# ## Phases falling into step
#
# A trained network looks at two digits. Its first layer starts from random phases; the keys and queries of the first sweep
# stay fixed, and {eq}`eq-kuramoto` is iterated. Locations of one digit find each other, and the two digits drift apart.

# %%
from gasp.analysis.alignment import align_first_layer

model = gasp.load("gaspnet", profile="cpu", device="cpu")  # of a real run
scene = settings.datasets["multi_mnist"].compose("test", 1, seed=0)
image, masks, _ = scene.batch(slice(None))
iterations = model.settings.iterations
maps, gates = align_first_layer(model, image[0], 3 * iterations)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One scene, the phases of the first layer as they align (colour: phase; brightness: gate), and how well they separate the two digits: 1 means that each digit is in phase within, and that the two are in antiphase.", "name": "fig-alignment"}, "image": {"alt": "A scene with two digits, maps of its phases that turn from noise into two colours, and two curves rising to one."}}
import pandas as pd

from gasp.learning.evaluation import separation

measured = separation(maps.unsqueeze(1), masks)
of_scene = {name: values[:, 0] for name, values in measured.items()}
order = pd.DataFrame(of_scene).rename_axis("iteration").reset_index()
moments = [0, 1, 2, iterations, 3 * iterations]
snapshots = [(moment, maps[moment], gates) for moment in moments]
figures.alignment(image[0], snapshots, order)

# %% tags=["remove-cell"]
glue("order_last", f"{order['order_within'].iloc[-1]:.2f}", display=False)
glue("separation_last", f"{order['separation'].iloc[-1]:.2f}", display=False)
glue("iterations_shown", str(3 * iterations), display=False)

# %% [markdown]
# After {glue:text}`iterations_shown` iterations the order within the digits is {glue:text}`order_last` and their separation
# {glue:text}`separation_last`. In this demonstration all layers move together by coupling alone; in a full run, a sweep
# after every {glue:text}`iterations` iterations resets the phases of the deeper layers by {eq}`eq-drive`, and activity
# changes with them.
