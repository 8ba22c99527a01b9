"""The rule that judges effects and claims, and the tables of its verdicts.

Claims are judged for each design of GASPnet by itself: the paper's mechanisms alone, and those with our additions.

The p of an effect is the larger of two two-sided tests, over seeds, and over seeds and scenes together
(:func:`gasp.analysis.statistics.certainty`), corrected by Holm's method. For each design, the effects by which the paper's
claims are judged are corrected together, and all others, which are ours, together. An effect **holds** if it is above zero
with p < 0.05, **does not hold** if it is below zero with p < 0.05, and is **unclear** otherwise. With fewer than two seeds it
is **not tested**. A comparison that favours GASPnet beyond what the claim says
(``refutes_only`` of :class:`gasp.analysis.effects.Effect`) can show that the claim does not hold, but not that it holds.

A claim is judged on each data set. It holds if all its effects hold, does not hold if one of them does not, and is unclear
otherwise; it is not tested if none of its effects is. The same goes for each part of a claim with a verdict of its own: the
stricter comparison, each layer of claim C6, and each part of claims C3, C7, O5 and O7. Where the runs of a profile are too
short to judge anything, what was tested is **not judged**.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown
from statsmodels.stats.multitest import multipletests
from tqdm import tqdm

from gasp.analysis.claims import CLAIMS, GROUPS, datasets_of, effects
from gasp.analysis.comparisons import STRICTER, objects_of
from gasp.analysis.designs import OURS, PAPER, Design
from gasp.analysis.statistics import certainty, formatted
from gasp.analysis.tables import LONGER, dataset_label, table
from gasp.experiments.profile import Profile

__all__ = ["SEPARATED", "claims_box", "claims_table", "effects_table", "judge", "verdicts"]

ALPHA = 0.05
# Phases tell objects apart if the order within objects, and the separation between them relative to its maximum, exceed this.
# With two objects, mean phases are then 127 degrees apart and phases deviate from them by less than 38 degrees (the circular
# standard deviation), so about 19 of 20 locations are nearer to their own object than to the other.
SEPARATED = 0.8
COLUMNS = ["claim", "part", "effect", "dataset", "family", "mean", "low", "high", "seeds", "scenes", "p", "refutes_only"]
# each verdict has a sign, so that colour is not the only cue
VERDICTS = {"holds": "✓", "does not hold": "✗", "unclear": "?", "not judged": "–", "not tested": "○"}


def judge(profile: Profile, design: Design = OURS) -> pd.DataFrame:
    """Test every effect of the claims. Each has one row, claim by claim.

    Args:
        design: the design of GASPnet that is judged.

    Returns:
        columns ``claim``, ``part`` (of the claim; empty for the claim itself), ``effect``, ``dataset``, ``family`` (``paper``
        or ``ours``: the effects whose p are corrected together), ``mean``, ``low``, ``high`` (Student's 95 % interval over
        seeds), ``seeds``, ``scenes`` (NaN for phases), ``p`` (corrected), ``verdict``. Effects that were not run have no
        values; those of one seed have neither interval nor p.

    Raises:
        GaspError: for claims in the profile that cannot be judged, and if the results of a run of the grid are missing.
    """
    rows = [
        {
            "claim": effect.claim,
            "part": effect.part,
            "effect": effect.text,
            "dataset": effect.dataset,
            "refutes_only": effect.refutes_only,
        }
        | certainty(effect.values(profile))
        for effect in tqdm(list(effects(profile, design)), desc="testing", unit="effect")
    ]
    table = pd.DataFrame([*rows, *_phases(profile, design)], columns=COLUMNS)
    order = {name: index for index, name in enumerate(CLAIMS)}
    table = table.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    ours = table["claim"].map(lambda name: CLAIMS[name].group == "ours") | (table["part"] == STRICTER)
    table["family"] = ours.map({True: "ours", False: "paper"})
    for _, tests in table["p"].dropna().groupby(table["family"]):
        table.loc[tests.index, "p"] = multipletests(tests, method="holm")[1]
    significant = table["p"] < ALPHA
    table["verdict"] = np.select(
        [table["p"].isna(), significant & (table["mean"] < 0), significant & table.pop("refutes_only").ne(True)],
        ["not tested", "does not hold", "holds"],
        "unclear",
    )
    if not profile.judges:
        table["verdict"] = table["verdict"].where(table["verdict"] == "not tested", "not judged")
    return table


def _phases(profile: Profile, design: Design) -> Iterator[dict[str, Any]]:
    """C6: by how much GASPnet's order and separation exceed their thresholds, in each convolutional layer."""
    for dataset in datasets_of(profile, "C6"):
        objects = sum(objects_of("C6", dataset, profile))
        largest = objects / (2 * (objects - 1))  # mean separation of evenly spread phases: 1 for two objects, 0.75 for three
        bars = {"order_within": ("order within objects", SEPARATED), "separation": ("separation", SEPARATED * largest)}
        results = profile.store.table(profile.experiments([dataset], [design.gaspnet]))
        phases = results[(results["evaluation"] == "phases") & results["metric"].isin(list(bars))]
        last = phases[phases["t"] == phases["t"].max()]
        layers = last["level"].unique().tolist() or range(1, len(profile.network.widths) + 1)
        for layer in layers:
            for metric, (text, bar) in bars.items():
                values = last[(last["level"] == layer) & (last["metric"] == metric)]["value"].to_numpy(float)
                effect = {"effect": f"layer {layer:g}: {text} − {bar:g}", "dataset": dataset}
                yield {"claim": "C6", "part": f"layer {layer:g}", **effect, **certainty(values - bar)}


