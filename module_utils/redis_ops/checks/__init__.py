"""Verdicts on what was seen. Pure functions, each with its reason and its remedy."""
