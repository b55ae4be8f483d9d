"""Where a service sees other files than its host. Lines as systemd 252 and 257 show them."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.platform import mounts

DATA, CONFIG = "/var/lib/redis", "/etc/redis/redis.conf"


@pytest.mark.parametrize(
    ("properties", "path", "place"),
    [
        ({}, DATA, None),
        ({"PrivateTmp": "yes", "ProtectHome": "yes", "RootDirectory": "", "BindPaths": ""}, DATA, None),
        ({"BindPaths": "/srv/big:/var/lib/redis:rbind"}, DATA, DATA),
        ({"BindPaths": "/srv/big:/var/lib/redis/:rbind"}, CONFIG, None),
        ({"BindPaths": "-/srv/big:/var/lib:norbind"}, DATA, "/var/lib"),
        ({"BindPaths": "/srv/a:/srv/a:rbind /srv/big:/var/lib/redis/appendonlydir"}, DATA, f"{DATA}/appendonlydir"),
        ({"BindPaths": "/srv/big:/var/lib/redis2"}, DATA, None),
        ({"BindReadOnlyPaths": "/srv/my.conf:/etc/redis/redis.conf:rbind"}, CONFIG, CONFIG),
        ({"BindPaths": "/var/lib/redis:/var/lib/redis:rbind"}, DATA, None),
        ({"BindPaths": "/var/lib/redis"}, DATA, None),
        ({"TemporaryFileSystem": "/var:ro"}, DATA, "/var"),
        ({"TemporaryFileSystem": "/var:ro", "BindPaths": "/var/lib/redis:/var/lib/redis:rbind"}, DATA, None),
        ({"RootDirectory": "/srv/root", "BindReadOnlyPaths": "/usr:/usr:rbind"}, CONFIG, "/"),
        ({"RootDirectory": "/srv/root", "BindPaths": "/etc/redis:/etc/redis:rbind"}, CONFIG, None),
        ({"RootDirectory": "/"}, CONFIG, None),
        ({"RootImage": "/srv/root.raw"}, CONFIG, "/"),
        ({"MountImages": "/srv/data.raw:/var/lib/redis"}, DATA, DATA),
        ({"PrivateTmp": "yes"}, "/tmp/redis", "/tmp"),
        ({"PrivateTmp": "disconnected"}, "/var/tmp", "/var/tmp"),
        ({"ProtectHome": "yes"}, "/home/ops/redis", "/home"),
        ({"ProtectHome": "read-only"}, "/home/ops/redis", None),
    ],
)
def test_a_path_that_the_service_sees_otherwise(properties, path, place):
    assert mounts.other(mounts.of(properties), path) == place
