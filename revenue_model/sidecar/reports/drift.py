"""How far the values of a column have moved: pure functions of counts.

Two windows of installs are compared column by column, by effect sizes with thresholds that
are stated here, and never by significance alone: with many installs the smallest change
is significant. What is less than chance would bring is no change, however large it looks:

- psi: the population stability index over at most 20 groups, less what chance alone brings
  on average, (groups - 1) x (1/n + 1/m).
- js: the Jensen-Shannon divergence in bits, corrected alike; 0 to 1.
- changes: the relative change of a value's share, for the values frequent enough.
- superiority: the chance that a number of the window is above one of the other, ties by
  half, zeros left out: 0.5 when nothing moved.
- new_share: of categories that the other window does not have, less the share that is to
  be expected of rare ones, which is that of the categories with a single row (Good 1953).

PSI alone cannot see a country whose share of 4% becomes 5%: that is a PSI of 0.002, of
which 20,000 installs bring as much by chance. The change of its share is 20%, five
standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from revenue_model.prediction_log.binning import OTHER, PSI_LIMITS
from revenue_model.prediction_log.category import MISSING

Verdict = Literal["none", "moderate", "large"]
Counts = Mapping[str, int]

ZERO = "0"
# From which size on a change is moderate, and large; of PSI see `PSI_LIMITS`.
SHARE_CHANGE = (0.1, 0.5)  # relative to the other window's share
NEW_SHARE = (0.01, 0.05)
SUPERIORITY = (0.02, 0.1)  # from 0.5
# And how many standard errors it must be away from none. Segment columns, by which money is
# reported, are looked at more closely than the others: there are few of them.
SURE, SURE_OF_SEGMENT, SURE_OF_PSI = 4.5, 3.5, 6.0
MIN_SHARE = 0.03  # of a value whose share is compared, in either window
MIN_ROWS = 5  # expected of it, and of the rest, in either window: below, z says little
_GROUPS = 20
_CHANGES_SHOWN = 5
VERDICTS: tuple[Verdict, ...] = ("none", "moderate", "large")


class ShareChange(BaseModel):
    """A value whose share is another; of a number only 0 and (missing)."""

    value: str
    share: float
    other_share: float
    relative_change: float
    z: float = Field(description="standard errors between the shares")


class Drift(BaseModel):
    """A column in the window beside the same column elsewhere."""

    verdict: Verdict
    reasons: list[str] = Field(description="what the verdict rests on")
    rows: int
    other_rows: int
    psi: float = Field(description="less what chance brings on average; 0.1 is moderate")
    psi_by_chance: float
    js: float = Field(description="Jensen-Shannon divergence, bits, corrected alike")
    missing_share: float
    other_missing_share: float
    new_share: float | None = Field(description="of categories the other does not have")
    superiority: float | None = Field(
        description="of numbers: the chance to be above one of the other, zeros left out"
    )
    changes: list[ShareChange] = Field(description="the largest first, at most 5")


def compare(
    window: Counts, other: Counts, *, is_number: bool, segment: bool = False
) -> Drift | None:
    """Compare the counts of a column's values; None when a window has no rows.

    >>> before = {"us": 6000, "br": 4000}
    >>> compare({"us": 3000, "br": 2000}, before, is_number=False).verdict
    'none'
    >>> compare({"us": 3500, "br": 1500}, before, is_number=False).reasons
    ['share of br -25%', 'share of us +17%']
    """
    rows, other_rows = sum(window.values()), sum(other.values())
    if not (rows and other_rows):
        return None
    noise = 1 / rows + 1 / other_rows
    p, q = _shares(window, other, is_number)
    degrees = max(len(p) - 1, 0)
    psi = float(((p - q) * np.log(p / q)).sum()) - degrees * noise
    changes = _changes(window, other, is_number=is_number)
    new_share = superiority = None
    found: list[tuple[Verdict, str]] = []
    if psi >= SURE_OF_PSI * math.sqrt(2 * degrees) * noise:
        found.append((_size(psi, PSI_LIMITS), f"PSI {psi:.2g}"))
    for change in changes:
        if abs(change.z) >= (SURE_OF_SEGMENT if segment else SURE):
            reason = f"share of {change.value} {change.relative_change:+.0%}"
            found.append((_size(abs(change.relative_change), SHARE_CHANGE), reason))
    if is_number:
        superiority, z = _superiority(window, other)
        if superiority is not None and abs(z) >= SURE:
            reason = f"above one of the other in {superiority:.0%} of cases"
            found.append((_size(abs(superiority - 0.5), SUPERIORITY), reason))
    elif OTHER not in other:
        new_share, verdict = _new_categories(window, other)
        found.append((verdict, f"{new_share:.1%} new categories"))
    return Drift(
        verdict=worst(verdict for verdict, _ in found),
        reasons=[reason for verdict, reason in found if verdict != "none"],
        rows=rows,
        other_rows=other_rows,
        psi=max(psi, 0.0),
        psi_by_chance=degrees * noise,
        js=max(_js(p, q) - degrees * noise / (8 * math.log(2)), 0.0),
        missing_share=window.get(MISSING, 0) / rows,
        other_missing_share=other.get(MISSING, 0) / other_rows,
        new_share=new_share,
        superiority=superiority,
        changes=changes[:_CHANGES_SHOWN],
    )


def _new_categories(window: Counts, other: Counts) -> tuple[float, Verdict]:
    """The share of categories that `other` does not have, and what it means."""
    rows, other_rows = sum(window.values()), sum(other.values())
    known = {*other, OTHER, MISSING}
    new = sum(n for value, n in window.items() if value not in known)
    once = sum(n == 1 for n in other.values())  # Good (1953): as many are to come
    if new < MIN_ROWS or _z(new, rows, once, other_rows) < SURE:
        return new / rows, "none"
    return new / rows, _size(new / rows - once / other_rows, NEW_SHARE)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=VERDICTS.index, default="none")


def _size(effect: float, thresholds: tuple[float, float]) -> Verdict:
    moderate, large = thresholds
    return "large" if effect >= large else "moderate" if effect >= moderate else "none"


def _shares(window: Counts, other: Counts, is_number: bool) -> NDArray[np.float64]:
    """A row for both: the shares of the same few groups.

    Of categories the most frequent, the rest together; of numbers neighbouring bins with
    about the same share of the other window. Zero and missing are groups of their own.
    Each group has half a row more, so that no share is 0.
    """
    if is_number:
        bins = _in_order(window, other)
        mass = np.array([other.get(value, 0) for value in bins], np.float64)
        middle = (mass.cumsum() - mass / 2) / max(mass.sum(), 1)
        # What is above all of the other window is in the last group of numbers.
        groups = np.minimum((middle * (_GROUPS - 2)).astype(int), _GROUPS - 3).tolist()
        place = dict(zip(bins, groups, strict=True)) | {ZERO: _GROUPS - 2, MISSING: _GROUPS - 1}
    else:
        known = sorted(other, key=lambda value: (-other[value], value))
        first = [value for value in known if value != OTHER][: _GROUPS - 1]
        place = {value: index for index, value in enumerate(first)}
    sums = np.zeros((2, _GROUPS))
    for index, counts in enumerate((window, other)):
        for value, rows in counts.items():
            sums[index, place.get(value, _GROUPS - 1)] += rows
    filled = sums[:, sums.any(axis=0)] + 0.5
    shares: NDArray[np.float64] = filled / filled.sum(axis=1, keepdims=True)
    return shares


def _in_order(window: Counts, other: Counts) -> list[str]:
    """The bins that hold numbers other than zero, the lowest first."""
    return sorted({*window, *other} - {ZERO, MISSING, OTHER}, key=float)


def _js(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    m = (p + q) / 2
    return float(((p * np.log2(p / m)).sum() + (q * np.log2(q / m)).sum()) / 2)


def _changes(window: Counts, other: Counts, *, is_number: bool) -> list[ShareChange]:
    """Of the frequent categories; of a number the shares of zero and of missing."""
    rows, other_rows = sum(window.values()), sum(other.values())
    values = {ZERO, MISSING} if is_number else {*window, *other} - {OTHER}
    changes = []
    for value in values:
        here, there = window.get(value, 0), other.get(value, 0)
        frequent = max(here / rows, there / other_rows) >= MIN_SHARE
        common = (here + there) / (rows + other_rows)
        expected = min(common, 1 - common) * min(rows, other_rows)
        if frequent and there and expected >= MIN_ROWS:
            change = ShareChange(
                value=value,
                share=here / rows,
                other_share=there / other_rows,
                relative_change=here / rows / (there / other_rows) - 1,
                z=_z(here, rows, there, other_rows),
            )
            changes.append(change)
    return sorted(changes, key=lambda change: (-abs(change.relative_change), change.value))


def _z(here: int, rows: int, there: int, other_rows: int) -> float:
    """Standard errors between two shares, if there were no change."""
    share = (here + there) / (rows + other_rows)
    error = math.sqrt(share * (1 - share) * (1 / rows + 1 / other_rows))
    return (here / rows - there / other_rows) / error if error else 0.0


def _superiority(window: Counts, other: Counts) -> tuple[float | None, float]:
    """And its standard errors from 0.5."""
    bins = _in_order(window, other)
    here = np.array([window.get(value, 0) for value in bins], np.float64)
    there = np.array([other.get(value, 0) for value in bins], np.float64)
    n, m = here.sum(), there.sum()
    if not n or not m:
        return None, 0.0
    below = there.cumsum() - there / 2
    chance = float(here @ below / (n * m))
    return chance, (chance - 0.5) / math.sqrt((n + m + 1) / (12 * n * m))
