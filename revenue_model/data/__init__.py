"""Where do tables come from? Files read and checked, simulated, split, streamed.

Imports `model.schema`, `prediction_log.binning` and `errors`.
"""
