"""Where this project keeps what it remembers of a host."""

from __future__ import annotations

STATE_DIRECTORY = "/var/lib/ansible-redis"  # root's alone
LOCK = "lock"  # the name in it of the file that keeps two runs apart
