"""What is this install worth? All that predicts inside the registered model.

Imports nothing of the package but `prediction_log`; everyone may import it but
`prediction_log`, `serving` and `sidecar`.
"""
