"""What was predicted, and was it right? Collects the prediction log and answers over HTTP.

Imports `prediction_log`, `logs` and `listening`; knows formats, never training.
"""
