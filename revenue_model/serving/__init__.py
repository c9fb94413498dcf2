"""Who answers while aliases move? A supervisor and its workers around MLflow's scoring server.

Imports `logs` and `listening`; the code that predicts is in the artifact.
"""
