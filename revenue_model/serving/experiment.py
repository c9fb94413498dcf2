"""The challenger beside the champion: in shadow, or answering a share of the users.

Whatever the challenger does, the champion answers: the failure of a challenger is logged
and its numbers are left out. The worker loads this file by its path, so it imports nothing of
this project.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import Full, Queue
from typing import Any

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger("revenue_model.serving.experiment")

_MAX_WAITING = 64  # requests to be scored in shadow; more are left out
_SHADOW_AFTER_S = 0.005  # lets the answer leave before its shadow takes the processor
_LOG_EVERY_S = 60.0
_NO_ROWS = np.array([], np.intp)

Columns = Mapping[str, Sequence[Any]]
Outputs = dict[str, NDArray[np.float64]]


def begin(champion: Any, load_model: Callable[[str], Any]) -> str:
    """Begin the experiment that the supervisor's environment asks for, beside `champion`.

    Returns why the challenger cannot take part, "" when it does or none is asked for.
    """
    folder = os.environ.get("REVENUE_CHALLENGER")
    if not folder:
        return ""
    if not hasattr(champion, "finish_requests_by"):  # its code has the experiment in itself
        built_in = getattr(champion, "challenger", None)
        return built_in.problem if built_in else "the champion is older than challengers are"
    share = float(os.environ.get("REVENUE_CHALLENGER_SHARE") or 0)
    try:
        challenger = load_model(folder)
        if _columns(challenger.schema) != _columns(champion.schema):
            raise ValueError("its schema has other columns than the champion's")
        writer = champion.writer_for(Path(folder), shadow=not share)
    except Exception as error:
        _log.error("The challenger in %s does not load: %s", folder, error)
        return f"does not load: {error}"
    salt = os.environ.get("REVENUE_CHALLENGER_SALT") or ""
    experiment = Experiment(champion, challenger, writer, share=share, salt=salt)
    champion.finish_requests_by(experiment.finish)
    return ""


def takes(user_id: object, share: float, salt: str) -> bool:
    """Whether the user is one of the challenger's: by a hash, so always the same users."""
    if not isinstance(user_id, str) or not user_id:
        return False
    text = f"{salt}:{user_id}".encode("utf-8", "surrogatepass")  # JSON may cut an emoji in two
    return int.from_bytes(blake2b(text, digest_size=8).digest()) < share * 2**64


class Experiment:
    """What becomes of the requests that `champion` answers while `challenger` is beside it.

    `share` is that of the users whom the challenger answers; 0: it is in shadow and answers
    nobody. `writer` logs the challenger's rows, None where nothing is logged.
    """

    def __init__(
        self, champion: Any, challenger: Any, writer: Any, *, share: float, salt: str
    ) -> None:
        self._champion, self._challenger, self._writer = champion, challenger, writer
        self._share, self._salt = share, salt
        self._logged_at = -math.inf
        self._waiting: Queue[Any] = Queue(_MAX_WAITING)
        if writer and not share:
            threading.Thread(target=self._score_in_shadow, daemon=True).start()

    def finish(self, request: Any, outputs: Outputs) -> Outputs:
        """The answer to a request for which the champion predicts `outputs`.

        It has the challenger's numbers for the users of its share. Each row is logged under
        the version that answers it.
        """
        request = request._replace(request_id=request.request_id or str(uuid.uuid4()))
        rows = _NO_ROWS
        try:
            if self._share:
                outputs, rows = self._answer_share(request, outputs)
        except Exception as error:
            self._log_now_and_then(f"does not answer, so the champion does: {error}")
        fixed = request.logged()
        if self._champion.writer:
            rest = None
            if len(rows):
                rest = np.delete(np.arange(len(outputs["predicted_revenue"])), rows)
            self._champion.writer.append(request.columns, outputs, rows=rest, **fixed)
        if self._writer and len(rows):
            self._writer.append(request.columns, outputs, rows=rows, **fixed)
        elif self._writer and not self._share:
            try:
                self._waiting.put_nowait(request)
            except Full:
                self._log_now_and_then("is too slow: requests are left out of its shadow")
        return outputs

    def _answer_share(self, request: Any, outputs: Outputs) -> tuple[Outputs, NDArray[np.intp]]:
        """`outputs` with the challenger's numbers in the rows of its users, and these rows."""
        users = request.columns.get(self._champion.schema.id or "", ())
        theirs = [takes(user, self._share, self._salt) for user in users]
        rows = np.flatnonzero(theirs)
        if not len(rows):
            return outputs, _NO_ROWS
        columns = {name: _take(values, rows) for name, values in request.columns.items()}
        answered = self._predict(columns, request.wanted)
        merged = {name: values.copy() for name, values in outputs.items()}
        for name, values in merged.items():
            values[rows] = answered[name]
        return merged, rows

    def _score_in_shadow(self) -> None:
        while True:
            request = self._waiting.get()
            if self._waiting.empty():
                time.sleep(_SHADOW_AFTER_S)
            request = request._replace(began=time.perf_counter())
            try:
                outputs = self._predict(request.columns, request.wanted)
            except Exception as problem:
                error = str(problem) or type(problem).__name__
                self._log_now_and_then(f"fails in shadow: {error}")
                self._writer.append_failure(request.columns, error, **request.logged())
            else:
                self._writer.append(request.columns, outputs, **request.logged())

    def _predict(self, columns: Columns, wanted: Mapping[str, bool]) -> Outputs:
        outputs: Outputs = self._challenger.estimator.predict(columns, **wanted)
        revenue, rows = outputs["predicted_revenue"], len(next(iter(columns.values())))
        if len(revenue) != rows or not np.all(np.isfinite(revenue) & (revenue >= 0)):
            raise ValueError("it predicts what is no revenue")
        return outputs

    def _log_now_and_then(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = now
            _log.error("The challenger %s", problem)


def _take(values: Sequence[Any] | NDArray[Any], rows: NDArray[np.intp]) -> Any:
    if isinstance(values, np.ndarray):
        return values[rows]
    return [values[row] for row in rows]


def _columns(schema: Any) -> list[tuple[str, str]]:
    return [(column.name, column.role) for column in schema.columns]
