"""The worker processes that serve one version."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from revenue_model.serving.model_store import Refused

_log = logging.getLogger(__name__)

_WORKER = Path(__file__).with_name("worker.py")
_READY_TIMEOUT_S = 300.0  # a busy machine takes minutes
_STOP_TIMEOUT_S = 10.0
_RESTART_AFTER_S = 1.0


@dataclass(frozen=True)
class Recipe:
    """How the workers of a generation are started."""

    python: str
    folder: Path  # of the version
    beside: list[Path]  # of the challenger, if there is one
    listener: socket.socket
    serving: str  # JSON: what `GET /serving` says
    problem: Path  # file with what the supervisor could not do, read by `GET /serving`
    environment: dict[str, str]  # on top of the supervisor's


class Generation:
    """`size` workers of one recipe; one that dies is replaced."""

    def __init__(self, recipe: Recipe, size: int) -> None:
        self.challenger_problem = ""
        self._recipe, self._size = recipe, size
        self._workers: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when every worker can answer. Raises `Refused` when one cannot."""
        starts = [self._start_worker() for _ in range(self._size)]
        try:
            started = await asyncio.gather(*starts, return_exceptions=True)
        except asyncio.CancelledError:
            await self.stop()
            raise
        for worker in started:
            if isinstance(worker, BaseException):
                await self.stop()
                raise worker
            self._keepers.append(asyncio.create_task(self._keep(worker)))

    def relieve(self) -> None:
        """Others listen now: each worker answers what it has accepted, and leaves."""
        self._leave_alone()
        for worker in list(self._workers):
            if worker.stdin:
                worker.stdin.close()

    async def stop(self) -> None:
        self._leave_alone()
        for worker in list(self._workers):
            with suppress(ProcessLookupError):
                worker.terminate()
        ends = [asyncio.create_task(worker.wait()) for worker in self._workers]
        if ends:
            await asyncio.wait(ends, timeout=_STOP_TIMEOUT_S)
        for worker in list(self._workers):
            if worker.returncode is None:
                worker.kill()
                await worker.wait()

    def has_left(self) -> bool:
        return all(worker.returncode is not None for worker in self._workers)

    def _leave_alone(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()

    async def _keep(self, worker: Process) -> None:
        while True:
            code = await worker.wait()
            _log.error("A worker ended with code %s; another is started.", code)
            self._workers.discard(worker)
            await asyncio.sleep(_RESTART_AFTER_S)
            with suppress(Refused, OSError, ValueError):  # as when there is no memory for it
                worker = await self._start_worker()

    async def _start_worker(self) -> Process:
        recipe, fd = self._recipe, self._recipe.listener.fileno()
        arguments = [recipe.folder, fd, recipe.serving, recipe.problem]
        worker = await asyncio.create_subprocess_exec(
            recipe.python,
            "-P",  # what lies beside the script is not for the version to import
            *map(str, [_WORKER, *arguments]),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[fd],
            env=os.environ | recipe.environment,
        )
        self._workers.add(worker)
        try:
            said = await _report(worker)
        except Refused:
            self._workers.discard(worker)
            raise
        self.challenger_problem = said["challenger_problem"]
        return worker


async def _report(worker: Process) -> dict[str, str]:
    """What `worker` says when it is ready. Raises `Refused`, and the worker has ended."""
    assert worker.stdout
    try:
        line = await asyncio.wait_for(worker.stdout.readline(), _READY_TIMEOUT_S)
    except TimeoutError:
        worker.kill()
        await worker.wait()
        raise Refused(f"it was not ready after {_READY_TIMEOUT_S:g} s") from None
    if not line:
        raise Refused(f"its process ended with code {await worker.wait()}")
    said: dict[str, str] = json.loads(line)
    if "refused" in said:
        await worker.wait()
        raise Refused(said["refused"])
    return said
