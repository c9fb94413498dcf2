"""Follows the aliases: when they move, new workers take over from the old ones.

The supervisor holds the listening socket and never answers itself. Workers of the new
version are started beside the old ones and listen on the same socket once they have
answered the version's own input example; only then do the old ones leave. Whatever fails
before that leaves the old ones as they are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from revenue_model.serving.model_store import (
    ModelStore,
    Refused,
    Unavailable,
    Version,
    fit_together,
    python_for,
)
from revenue_model.serving.worker_pool import WorkerPool, WorkerSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExperimentSettings:
    """How the challenger is served beside the champion."""

    share: float  # of the users whom it answers; 0: it is in shadow and answers nobody
    salt: str  # another salt draws other users


@dataclass(frozen=True)
class Versions:
    """What is served together."""

    champion: Version
    challenger: Version | None


class Supervisor:
    """Serves the champion on `listener` with `workers` processes; its state is in `folder`."""

    def __init__(
        self,
        store: ModelStore,
        listener: socket.socket,
        folder: Path,
        *,
        workers: int,
        poll_s: float,
        experiment: ExperimentSettings | None,
    ) -> None:
        self._store, self._listener = store, listener
        self._workers, self._poll_s, self._experiment = workers, poll_s, experiment
        self._problem_file, self._last_served = folder / "problem", folder / "served.json"
        self._serving: Versions | None = None
        self._refused: Versions | None = None  # not tried again until an alias moves
        self._refusal = ""
        self._challenger_problem = ""
        self._kept: set[Path] = set()  # folders of what is served
        self._pools: list[WorkerPool] = []  # the last one serves, the others drain
        self._published = ""
        self._publish("")

    async def run(self) -> None:
        """Serve until cancelled.

        Raises `Unavailable` or `Refused` when at the start there is nothing to serve.
        """
        try:
            await self._start()
            while True:
                await asyncio.sleep(self._poll_s)
                try:
                    await self._follow_aliases()
                except Exception:  # a full disk, say: what is served goes on
                    _log.exception("Following the aliases failed; it is tried again.")
        finally:
            await asyncio.gather(*(pool.stop() for pool in self._pools))

    async def _start(self) -> None:
        """Serve the champion, or what was served last when that cannot be."""
        versions = None
        try:
            versions = await asyncio.to_thread(self._named_by_aliases)
            await self._switch_to(versions)
        except (Unavailable, Refused) as error:
            if not self._last_served.exists():
                raise
            last = Version(**json.loads(self._last_served.read_text(encoding="utf-8")))
            if versions and versions.champion == last:
                raise
            await self._switch_to(Versions(last, None))
            if isinstance(error, Refused):
                self._refused, self._refusal = versions, str(error)
            self._publish(str(error))

    async def _follow_aliases(self) -> None:
        *draining, serving = self._pools
        self._pools = [old for old in draining if not old.has_ended()] + [serving]
        try:
            versions = await asyncio.to_thread(self._named_by_aliases)
            if versions not in (self._serving, self._refused):
                await self._switch_to(versions)
            self._publish(self._refusal)
        except Unavailable as error:
            self._publish(str(error))
        except Refused as error:
            self._refused, self._refusal = versions, str(error)
            self._publish(self._refusal)

    def _named_by_aliases(self) -> Versions:
        """What the aliases name, but for what was refused. Raises `Unavailable`."""
        champion = self._store.version_at("champion")
        if champion is None:
            raise Unavailable(self._store.no_version_at("champion"))
        if not self._refused or champion != self._refused.champion:
            self._refused, self._refusal = None, ""
        elif self._serving:
            champion = self._serving.champion
        return Versions(champion, self._challenger(champion) if self._experiment else None)

    def _challenger(self, champion: Version) -> Version | None:
        """What the alias names, if it can be fetched. Raises `Unavailable`."""
        challenger = self._store.version_at("challenger")
        self._challenger_problem = ""
        if challenger is None or challenger == champion:
            return None
        try:
            folders = self._store.download(champion), self._store.download(challenger)
        except Unavailable as error:
            self._challenger_problem = str(error)
            return None
        if not fit_together(*folders):
            self._challenger_problem = (
                f"{challenger} is not beside {champion}: it needs other packages"
            )
            return None
        return challenger

    async def _switch_to(self, versions: Versions) -> None:
        """Start new workers, and drain the old ones.

        Raises `Unavailable` or `Refused`; then all is as before.
        """
        try:
            spec = await asyncio.to_thread(self._spec_of, versions)
            pool = WorkerPool(spec, self._workers)
            await pool.start()
        except Refused as error:
            raise Refused(f"{versions.champion} is not served: {error}") from None
        for old in self._pools:
            old.drain()
        self._pools.append(pool)
        self._serving = versions
        if self._refused and self._refused.champion == versions.champion:
            self._refused, self._refusal = None, ""  # it was the challenger beside it
        self._last_served.write_text(json.dumps(asdict(versions.champion)), encoding="utf-8")
        _log.info("%s answers.", versions.champion)
        if versions.challenger and pool.challenger_problem:
            _log.error("%s is not beside it: %s", versions.challenger, pool.challenger_problem)
        elif versions.challenger:
            _log.info("%s is beside it.", versions.challenger)
        kept = {folder for folder in (spec.folder, spec.challenger) if folder}
        self._store.delete_all_but(kept | self._kept)
        self._kept = kept

    def _spec_of(self, versions: Versions) -> WorkerSpec:
        """Raises `Unavailable` or `Refused`."""
        folder = self._store.download(versions.champion)
        about = asdict(versions.champion) | {"challenger": "", "challenger_share": None}
        environment, challenger = {}, None
        if versions.challenger and self._experiment:
            challenger = self._store.download(versions.challenger)
            about["challenger"] = versions.challenger.number
            about["challenger_share"] = self._experiment.share
            environment = {
                "REVENUE_CHALLENGER": str(challenger),
                "REVENUE_CHALLENGER_SHARE": str(self._experiment.share),
                "REVENUE_CHALLENGER_SALT": self._experiment.salt,
            }
        return WorkerSpec(
            python=python_for(folder),
            folder=folder,
            challenger=challenger,
            listener=self._listener,
            about=json.dumps(about),
            problem_file=self._problem_file,
            environment=environment,
        )

    def _publish(self, problem: str) -> None:
        """Log `problem`, and write it where the workers read it, "" when there is none."""
        problem = "; ".join(filter(None, (problem, self._challenger_problem)))
        if problem and problem != self._published:
            _log.error("%s", problem)
        self._published = problem
        fresh = self._problem_file.with_suffix(".new")
        fresh.write_text(problem, encoding="utf-8")
        fresh.replace(self._problem_file)
