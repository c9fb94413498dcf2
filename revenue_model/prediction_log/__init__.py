"""How is a prediction written down? Files of lines between the model's process and the sidecar.

Imports nothing of the package. It goes into the artifact with `model`; the sidecar reads by it.
"""
