"""The load of many users on one Redis, by k6."""
