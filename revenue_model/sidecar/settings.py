"""What the environment says, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Settings:
    """Where the sidecar reads, stores and asks.

    An empty `database_url` means a Postgres of its own under `state`.
    """

    spool: Path
    database_url: str
    state: Path
    retention_days: int
    poll_s: float = 0.2

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        state = Path(environment.get("REVENUE_STATE_DIR", "var"))
        return cls(
            spool=Path(environment.get("REVENUE_PREDICTION_LOG", state / "spool")),
            database_url=environment.get("DATABASE_URL", ""),
            state=state,
            retention_days=int(environment.get("REVENUE_RETENTION_DAYS", 90)),
        )
