"""What a careful hand writes without this project: dictionaries, numpy and one booster."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

FOLDER = Path(os.environ["PEER_MODEL"])
COLUMNS = json.loads((FOLDER / "codes.json").read_text())  # by text column, a code per value
EVENTS = ("event_1", "event_2", "event_3")
booster = xgb.Booster({"nthread": 1}, model_file=FOLDER / "peer.ubj")


def predict(installs: list[dict[str, Any]]) -> list[float]:
    nan = float("nan")
    rows = [
        [codes.get(install[name], -1) for name, codes in COLUMNS.items()]
        + [nan if install[name] is None else install[name] for name in EVENTS]
        for install in installs
    ]
    predicted: list[float] = booster.inplace_predict(np.array(rows, np.float32)).tolist()
    return predicted
