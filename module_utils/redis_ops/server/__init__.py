"""The only code that talks to a Redis, and what its answers and its files mean."""
