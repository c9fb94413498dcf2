"""How good is a forecast, and is it better than another?

Imports `model`, `training`, `data` and `errors`.
"""
