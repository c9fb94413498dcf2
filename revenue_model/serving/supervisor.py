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
    Refused,
    Registry,
    Unavailable,
    Version,
    fit_together,
    python_for,
)
from revenue_model.serving.worker_pool import Generation, Recipe

_log = logging.getLogger(__name__)

_CHAMPION, _CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Side:
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
        registry: Registry,
        listener: socket.socket,
        folder: Path,
        *,
        workers: int,
        look_every_s: float,
        side: Side | None,
    ) -> None:
        self._registry, self._listener, self._folder = registry, listener, folder
        self._workers, self._look_every_s, self._side = workers, look_every_s, side
        self._problem, self._last = folder / "problem", folder / "served.json"
        self._serving: Versions | None = None
        self._refused: Versions | None = None  # not tried again until an alias moves
        self._refusal = ""
        self._challenger_problem = ""
        self._kept: set[Path] = set()  # folders of what is served
        self._generations: list[Generation] = []  # the last one serves, the others leave
        self._said = ""
        self._say("")

    async def run(self) -> None:
        """Serve until cancelled.

        Raises `Unavailable` or `Refused` when at the start there is nothing to serve.
        """
        try:
            await self._begin()
            while True:
                await asyncio.sleep(self._look_every_s)
                try:
                    await self._look()
                except Exception:  # a full disk, say: what is served goes on
                    _log.exception("Following the aliases failed; it is tried again.")
        finally:
            await asyncio.gather(*(generation.stop() for generation in self._generations))

    async def _begin(self) -> None:
        """Serve the champion, or what was served last when that cannot be."""
        versions = None
        try:
            versions = await asyncio.to_thread(self._wanted)
            await self._take_up(versions)
        except (Unavailable, Refused) as error:
            last = self._served_last()
            if last is None or (versions and versions.champion == last):
                raise
            await self._take_up(Versions(last, None))
            if isinstance(error, Refused):
                self._refused, self._refusal = versions, str(error)
            self._say(str(error))

    def _served_last(self) -> Version | None:
        if not self._last.exists():
            return None
        return Version(**json.loads(self._last.read_text(encoding="utf-8")))

    async def _look(self) -> None:
        *leaving, serving = self._generations
        self._generations = [old for old in leaving if not old.has_left()] + [serving]
        try:
            versions = await asyncio.to_thread(self._wanted)
            if versions not in (self._serving, self._refused):
                await self._take_up(versions)
            self._say(self._refusal)
        except Unavailable as error:
            self._say(str(error))
        except Refused as error:
            self._refused, self._refusal = versions, str(error)
            self._say(self._refusal)

    def _wanted(self) -> Versions:
        """What the aliases name, but for what was refused. Raises `Unavailable`."""
        champion = self._registry.version(_CHAMPION)
        if champion is None:
            raise Unavailable(self._registry.nothing_at(_CHAMPION))
        if not self._refused or champion != self._refused.champion:
            self._refused, self._refusal = None, ""
        elif self._serving:
            champion = self._serving.champion
        return Versions(champion, self._challenger(champion) if self._side else None)

    def _challenger(self, champion: Version) -> Version | None:
        """What the alias names, if it can be fetched. Raises `Unavailable`."""
        challenger = self._registry.version(_CHALLENGER)
        self._challenger_problem = ""
        if challenger is None or challenger == champion:
            return None
        try:
            folders = self._registry.fetch(champion), self._registry.fetch(challenger)
        except Unavailable as error:
            self._challenger_problem = str(error)
            return None
        if not fit_together(*folders):
            self._challenger_problem = (
                f"{challenger} is not beside {champion}: it needs other packages"
            )
            return None
        return challenger

    async def _take_up(self, versions: Versions) -> None:
        """Start new workers, and relieve the old ones.

        Raises `Unavailable` or `Refused`; then all is as before.
        """
        try:
            recipe = await asyncio.to_thread(self._recipe, versions)
            generation = Generation(recipe, self._workers)
            await generation.start()
        except Refused as error:
            raise Refused(f"{versions.champion} is not served: {error}") from None
        for old in self._generations:
            old.relieve()
        self._generations.append(generation)
        self._serving = versions
        if self._refused and self._refused.champion == versions.champion:
            self._refused, self._refusal = None, ""  # it was the challenger beside it
        self._last.write_text(json.dumps(asdict(versions.champion)), encoding="utf-8")
        _log.info("%s answers.", versions.champion)
        if versions.challenger and generation.challenger_problem:
            _log.error(
                "%s is not beside it: %s", versions.challenger, generation.challenger_problem
            )
        elif versions.challenger:
            _log.info("%s is beside it.", versions.challenger)
        kept = {recipe.folder} | set(recipe.beside)
        self._registry.forget_all_but(kept | self._kept)
        self._kept = kept

    def _recipe(self, versions: Versions) -> Recipe:
        """Raises `Unavailable` or `Refused`."""
        folder = self._registry.fetch(versions.champion)
        serving = asdict(versions.champion) | {"challenger": "", "challenger_share": None}
        environment, beside = {}, []
        if versions.challenger and self._side:
            beside = [self._registry.fetch(versions.challenger)]
            serving["challenger"] = versions.challenger.number
            serving["challenger_share"] = self._side.share
            environment = {
                "REVENUE_CHALLENGER": str(beside[0]),
                "REVENUE_CHALLENGER_SHARE": str(self._side.share),
                "REVENUE_CHALLENGER_SALT": self._side.salt,
            }
        return Recipe(
            python=python_for(folder),
            folder=folder,
            beside=beside,
            listener=self._listener,
            serving=json.dumps(serving),
            problem=self._problem,
            environment=environment,
        )

    def _say(self, problem: str) -> None:
        """Log `problem`, and leave it where the workers find it, "" when there is none."""
        problem = "; ".join(filter(None, (problem, self._challenger_problem)))
        if problem and problem != self._said:
            _log.error("%s", problem)
        self._said = problem
        fresh = self._problem.with_suffix(".new")
        fresh.write_text(problem, encoding="utf-8")
        fresh.replace(self._problem)
