"""The tariff: revenue as a rate times the events, the rate as a product over categories.

Insurers price so, and installs pay so: a user's revenue is the number of events times what
an event is worth in the country, on the platform, on the device. The tariff is the
starting point of the trees (XGBoost's `base_margin`), which learn only what it misses.
Where two columns interact, as a network that buys well in some countries does, the pair has
relativities of its own.

Beside its price each category has a payer rate, for the trees: amounts are heavy-tailed, so
how many pay is known far better than what they bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from revenue_model.model.arrays import Array, Rows
from revenue_model.model.inputs import Inputs


@dataclass(frozen=True)
class Interaction:
    """What two categorical columns together add to the log rate."""

    first: int
    second: int
    relativity: Array  # by the lookup rows of both; 0 where both act alone

    def log_rate(self, rows: Sequence[Rows]) -> Array:
        return np.asarray(self.relativity[rows[self.first], rows[self.second]])


@dataclass(frozen=True)
class Tariff:
    """log revenue = base + a relativity per column and per pair of columns + log exposure.

    The exposure is `intercept` + events @ `weights`, where a missing event counts as
    `when_missing`. Without events it is 1.
    """

    base: float
    relativities: tuple[Array, ...]  # by column, logs of each lookup row; 0 is the typical rate
    payer_rates: tuple[Array, ...]  # likewise; 0 is the typical share of payers
    interactions: tuple[Interaction, ...]
    intercept: float
    weights: Array
    when_missing: Array

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Self:
        """From the lists and numbers that JSON has of it."""
        return cls(
            base=saved["base"],
            relativities=tuple(map(np.array, saved["relativities"])),
            payer_rates=tuple(map(np.array, saved["payer_rates"])),
            interactions=tuple(
                Interaction(each["first"], each["second"], np.array(each["relativity"]))
                for each in saved["interactions"]
            ),
            intercept=saved["intercept"],
            weights=np.array(saved["weights"]),
            when_missing=np.array(saved["when_missing"]),
        )

    def log_revenue(self, inputs: Inputs) -> Array:
        """The log of the revenue that is expected of each install."""
        return self.log_rate(inputs.rows) + self.log_exposure(inputs.events)

    def log_rate(self, rows: Sequence[Rows]) -> Array:
        """The log of USD per unit of exposure of each install."""
        total = np.zeros(len(rows[0])) if rows else np.zeros(1)
        for relativity, row in zip(self.relativities, rows, strict=True):
            total += relativity[row]
        return self.base + sum((pair.log_rate(rows) for pair in self.interactions), total)

    def log_exposure(self, events: Array) -> Array:
        """The log of each install's weighted events."""
        return np.asarray(np.log(self.intercept + self._weighted(events).sum(axis=1)))

    def exposure_shares(self, events: Array) -> Array:
        """(installs, events): each event's share of the exposure; the rest is the intercept's.

        Installs without any exposure share theirs equally.
        """
        weighted = self._weighted(events) + self.intercept / events.shape[1]
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))

    def _weighted(self, events: Array) -> Array:
        return np.where(np.isnan(events), self.when_missing, events * self.weights)
