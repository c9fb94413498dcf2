"""Which version is what? Versions published, promoted, downloaded.

Imports `model`, `own_code` and `errors`.
"""
