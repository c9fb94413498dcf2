"""One process that answers: MLflow's scoring server on one version of the model.

The supervisor runs this file as a script, in the environment of the version. It imports
nothing of this project, so the code that predicts is the code in the version's artifact.
The process says on its stdout whether it is ready, and stops when its stdin is closed: other
workers listen on the same socket by then.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import runpy
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import mlflow.pyfunc
import uvicorn
from mlflow.pyfunc import PyFuncModel, scoring_server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEEP_ALIVE_S = 10  # above the 5 s after which httpx leaves an idle connection: it goes first
_DRAIN_TIMEOUT_S = 60.0  # as long as MLflow lets a request take
_STOP_TIMEOUT_S = 5


def main() -> None:
    folder, listener, about_version, problem_file = sys.argv[1:]
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no report
    logs = _load_file("../logs.py")
    logs["configure"]()
    load_with_own_code = _load_file("../own_code.py")["load_with_own_code"]
    try:
        rehearse(folder, load_with_own_code)
        model = mlflow.pyfunc.load_model(folder)
    except BaseException as error:
        _send(report, refused=_load_file("../errors.py")["first_line"](error))
        raise
    app = scoring_server.init(model)
    challenger_problem = _load_file("experiment.py")["begin"](
        model.unwrap_python_model(),
        lambda uri: load_with_own_code(uri).unwrap_python_model(),
    )
    about = json.loads(about_version) | {"challenger_problem": challenger_problem}

    @app.get("/serving")  # type: ignore[untyped-decorator]
    def what_is_served() -> dict[str, Any]:
        return {**about, "problem": Path(problem_file).read_text(encoding="utf-8")}

    answer = logs["RequestLog"](_load_file("error_filter.py")["ErrorFilter"](app))
    worker = Worker(answer, lambda: _send(report, challenger_problem=challenger_problem))
    worker.run(sockets=[socket.socket(fileno=int(listener))])


def _load_file(name: str) -> dict[str, Any]:
    """A module of this project by its path, as the package is not importable here."""
    return runpy.run_path(str(Path(__file__).parent / name))


def rehearse(folder: str, load_unlogged: Callable[[str], PyFuncModel]) -> None:
    """Ask the model in `folder` for its own input example as a client would; nothing is logged.

    Raises when it does not load or answer, or answers with another number than a revenue.
    """
    try:
        model = load_unlogged(folder)
    except BaseException as error:
        raise ValueError(f"it does not load: {error}") from error
    payload = model.metadata.get_serving_input(folder)
    if payload is None:
        raise ValueError("it has no input example, so nobody knows whether it answers")
    answer = scoring_server.invocations(
        payload, "application/json", model, model.metadata.get_input_schema()
    )
    for row in json.loads(answer.response)["predictions"]:
        revenue = row["predicted_revenue"]
        if not (isinstance(revenue, float | int) and math.isfinite(revenue) and revenue >= 0):
            raise ValueError(f"it answers its own input example with {revenue!r}")


class Worker(uvicorn.Server):
    """A server that can stop without a failed request.

    A connection that is kept open and idle may get its next request at the very moment it
    is closed. So a worker that drains closes none: it accepts no more, answers the next request
    of each connection with `Connection: close`, and ends when there are none left.
    """

    def __init__(self, app: ASGIApp, when_ready: Any) -> None:
        self._app, self._when_ready, self._draining = app, when_ready, False
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_STOP_TIMEOUT_S,
            )
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if self._draining and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, closing)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        threading.Thread(target=self._drain_when_stdin_ends, daemon=True).start()
        self._when_ready()

    def _drain_when_stdin_ends(self) -> None:
        while os.read(0, 1):
            pass
        self._draining = self.should_exit = True

    def handle_exit(self, *signalled: Any) -> None:
        self._draining = False
        super().handle_exit(*signalled)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        deadline = time.monotonic() + _DRAIN_TIMEOUT_S
        while self._draining and self.server_state.connections:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def _send(report: TextIO, **fields: object) -> None:
    report.write(json.dumps(fields) + "\n")
    report.flush()


if __name__ == "__main__":
    main()
