"""Who answers while aliases move? A supervisor and its workers around MLflow's scoring server.

Imports `logs` and `listening`; the code that predicts is in the artifact. The worker runs in
the environment of the version, so it loads `experiment`, `error_filter`, `logs` and `own_code`
by their paths.
"""
