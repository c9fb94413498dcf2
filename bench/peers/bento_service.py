"""BentoML with the hand-written path."""

import os
from typing import Any

import bentoml
from by_hand import predict


@bentoml.service(workers=int(os.environ["WORKERS"]))
class Revenue:
    """The service that BentoML starts."""

    @bentoml.api
    def predict(self, dataframe_records: list[dict[str, Any]]) -> dict[str, Any]:
        return {"predictions": predict(dataframe_records)}
