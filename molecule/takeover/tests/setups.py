"""What somebody did on a host before us. Each function returns one that does it to a host."""

from __future__ import annotations

from collections.abc import Callable

from hosts import USUAL, Cli, Host

Setup = Callable[[Host], None]
CONFIG = "/etc/redis/redis.conf"
UNIT = """\
[Unit]
Description=Redis, by hand
After=network.target

[Service]
ExecStart={command}
User={user}
Group={user}
Type=notify
StateDirectory={name}
{more}

[Install]
WantedBy=multi-user.target
"""


def steps(*setups: Setup | str) -> Setup:
    """One after the other. A text is lines of shell."""

    def do(host: Host) -> None:
        for setup in setups:
            if isinstance(setup, str):
                host.script(setup)
            else:
                setup(host)

    return do


def packaged(*lines: str, keys: int = 0, cli: Cli = USUAL, product: str = "redis", runs: bool = True) -> Setup:
    """The package's own instance, with these lines behind its configuration."""
    config = f"/etc/{product}/{product}.conf"

    def do(host: Host) -> None:
        text = "".join(f"{line}\n" for line in lines)
        host.check_output(f"cat >>{config}", stdin=text)
        host.check_output(f"systemctl enable --now --quiet {product}-server")
        host.serves(cli)
        if keys:
            host.fill(keys, cli)
        if not runs:
            host.check_output(f"systemctl stop {product}-server")

    return do


def configured(text: str, keys: int = 0) -> Setup:
    """The package's own instance with another configuration."""
    return steps(lambda host: host.put(CONFIG, text, "0640", "redis"), packaged(keys=keys))


def put(path: str, text: str, mode: str = "0644", owner: str = "root") -> Setup:
    """A file."""
    return lambda host: host.put(path, text, mode, owner)


def by_hand(
    name: str,
    lines: str,
    *,
    config: str,
    cli: Cli,
    user: str = "redis",
    program: str = "/usr/bin/redis-server",
    command: str = "",
    more: str = "",
    keys: int = 0,
) -> Setup:
    """A server with a unit, a configuration and a data directory of its own. command: for ExecStart. more: lines of
    [Service].
    """

    def do(host: Host) -> None:
        data = "" if "\ndir " in f"\n{lines}" else f"dir /var/lib/{name}\n"
        host.put(config, lines + data, "0640", user)
        start = command or f"{program} {config} --supervised systemd --daemonize no"
        host.put(f"/etc/systemd/system/{name}.service", UNIT.format(command=start, user=user, name=name, more=more))
        host.check_output(f"systemctl daemon-reload && systemctl enable --now --quiet {name}")
        host.serves(cli)
        if keys:
            host.fill(keys, cli)

    return do


def drop_in(text: str, unit: str = "redis-server", name: str = "local.conf") -> Setup:
    """Lines of [Service] in a drop-in."""

    def do(host: Host) -> None:
        host.put(f"/etc/systemd/system/{unit}.service.d/{name}", f"[Service]\n{text}\n")
        host.check_output("systemctl daemon-reload")

    return do


def restart(cli: Cli = USUAL, unit: str = "redis-server") -> Setup:
    """Of the server."""

    def do(host: Host) -> None:
        host.check_output(f"systemctl restart {unit}")
        host.serves(cli)

    return do


def filled(keys: int, cli: Cli = USUAL) -> Setup:
    return lambda host: host.fill(keys, cli)


def without_package(product: str = "redis") -> Setup:
    """As if the package had never been there; its programs are somebody's own, in /usr/local/bin."""
    return steps(
        f"cp /usr/bin/{product}-server /usr/bin/{product}-cli /usr/local/bin/\n"
        f"dpkg --purge --force-depends {product}-server {product}-tools >/dev/null 2>&1\n"
        f"rm -rf /etc/{product} /var/lib/{product} /var/log/{product}\n"
        f"id {product} >/dev/null 2>&1 || useradd --system {product}\n"
    )
