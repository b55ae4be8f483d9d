"""A secret of somebody else's server may have any bytes: it is the same one after a run and a start."""

from __future__ import annotations

import random

import pytest
from ansible.module_utils.redis_ops.server.connection import Credentials
from instances import lab, some
from servers import Refused

__all__ = ["lab"]

OLD_AND_NEW = some("redis 6.2.14", "redis 7.0.15", "valkey 9.1.2")
_NOISE = random.Random(13)
SECRETS = [
    *("pa\tss", "\x7f", "\x1b[0m", "two\nlines\r", "a\vb\fc", "\"'\\ #", "\\x41", "\\", "ä\u2028\x85"),
    *(bytes(_NOISE.choices(range(1, 128), k=12)).decode() for _ in range(10)),
]


def spelled(secret: str) -> str:
    """As CONFIG REWRITE might: every byte by its number."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in secret.encode()) + '"'


@OLD_AND_NEW
def test_they_stay_where_nobody_declares_them(lab):
    lab.begin()
    for number, secret in enumerate(SECRETS):
        lab.service.stop()
        lab.config_path.unlink()
        lab.state.unlink(missing_ok=True)
        lab.state.with_suffix(".conf").unlink(missing_ok=True)
        lab.password = secret
        lab.begin(
            f"requirepass {spelled(secret)}",
            f"masterauth {spelled(secret)}",
            f'user app on ~* +@all ">{spelled(secret)[1:]}',
        )
        way_in = [Credentials("", secret)]
        outcome = lab.converge({"timeout": 5 + number}, adopt="keep", credentials=way_in)
        assert outcome.changed
        lab.bounce()
        assert lab.get("masterauth") == secret
        lab.client("")("AUTH", "app", secret)
        for wrong in ("", secret + "x"):
            with pytest.raises(Refused):
                lab.client(wrong)("PING")
        assert not lab.converge({"timeout": 5 + number}, adopt="keep").changed


@OLD_AND_NEW
@pytest.mark.parametrize("secret", ["pa\tss", "\x1b\x7f"])
def test_they_can_be_declared(lab, secret):
    lab.converge({"requirepass": secret, "masterauth": secret})
    lab.password = secret
    lab.bounce()
    assert (lab.get("requirepass"), lab.get("masterauth")) == (secret, secret)
    assert not lab.converge({"requirepass": secret, "masterauth": secret}).changed
