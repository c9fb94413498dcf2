"""The same on many machines: tables, trees and scoring on Spark.

Imports `model`, `training`, `data` and `errors`.
"""
