"""Who answers while aliases move? A supervisor and its workers around MLflow's scoring server.

Imports `logs`, `listening` and `errors`; the code that predicts is in the artifact. A worker
runs in the environment of its version, so it loads what it needs of this project by its path.
"""
