"""Flask with pandas features in the request, as such services are commonly written."""

import numpy as np
import pandas as pd
from by_hand import COLUMNS, EVENTS, booster
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
TABLES = {name: pd.Series(codes) for name, codes in COLUMNS.items()}


@app.post("/invocations")
def invocations() -> Response:
    table = pd.DataFrame(request.get_json()["dataframe_records"])
    for name, codes in TABLES.items():
        table[name] = table[name].map(codes).fillna(-1).astype(float)
    for name in EVENTS:
        table[name] = pd.to_numeric(table[name])
    table = table[[*COLUMNS, *EVENTS]]
    predicted = booster.inplace_predict(table.to_numpy(np.float32))
    return jsonify({"predictions": pd.Series(predicted).tolist()})


@app.get("/ping")
def ping() -> str:
    return "ok"
