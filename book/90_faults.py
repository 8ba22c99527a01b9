# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     name: python3
#     display_name: Python 3
# ---

# %% [markdown]
# (what-survives)=
# # Appendix: what survives
#
# A grid of runs takes hours, and hours meet power cuts, full disks and impatience. What is finished must then still be there,
# what was under way must go on where it was, and what is damaged must be told from what is whole. One command tries it, with
# grids of four small runs, each in a folder of its own, that meet a fault at a random point of their way, are then run to their
# end, and are compared byte for byte with a grid that met none:
#
# ```bash
# gasp faults            # ten trials of each fault, minutes; --quick: one
# ```
#
# The tests make the short form of it whenever they run. Do it yourself on the file system that your results are to be kept on.

# %% tags=["parameters", "remove-cell"]
profile = "smoke"
overrides = {}

# %% tags=["remove-cell"]
import gasp
from gasp.analysis.tables import table
from gasp.experiments.measurements import read_measurements
from gasp.tools import faults

settings = gasp.load_profile(profile, **overrides)
directory = settings.store.directory
if not settings.judges:
    faults.measure(directory, quick=True)
trials = read_measurements(directory / "faults.csv")
counts = faults.summary(trials)

# %% tags=["remove-cell"]
from myst_nb import glue

stopped = counts.loc[["terminated (SIGTERM)", "interrupted (Ctrl-C)"]]
for name, text in {
    "trials": str(counts["trials"].sum()),
    "met": str(counts["met"].sum()),
    "not_tried": ", ".join(sorted(set(trials[~trials["tried"]]["fault"]))) or "none",
    "wrong": str(counts[list(faults.MUST_BE_ZERO)].to_numpy().sum()),
    "leave": f"{stopped['leave'].max():.1f}",
    "again_told": str(stopped["again"].sum()),
    "again_killed": str(counts.loc["killed (SIGKILL)", "again"]),
    "met_killed": str(counts.loc["killed (SIGKILL)", "met"]),
}.items():
    glue(name, text, display=False)

# %% [markdown]
# {glue:text}`trials` trials, as many of each fault, in which {glue:text}`met` commands were stopped or refused; not allowed on this machine:
# {glue:text}`not_tried`. Of what must not happen, {glue:text}`wrong` cases were seen. It must not happen that a result of a
# finished run is *lost* or made again (*repeated*), that a *half*-written file is taken for whole, that a file is *left over*,
# that one is *differing* from those of the grid without faults, that a message is *unclear* (a traceback, or a line that names
# neither the place nor what to do), or that a command is *hung*.

# %% tags=["remove-input"]
header = ["fault", "stopped", "resumed", "steps again", *(name.replace("_", " ") for name in faults.MUST_BE_ZERO)]
columns = ["met", "resumed", "again", *faults.MUST_BE_ZERO]
cells = counts[columns].astype("string").fillna("–")
table(header, [[fault, *row] for fault, row in zip(cells.index, cells.to_numpy(), strict=True)])

# %% [markdown]
# *Stopped*: commands that did not end well, some in one trial more than one. *Resumed*: trials whose last command went on from a
# checkpoint. *Steps again*: training steps that were made twice; with a checkpoint after every step, as here, a kill costs the
# step that it meets ({glue:text}`again_killed` in {glue:text}`met_killed` kills), and being told to stop costs none
# ({glue:text}`again_told`): the step is ended and saved, which took at most {glue:text}`leave` s. Real runs save every 15
# seconds and when they are told to stop. Where a damaged checkpoint or weights were refused, they were removed, as the message
# says, and what they held was trained again.
#
# ## How each fault is made
#
# | fault | how |
# |---|---|
# | killed, terminated, interrupted | the signal, up to three times, at any point |
# | disk full | a file system of its own (`tmpfs`) with room for a part of what is to be kept, later for all |
# | store read-only | the same, mounted read-only when a killed grid is to go on |
# | checkpoint, weights, result, data damaged | one file of a killed grid: a bit flipped, cut off, emptied, or filled with noise |
# | clock set back | every look at the process's clock an hour earlier, files with dates in the future, and kills |
# | two at once | the same command in two processes |
# | worker killed | one of the two processes that runs are spread over |
#
# Mounting needs permission: where it is not given, run `unshare --user --map-root-user --mount gasp faults`. The system's clock
# itself is left alone. Every file is written beside its place and renamed; results carry the checksums of their parts, weights
# and checkpoints one of their own; a run is held by a lock while it is computed. Nothing that is read can execute code:
# tensors are safetensors, arrays are read without pickle, and settings are plain YAML.
