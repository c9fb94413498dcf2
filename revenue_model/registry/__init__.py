"""Which version is what? Versions published, promoted, downloaded.

Imports `model`, `prediction_log` and `errors`.
"""
