"""D6: a password is set, rotated and removed while clients work, and nobody gets to see it."""

from __future__ import annotations

import lab

EAVESDROPPER = lab.PROJECT / "molecule/lives/tests/eavesdropper.py"
FIRST, SECOND = "first-Pass word-8241", "second-Passphrase-1903"


def declared(password: str) -> dict:
    return {"redis_server_secrets": {"requirepass": password}}


def overheard(host, secret: str, play: lab.Play) -> list[str]:
    """The places that must not have it and do."""
    places = {"journal": "journalctl --quiet --no-pager", "log": "cat /var/log/redis/*"}
    found = [name for name, command in places.items() if secret in host.run(command).stdout]
    if secret in play.output:
        found.append("output of the run")
    files = host.run("grep -rlF %s /etc /tmp /root /run /var/lib /var/tmp", secret).stdout.split()
    assert "/etc/redis/redis.conf" in files
    return found + [name for name in files if host.file(name).mode & 0o007]


def test_set_rotated_and_removed(host, redis, settled):
    """Whoever has the right password is served at every step, by the same process."""
    before = redis.identity()

    with lab.OnHost(EAVESDROPPER, secret=FIRST) as eavesdropper:
        run = lab.play("-vvv", "--diff", **declared(FIRST))
        heard = eavesdropper.close()
    assert run.ok, run.output
    assert heard["seen"] == []
    assert heard["looks"] > 10
    assert overheard(host, FIRST, run) == []
    assert "NOAUTH" in redis("ping")
    redis.password = FIRST
    assert redis("ping") == "PONG"
    assert redis.identity() == before
    settled(**declared(FIRST))

    with lab.OnHost(EAVESDROPPER, secret=SECOND) as eavesdropper:
        run = lab.play("-vvv", "--diff", **declared(SECOND))
        heard = eavesdropper.close()
    assert run.ok, run.output
    assert heard["seen"] == []
    assert overheard(host, SECOND, run) == []
    assert FIRST not in run.output
    assert "NOAUTH" in redis("ping")  # the first one no longer opens
    redis.password = SECOND
    assert redis("ping") == "PONG"
    assert redis.identity() == before
    assert host.file("/etc/redis/redis.conf").mode == 0o640

    forgotten = lab.play()
    assert not forgotten.ok
    assert "requirepass" in " ".join(forgotten.told("error"))
    assert redis("ping") == "PONG"

    run = lab.play(**declared(""))
    assert run.ok, run.output
    redis.password = ""
    assert redis("ping") == "PONG"
    assert redis.identity() == before
    settled(**declared(""))
    assert lab.play().ok  # and it need not be declared any more
