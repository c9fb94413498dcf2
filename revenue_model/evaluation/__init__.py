"""How good is a forecast, and is it better than another?

Imports `model`, `prediction_log.category`, `training`, `data` and `errors`.
"""
