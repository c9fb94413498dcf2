"""Predict, serve, log and check the revenue of mobile-game installs.

docs/architecture.md has the map.
"""
