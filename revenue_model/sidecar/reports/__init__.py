"""Answers made of what is stored: statistics and drift."""