def verdicts(effects: pd.DataFrame) -> pd.Series[str]:
    """The verdict on each claim and part of a claim on each data set, from the table of :func:`judge`.

    Returns:
        indexed by ``claim``, ``part`` and ``dataset``.
    """
    return effects.groupby(["claim", "part", "dataset"], sort=False)["verdict"].agg(_of_claim)


def _of_claim(effects: pd.Series[str]) -> str:
    kinds = set(effects)
    if len(kinds) == 1:
        return str(kinds.pop())
    return next((kind for kind in ("does not hold", "not judged") if kind in kinds), "unclear")


def claims_table(effects: pd.DataFrame, paper: pd.DataFrame) -> Markdown:
    """The verdict on each claim on each data set, as coloured cells under a heading for each group; on a phone, as cards.

    Parts of a claim have rows of their own. Below a verdict stand the signs of the stricter comparison, after longer training,
    and of the paper's mechanisms alone, where these were tested. A data set of longer training has a column of its own if it
    judges a claim that the one without does not.

    Args:
        effects, paper: tables of :func:`judge`, for our design and for the paper's mechanisms alone.
    """
    found, alone = verdicts(effects).to_dict(), verdicts(paper).to_dict()
    claims = {str(dataset): set(rows["claim"]) for dataset, rows in effects.groupby("dataset", sort=False)}
    below = [name for name in claims if name.endswith(LONGER) and claims[name] <= claims.get(name.removesuffix(LONGER), set())]
    names = {dataset: escape(dataset_label(dataset)) for dataset in claims if dataset not in below}
    header = "".join(f'<th scope="col">{name}</th>' for name in ["In our implementation", *names.values()])
    bodies = []
    for group, about in GROUPS.items():
        rows = [f'<tr><th scope="rowgroup" colspan="{len(names) + 1}">{about}</th></tr>']
        for name, claim in CLAIMS.items():
            if claim.group != group:
                continue
            parts = effects[(effects["claim"] == name) & (effects["part"] != STRICTER)]["part"].unique().tolist() or [""]
            for part in parts:
                text = f"{{ref}}`{name} <{claim.page}>` {claim.text} {part and f'*{part}*'}"
                cells = (_cell(found, alone, name, part, dataset, label) for dataset, label in names.items())
                # within HTML, Markdown is parsed only between empty lines
                rows.append(f'<tr><th scope="row">\n\n{" ".join(text.split())}\n\n</th>\n{"".join(cells)}</tr>')
        bodies.append("<tbody>\n{}\n</tbody>".format("\n".join(rows)))
    head = f'<table class="gasp-claims">\n<thead><tr>{header}</tr></thead>'
    return Markdown("\n".join([head, *bodies, "</table>"]))


def _cell(found: dict[Any, str], alone: dict[Any, str], claim: str, part: str, dataset: str, label: str) -> str:
    """The verdict on a claim on one data set; empty if the claim is not judged there."""
    verdict = found.get((claim, part, dataset))
    if verdict is None:
        return "<td></td>"
    others = {
        "stricter": found.get((claim, STRICTER, dataset)),
        "longer": found.get((claim, part, dataset + LONGER)),
        "longer, stricter": found.get((claim, STRICTER, dataset + LONGER)),
        "paper alone": alone.get((claim, part, dataset)),
        "paper alone, stricter": alone.get((claim, STRICTER, dataset)),
    }
    below = "".join(f"<small>{_sign(of)}&nbsp;{name}</small>" for name, of in others.items() if of not in (None, "not tested"))
    return f'<td class="{verdict.replace(" ", "-")}" data-dataset="{label}">{_signed(verdict)}{below}</td>'


