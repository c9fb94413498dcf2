"""Predict a Parquet table with a model's own code: a script for a process of its own.

A model brings its code as the package ``revenue_model``, so this file may import nothing of
the checkout's package, and is run by its path: two versions, each with its own code, could
not be loaded in one process.
"""

import json
import sys

import mlflow
import pandas as pd

if __name__ == "__main__":
    folder, source, target, params = sys.argv[1:]
    model = mlflow.pyfunc.load_model(folder)
    model.predict(pd.read_parquet(source), params=json.loads(params)).to_parquet(target)
