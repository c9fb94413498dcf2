"""Another version beside the one that answers: in shadow, or for a share of the users.

`scripts/serve --challenger` sets what is read here: `REVENUE_CHALLENGER` is the folder of
the version, `REVENUE_CHALLENGER_SHARE` the share of users whom it answers, 0 for shadow,
and `REVENUE_CHALLENGER_SALT` draws other users. Whatever the challenger does, the champion
answers: a challenger that fails is complained of in the log and left out.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import Full, Queue
from typing import Any

import mlflow
import numpy as np
from numpy.typing import NDArray

from revenue_model.model.provenance import logged_columns, provenance_of
from revenue_model.model.schema import Schema
from revenue_model.prediction_log.writer import JournalWriter, take

_log = logging.getLogger(__name__)

_FOLDER = "REVENUE_CHALLENGER"
_MOST_WAITING = 64  # requests to be scored in shadow; more are left out
_AFTER_S = 0.005  # lets the answer leave before its shadow takes the processor
_COMPLAIN_EVERY_S = 60.0
_NO_ROWS = np.array([], np.intp)

Columns = Mapping[str, Sequence[Any]]
Outputs = dict[str, NDArray[np.float64]]


class Challenger:
    """The version in `folder`; `problem` says why it cannot take part, "" when it can."""

    def __init__(self, folder: Path, schema: Schema, *, share: float, salt: str) -> None:
        self.problem = ""
        self._share, self._salt, self._id = share, salt, schema.id
        self._complained = -math.inf
        self._waiting: Queue[tuple[Columns, dict[str, bool], str]] = Queue(_MOST_WAITING)
        try:
            self._model = _load_apart(folder)
            if _columns(self._model.schema) != _columns(schema):
                raise ValueError("its schema has other columns than the champion's")
            self._spool = JournalWriter.from_environment(
                provenance_of(folder), logged_columns(schema), shadow=not share
            )
        except Exception as error:
            self.problem = f"does not load: {error}"
            _log.error("The challenger in %s %s", folder, self.problem)
            return
        if not share:
            threading.Thread(target=self._score_in_shadow, daemon=True).start()

    @classmethod
    def from_environment(cls, schema: Schema) -> Challenger | None:
        folder = os.environ.get(_FOLDER)
        if not folder:
            return None
        share = float(os.environ.get("REVENUE_CHALLENGER_SHARE") or 0)
        salt = os.environ.get("REVENUE_CHALLENGER_SALT") or ""
        return cls(Path(folder), schema, share=share, salt=salt)

    def takes(self, user_id: object) -> bool:
        """Whether the user is one of the share: by a hash, so always the same users."""
        if not isinstance(user_id, str) or not user_id:
            return False
        digest = blake2b(f"{self._salt}:{user_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self._share * 2**64

    def take_part(
        self,
        champions: JournalWriter | None,
        columns: Columns,
        outputs: Outputs,
        wanted: dict[str, bool],
        *,
        request_id: str,
        began: float,
    ) -> None:
        """Take part in a request that the champion answers with `outputs`.

        Puts the challenger's numbers in place of the champion's for the users of its share,
        and logs each row under the version that answered it.
        """
        request_id = request_id or str(uuid.uuid4())
        rows = self._answer(columns, outputs, wanted) if not self.problem else _NO_ROWS
        fixed: Any = {"request_id": request_id, "inference_time_s": time.perf_counter() - began}
        if champions:
            rest = np.delete(np.arange(len(outputs["predicted_revenue"])), rows)
            champions.append(columns, outputs, rows=rest if len(rows) else None, **fixed)
        if self.problem or not self._spool:
            return
        if len(rows):
            self._spool.append(columns, outputs, rows=rows, **fixed)
        elif not self._share:
            try:
                self._waiting.put_nowait((columns, wanted, request_id))
            except Full:
                self._complain("is too slow: requests are left out of its shadow")

    def _answer(
        self, columns: Columns, outputs: Outputs, wanted: dict[str, bool]
    ) -> NDArray[np.intp]:
        """Put the challenger's numbers into `outputs`; returns the rows of its users."""
        users = columns.get(self._id or "", ()) if self._share else ()
        rows = np.flatnonzero([self.takes(user) for user in users])
        if not len(rows):
            return _NO_ROWS
        try:
            theirs = self._predict({n: take(v, rows) for n, v in columns.items()}, wanted)
            merged = {name: values.copy() for name, values in outputs.items()}
            for name, values in merged.items():
                values[rows] = theirs[name]
        except Exception as error:
            self._complain(f"does not answer, so the champion does: {error}")
            return _NO_ROWS
        outputs.update(merged)
        return rows

    def _score_in_shadow(self) -> None:
        while True:
            columns, wanted, request_id = self._waiting.get()
            if self._waiting.empty():
                time.sleep(_AFTER_S)
            began = time.perf_counter()
            try:
                outputs, error = self._predict(columns, wanted), ""
            except Exception as problem:
                outputs, error = {}, str(problem)
                self._complain(f"fails in shadow: {error}")
            took = time.perf_counter() - began
            if self._spool and error:
                self._spool.append_failure(
                    columns, error, request_id=request_id, inference_time_s=took
                )
            elif self._spool:
                self._spool.append(
                    columns, outputs, request_id=request_id, inference_time_s=took
                )

    def _predict(self, columns: Columns, wanted: dict[str, bool]) -> Outputs:
        outputs: Outputs = self._model.estimator.predict(columns, **wanted)
        revenue = outputs["predicted_revenue"]
        if not np.all(np.isfinite(revenue) & (revenue >= 0)):
            raise ValueError("it predicts what is no revenue")
        return outputs

    def _complain(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._complained >= _COMPLAIN_EVERY_S:
            self._complained = now
            _log.error("The challenger %s", problem)


def _load_apart(folder: Path) -> Any:
    """The model in `folder` with the code of its own artifact, beside this one's."""
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    path = list(sys.path)
    named = os.environ.pop(_FOLDER, "")  # the challenger has no challenger
    for name in ours:
        del sys.modules[name]
    try:
        return mlflow.pyfunc.load_model(str(folder)).unwrap_python_model()
    finally:
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(ours)
        sys.path[:] = path
        os.environ[_FOLDER] = named


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "revenue_model"


def _columns(schema: Any) -> list[tuple[str, str]]:
    return [(column.name, column.role) for column in schema.columns]
