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
# (what-survives)=
# # Appendix: recovery from failures
#
# Training all runs takes hours. In that time a process may be killed, a disk may fill up, or someone may press Ctrl-C. Afterwards
# finished results must still be there, half-finished runs must resume where they stopped, and damaged files must be recognised. In
# {glue:text}`trials` trials, equally many for each fault below, {glue:text}`wrong` of the seven failures that must never happen
# occurred. With ten trials per fault, a failure that occurs in one trial of four would be missed with a chance of 6 %. Loss of
# power was not tested.
#
# One command runs these trials. Each trial starts four small runs in a folder of its own and disturbs them, mostly at a random
# moment. Then it lets them end and compares every file, byte by byte, with those of undisturbed runs:
#
# ```bash
# gasp faults   # ten trials per fault, some minutes; with --quick, one
# ```
#
# The project's test suite uses `--quick`. To test the file system that will hold your results, name a folder there:
# `TMPDIR=/a/folder gasp faults`. (Full and read-only disks are always simulated by a file system of their own.)

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

occurred = {name: name.replace("_", " ") for name in faults.MUST_BE_ZERO if counts[name].any()}
stopped = counts.loc[["terminated (SIGTERM)", "interrupted (Ctrl-C)"]]
for name, text in {
    "trials": str(counts["trials"].sum()),
    "met": str(counts["met"].sum()),
    "not_tried": ", ".join(sorted(set(trials[~trials["tried"]]["fault"]))) or "none",
    "wrong": ", ".join(occurred.values()) or "none",
    "leave": f"{stopped['leave'].max():.1f}",
    "again_told": str(stopped["again"].sum()),
    "again_killed": str(counts.loc["killed (SIGKILL)", "again"]),
    "met_killed": str(counts.loc["killed (SIGKILL)", "met"]),
}.items():
    glue(name, text, display=False)

# %% [markdown]
# Faults that this machine did not allow us to try: {glue:text}`not_tried`. Seven failures must never happen; {glue:text}`wrong` of
# them occurred:
#
# - *lost*: a result of a finished run is missing;
# - *repeated*: a finished run whose files were intact was computed again;
# - *half*: an incomplete file was taken for a complete one;
# - *left over*: a temporary file remained;
# - *differing*: a file differs from that of the undisturbed grid;
# - *unclear*: a message is a traceback, or names neither the place nor what to do;
# - *hung*: a command did not end.
#
# The table counts, for each fault, what recovery cost. If a failure that must never happen had occurred, it would have a column of
# its own:
#
# - *stopped*: commands that ended early, because they were killed, refused a damaged file or could not write; one trial may have
#   several, {glue:text}`met` in all;
# - *resumed*: trials whose last command continued a run from a checkpoint. In the others nothing was left to continue: the fault
#   struck between two runs; or an earlier command of the trial had already finished the grid; or the damaged file held all that could
#   have been continued; or, when a worker was killed, another one continued its run within the same command;
# - *steps repeated*: training steps that were computed twice (–: not measured, because the steps of workers are not counted).

# %% tags=["remove-input"]
columns = {"met": "stopped", "resumed": "resumed", "again": "steps repeated", **occurred}
cells = counts[list(columns)].astype("string").fillna("–")
table(["fault", *columns.values()], [[fault, *row] for fault, row in zip(cells.index, cells.to_numpy(), strict=True)])

# %% [markdown]
# The trials save a checkpoint after every step, so a kill costs only the step in which it happens ({glue:text}`again_killed` steps in
# {glue:text}`met_killed` kills). Real runs save every 15 seconds, so a kill costs up to 15 seconds of training. A command that is
# asked to stop loses nothing ({glue:text}`again_told` steps): it completes its step and saves it, which took at most
# {glue:text}`leave` s in these small runs.
#
# Damaged checkpoints, weights and data are refused when they are read, and the message says to remove them. The trials did so, and
# computed again what was missing. A damaged result counts as missing and is computed again. If one of several workers is
# killed, another takes its run within the same command, from its last checkpoint, so no command is stopped.
#
# ## How each fault is made
#
# | fault | how |
# |---|---|
# | killed, terminated, interrupted | the signal is sent up to three times, at random moments |
# | disk full | a separate file system (`tmpfs`) first has room for only some of the files, later for all |
# | store read-only | the same file system is mounted read-only before a killed grid resumes |
# | checkpoint, weights, result, data damaged | in one file of a killed grid a bit is flipped, or the file is cut off, emptied or filled with noise |
# | clock set back | the process's clock goes back an hour at every reading, files carry dates in the future, and the process is killed |
# | two at once | two processes run the same command |
# | worker killed | one of the two worker processes is killed |
#
# Mounting needs permission. Where it is missing, run `unshare --user --map-root-user --mount gasp faults`. The system's clock
# itself is never changed.
#
# ## How results are protected
#
# - A file is written under another name beside its place, and renamed when it is complete.
# - Results carry checksums of their parts; weights and checkpoints carry one of their own.
# - A lock on the run keeps a second process from computing it.
# - Nothing that is read can execute code: tensors are safetensors, arrays are read without pickle, and settings are plain YAML.
