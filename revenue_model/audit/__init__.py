"""What is wrong with this table? Findings before training, and their figures.

Imports `model`, `prediction_log.category`, `training.unit_outliers`, `evaluation`, `extras`.
"""

from revenue_model.extras import require

require("train", "matplotlib")
