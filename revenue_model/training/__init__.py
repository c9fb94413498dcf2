"""How is the model learned? From labelled installs to an estimator.

Imports `model` and `errors`; `spark` and `commands` use it. None of it is in the artifact.
"""
