"""What the environment says, read once."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_log = logging.getLogger(__name__)

_TEXTS = {
    "database_url": "DATABASE_URL",
    "model_server_url": "MODEL_SERVER_URL",
    "tracking_uri": "MLFLOW_TRACKING_URI",
    "model_name": "REVENUE_MODEL_NAME",
    "install_time": "REVENUE_INSTALL_TIME",
}
_NUMBERS = {
    "retention_days": "REVENUE_RETENTION_DAYS",
    "sync_s": "REVENUE_SYNC_S",
    "poll_s": "REVENUE_POLL_S",
    "refresh_s": "REVENUE_SETTLE_S",
    "drift_every_s": "REVENUE_DRIFT_EVERY_S",
}


@dataclass(frozen=True)
class Settings:
    """Where the sidecar reads, stores and asks. docs/prediction-log.md lists the variables.

    An empty `database_url` means a Postgres of its own under `state`.
    """

    spool: Path
    state: Path
    database_url: str = ""
    model_server_url: str = "http://127.0.0.1:5002"
    keys: tuple[str, ...] = ()  # who knows one may ask
    tracking_uri: str = "http://127.0.0.1:5005"
    model_name: str = "revenue"  # in the registry
    install_time: str = "installed_at"  # a column of the log
    retention_days: int = 90  # of single predictions
    sync_s: float = 1.0  # what a power loss may cost at most
    poll_s: float = 0.2  # how often the spool is looked at
    refresh_s: float = 60.0  # how often realised figures are renewed
    drift_every_s: float = 600.0  # how often /metrics looks for drift

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises `ValueError` naming a variable that is no number."""
        given = {name: text for name, text in environment.items() if text}
        if "REVENUE_SEGMENTS" in given:
            _log.warning(
                "REVENUE_SEGMENTS is not needed and not read: the log names its segments."
            )
        fields: dict[str, Any] = {
            field: given[name] for field, name in _TEXTS.items() if name in given
        }
        for field, name in _NUMBERS.items():
            if name in given:
                kind = type(getattr(cls, field))
                fields[field] = kind(_number(name, given[name]))
        keys = map(str.strip, given.get("REVENUE_SIDECAR_KEYS", "").split(","))
        state = Path(given.get("REVENUE_STATE_DIR", "var"))
        spool = Path(given.get("REVENUE_PREDICTION_LOG", state / "spool"))
        return cls(spool=spool, state=state, keys=tuple(filter(None, keys)), **fields)


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number > 0:
        raise ValueError(f"{name} must be a number above 0, got {text!r}.")
    return number
