"""What is wrong with this table? Findings before training, and their figures.

Imports `model`, `training.unit_outliers` and `evaluation`.
"""
