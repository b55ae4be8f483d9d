"""The only effects on a Redis, its files and its service."""
