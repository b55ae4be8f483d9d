"""The load generator: users of a session store and a cache by k6, jobs by BullMQ. It runs on load generators as a zipapp.

`cli.py` has its subcommands, `place.py` the directory that a run has on a load generator. Only `prepare` runs without the
packages of requirements.lock.
"""