def _signed(verdict: str) -> str:
    return f'<span aria-hidden="true">{VERDICTS[verdict]}</span>&nbsp;{verdict}'


def _sign(verdict: str) -> str:
    """The sign of a verdict alone; its name is read aloud, and shown where the pointer rests."""
    return f'<span role="img" aria-label="{verdict}" title="{verdict}">{VERDICTS[verdict]}</span>'


def claims_box(profile: Profile, names: Sequence[str], why: str, datasets: Sequence[str] = ()) -> Markdown:
    """The box that opens a chapter: its conclusion, then the verdicts on its claims, each with an effect behind it.

    Verdicts on the paper's mechanisms alone have lines of their own, and a last line lists what was not tested. As long as
    runs of the profile are missing, the box says so instead of judging.

    Args:
        names: names of the claims.
        why: the conclusion, in a few sentences of Markdown.
        datasets: names of data sets in the profile; all on which a claim is judged when omitted.
    """
    runs = profile.experiments()
    missing = sum(run.key not in profile.store for run in runs)
    designs = [OURS] if all(CLAIMS[name].group == "ours" for name in names) else [OURS, PAPER]
    tables = {} if missing else {design: judge(profile, design) for design in designs}
    lines = []
    for name in names:
        lines += ["", f"**{name}.** {CLAIMS[name].text}", ""]
        untested = []
        for design, judged in tables.items():
            own = judged[(judged["claim"] == name) & (judged["part"] != STRICTER)]
            for dataset, rows in own.groupby("dataset", sort=False):
                if (not datasets or dataset in datasets) and (design is OURS or rows["seeds"].any()):
                    about = "" if CLAIMS[name].group == "ours" else f", {design.label}"  # ours are about one design alone
                    where = f"{dataset_label(str(dataset))}{about}"
                    lines += _found(rows, where)
                    untested += _untested(rows, where)
        if untested:
            lines.append(f"- {VERDICTS['not tested']} **not tested** · {'; '.join(untested)}")
    note = "*Below each verdict is one effect behind it. Verdicts are corrected for the number of effects, intervals are not.*"
    if missing:
        why = f"Not judged yet: {missing} of {len(runs)} runs are missing (`gasp experiments run --profile {profile.name}`)."
        note = ""
    return Markdown("\n".join(["```{admonition} In short", ":class: tip", "", why, *lines, "", note, "```"]))


def _found(effects: pd.DataFrame, where: str) -> list[str]:
    """The verdicts on a claim that was tested on one data set, as list items.

    Each has the first effect that has this verdict, or else the first that was run. An unclear effect is shown with its p: its
    interval, which is not corrected for the number of effects, can exclude 0.
    """
    items = []
    tested = verdicts(effects)
    for kind, parts in tested[tested != "not tested"].reset_index().groupby("verdict", sort=False)["part"]:
        own = effects[effects["part"].isin(parts)]
        deciding = own[own["verdict"] == kind]
        first, named = (own[own["seeds"] > 0] if deciding.empty else deciding).iloc[0], ", ".join(parts)
        p = f", corrected p = {_written(first['p'])}" if first["verdict"] == "unclear" else ""
        items.append(
            f"- {VERDICTS[str(kind)]} **{kind}**{named and f' ({named})'} · {where}\\\n"
            f"  <small>{escape(first['effect'])}: {formatted(first, sign=True)}{p}</small>"
        )
    return items


def _untested(effects: pd.DataFrame, where: str) -> list[str]:
    """The data set, with the parts of a claim that were not tested there; nothing if all were."""
    found = verdicts(effects)
    parts = found[found == "not tested"].index.get_level_values("part")
    return [f"{where} ({', '.join(parts)})" if any(parts) else where] if len(parts) else []


def effects_table(effects: pd.DataFrame) -> Markdown:
    """Every effect as it was tested, as a folded table."""
    rows = []
    for _, row in effects.iterrows():
        value = formatted(row, sign=True) if row["seeds"] else "not run"
        scenes = "" if not row["scenes"] > 0 else f"{row['scenes']:,.0f}"
        dataset, seeds = dataset_label(row["dataset"]), str(row["seeds"])
        p = _written(row["p"])
        rows.append([row["claim"], value, row["verdict"], row["effect"], dataset, seeds, scenes, p])
    header = ["claim", "mean [95 % interval]", "verdict", "effect", "data set", "seeds", "scenes", "p"]
    return table(header, rows, folded="Every effect as a table")


def _written(p: float) -> str:
    """A p-value as text; a bound below four decimals."""
    if math.isnan(p):
        return ""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"
