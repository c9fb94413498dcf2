"""Bounds what a power loss may cost."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from revenue_model.prediction_log.journal import SUFFIX


class Syncer(threading.Thread):
    """Writes the spool's journals to the disk every `sync_s` seconds until `stop`.

    The writers leave their lines in the page cache, which outlives every process but not
    the machine: so long a time of predictions may be lost with it, at most.
    """

    def __init__(self, spool: Path, sync_s: float) -> None:
        super().__init__(name="syncer", daemon=True)
        self._spool, self._sync_s = spool, sync_s
        self._sizes: dict[str, int] = {}
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(self._sync_s):
            self.sync()

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def sync(self) -> None:
        """Write what has grown since the last time."""
        sizes = {}
        for path in self._spool.glob(f"*{SUFFIX}"):
            try:
                sizes[path.name] = path.stat().st_size
                if sizes[path.name] != self._sizes.get(path.name):
                    _fsync(path)
            except OSError:  # collected and deleted meanwhile
                continue
        if sizes.keys() - self._sizes.keys():
            _fsync(self._spool)
        self._sizes = sizes


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
