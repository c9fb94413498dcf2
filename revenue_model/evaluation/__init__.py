"""How good is a forecast, and is it better than another?

Imports `model`, `prediction_log.category`, `training`, `data`, `errors` and `extras`.
"""

from revenue_model.extras import require

require("train", "matplotlib", "sklearn")
