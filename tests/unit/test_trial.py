"""A new configuration is read where the service reads it."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.apply.trial import from_anywhere


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dir ./", "dir /srv/redis/./"),
        ("dir data", "dir /srv/redis/data"),
        ('dir "my data"', 'dir "/srv/redis/my data"'),
        ("dir /var/lib/redis", "dir /var/lib/redis"),
        ("# dir data", "# dir data"),
        ("dirty data", "dirty data"),
    ],
)
def test_a_relative_directory_begins_where_the_service_works(line, expected):
    assert from_anywhere(f"port 1\n{line}\nhz 10\n", "/srv/redis") == f"port 1\n{expected}\nhz 10\n"
