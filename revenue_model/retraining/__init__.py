"""Is the champion to be replaced? The rules, and what the sidecar says.

Imports `evaluation.figures`, `prediction_log.binning`, `errors` and `extras`.
"""

from revenue_model.extras import require

require("train", "httpx", "matplotlib")
