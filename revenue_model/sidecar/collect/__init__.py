"""Moves the prediction log from files to Postgres, each row exactly once, and counts it."""
