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
class WorkerSpec:
    """How the workers of a pool are started."""

    python: str
    folder: Path  # of the version
    challenger: Path | None  # folder of the version beside it
    listener: socket.socket
    about: str  # JSON: what `GET /serving` says
    problem_file: Path  # with what the supervisor could not do, read by `GET /serving`
    environment: dict[str, str]  # on top of the supervisor's


class WorkerPool:
    """`size` workers of one version; one that dies is replaced."""

    def __init__(self, spec: WorkerSpec, size: int) -> None:
        self.challenger_problem = ""
        self._spec, self._size = spec, size
        self._workers: set[Process] = set()
        self._restarters: list[asyncio.Task[None]] = []

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
            self._restarters.append(asyncio.create_task(self._restart_when_it_ends(worker)))

    def drain(self) -> None:
        """Let each worker answer what it has accepted, and end: others listen now."""
        self._stop_restarting()
        for worker in list(self._workers):
            if worker.stdin:
                worker.stdin.close()

    async def stop(self) -> None:
        self._stop_restarting()
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

    def has_ended(self) -> bool:
        return all(worker.returncode is not None for worker in self._workers)

    def _stop_restarting(self) -> None:
        for restarter in self._restarters:
            restarter.cancel()

    async def _restart_when_it_ends(self, worker: Process) -> None:
        while True:
            code = await worker.wait()
            _log.error("A worker ended with code %s; another is started.", code)
            self._workers.discard(worker)
            await asyncio.sleep(_RESTART_AFTER_S)
            with suppress(Refused, OSError, ValueError):  # as when there is no memory for it
                worker = await self._start_worker()

    async def _start_worker(self) -> Process:
        spec, fd = self._spec, self._spec.listener.fileno()
        arguments = [spec.folder, fd, spec.about, spec.problem_file]
        worker = await asyncio.create_subprocess_exec(
            spec.python,
            "-P",  # what lies beside the script is not for the version to import
            *map(str, [_WORKER, *arguments]),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[fd],
            env=os.environ | spec.environment,
        )
        self._workers.add(worker)
        try:
            report = await _report(worker)
        except Refused:
            self._workers.discard(worker)
            raise
        self.challenger_problem = report["challenger_problem"]
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
    report: dict[str, str] = json.loads(line)
    if "refused" in report:
        await worker.wait()
        raise Refused(report["refused"])
    return report
