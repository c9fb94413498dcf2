"""Is the champion to be replaced? The rules, and what the sidecar says.

Imports `evaluation.figures` and `errors`.
"""
