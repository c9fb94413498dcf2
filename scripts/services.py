"""A server that runs while a block lasts: started, waited for, stopped with its children.

For scripts, benchmarks and tests. It imports nothing but the standard library, as
`scripts/run` begins before there is an environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# A busy machine takes its time; these only bound a hang.
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 60.0
_LAST_LINES = 20


class ServiceError(Exception):
    """A server ended or does not answer; the message shows the end of its log."""


@contextmanager
def running(
    command: Sequence[str],
    ready_url: str,
    log: Path,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enters it when `ready_url` answers 200."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(ready_url):
            require_alive(process, log)
            if time.monotonic() > deadline:
                raise ServiceError(f"did not answer in {READY_TIMEOUT_S:g} s; {_tail(log)}")
            time.sleep(0.1)
        yield process
    finally:
        stop(process, stop_timeout_s)


def require_alive(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises `ServiceError` when `process` has ended."""
    if (code := process.poll()) is not None:
        raise ServiceError(f"ended with exit code {code}; {_tail(log)}")


def stop(process: subprocess.Popen[bytes], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End a process and its group, by force what does not end by itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return "\n  ".join([f"the end of {log}:", *lines])
