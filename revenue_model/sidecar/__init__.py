"""What was predicted, and was it right? Collects the prediction log and answers over HTTP.

Imports `prediction_log`, `logs`, `listening` and `extras`; knows formats, never training.
"""

from revenue_model.extras import require

require("sidecar", "httpx", "prometheus_client", "psycopg2")
