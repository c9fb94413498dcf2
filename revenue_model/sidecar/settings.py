"""What the environment says, read once."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Where the sidecar reads, stores and asks. docs/prediction-log.md lists the variables.

    An empty `database_url` means a Postgres of its own under `state`.
    """

    spool: Path  # REVENUE_PREDICTION_LOG
    state: Path  # REVENUE_STATE_DIR
    database_url: str = ""  # DATABASE_URL
    model_server_url: str = "http://127.0.0.1:5002"  # MODEL_SERVER_URL
    keys: tuple[str, ...] = ()  # REVENUE_SIDECAR_KEYS: who knows one may ask
    tracking_uri: str = "http://127.0.0.1:5005"  # MLFLOW_TRACKING_URI
    model_name: str = "revenue"  # REVENUE_MODEL_NAME, in the registry
    install_time: str = "installed_at"  # REVENUE_INSTALL_TIME, a column of the log
    retention_days: int = 90  # REVENUE_RETENTION_DAYS, of single predictions
    sync_s: float = 1.0  # REVENUE_SYNC_S: what a power loss may cost at most
    poll_s: float = 0.2  # REVENUE_POLL_S: how often the spool is looked at
    refresh_s: float = 60.0  # REVENUE_SETTLE_S: how often realised figures are renewed
    drift_every_s: float = 600.0  # REVENUE_DRIFT_EVERY_S: how often /metrics looks for drift

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises `ValueError` naming a variable that is no number."""
        get = environment.get
        if get("REVENUE_SEGMENTS"):
            _log.warning("REVENUE_SEGMENTS is not needed and not read: the log names its segments.")
        state = Path(get("REVENUE_STATE_DIR") or "var")
        return cls(
            spool=Path(get("REVENUE_PREDICTION_LOG") or state / "spool"),
            state=state,
            database_url=get("DATABASE_URL") or cls.database_url,
            model_server_url=get("MODEL_SERVER_URL") or cls.model_server_url,
            keys=tuple(
                key.strip() for key in get("REVENUE_SIDECAR_KEYS", "").split(",") if key.strip()
            ),
            tracking_uri=get("MLFLOW_TRACKING_URI") or cls.tracking_uri,
            model_name=get("REVENUE_MODEL_NAME") or cls.model_name,
            install_time=get("REVENUE_INSTALL_TIME") or cls.install_time,
            retention_days=int(_number(environment, "REVENUE_RETENTION_DAYS", cls.retention_days)),
            sync_s=_number(environment, "REVENUE_SYNC_S", cls.sync_s),
            poll_s=_number(environment, "REVENUE_POLL_S", cls.poll_s),
            refresh_s=_number(environment, "REVENUE_SETTLE_S", cls.refresh_s),
            drift_every_s=_number(environment, "REVENUE_DRIFT_EVERY_S", cls.drift_every_s),
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number > 0:
        raise ValueError(f"{name} must be a number above 0, got {text!r}.")
    return number
