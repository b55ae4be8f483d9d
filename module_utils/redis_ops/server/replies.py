"""What each command that this project sends is answered with, and what an error reply means.

A reply of another shape comes from something that is no Redis, or is hostile; callers need not expect it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from .. import catalog
from ..base.errors import AccessDenied, CommandRefused, RedisOpsError, ServerUnreachable
from .resp import ErrorReply, Reply

SHOWN = 400  # characters of an error; protected mode explains itself in 1,000
_HIDDEN = "(secret)"
_REFUSED_USER = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED")  # DENIED: protected mode
_NOT_SERVING = ("LOADING", "BUSY")  # BUSY: a script or a function runs for too long
_FULL = "ERR max number of clients"
_INTEGER = re.compile(r"-?[0-9]{1,20}")
# Options that the code counts with.
NUMBERS = frozenset(
    (
        "auto-aof-rewrite-min-size",
        "auto-aof-rewrite-percentage",
        "maxclients",
        "maxmemory",
        "min-replicas-max-lag",
        "min-replicas-to-write",
        "port",
        "repl-backlog-size",
        "slowlog-log-slower-than",
        "slowlog-max-len",
        "tls-port",
    )
)


def _is_text(reply: Reply) -> bool:
    return isinstance(reply, str)


def _is_text_or_nil(reply: Reply) -> bool:
    return reply is None or isinstance(reply, str)


def _is_number(reply: Reply) -> bool:
    return isinstance(reply, int)


def _is_texts(reply: Reply) -> bool:
    return isinstance(reply, list) and all(isinstance(item, str) for item in reply)


def _is_texts_or_nils(reply: Reply) -> bool:
    return isinstance(reply, list) and all(_is_text_or_nil(item) for item in reply)


def _is_pairs(reply: Reply) -> bool:
    return _is_texts_or_nils(reply) and len(_list(reply)) % 2 == 0 and _is_texts(_list(reply)[::2])


def _is_config(reply: Reply) -> bool:
    """Name and value in turn, with numbers where the code counts with them."""
    if not _is_pairs(reply):
        return False
    pairs = _list(reply)
    return all(_INTEGER.fullmatch(str(value)) for name, value in zip(pairs[::2], pairs[1::2]) if name in NUMBERS)


def _is_lists(reply: Reply) -> bool:
    return isinstance(reply, list) and all(isinstance(entry, list) for entry in reply)


def _is_scan(reply: Reply) -> bool:
    return isinstance(reply, list) and len(reply) == 2 and isinstance(reply[0], str) and _is_texts(reply[1])


def _is_slow_log(reply: Reply) -> bool:
    """Each entry: id, time, duration, words; then address and name of the client."""
    return isinstance(reply, list) and all(
        isinstance(entry, list)
        and len(entry) >= 4
        and all(isinstance(number, int) for number in entry[:3])
        and _is_texts(entry[3])
        for entry in reply
    )


def _is_histograms(reply: Reply) -> bool:
    """Command and fields in turn: calls, and histogram_usec with bounds and counts in turn."""
    return isinstance(reply, list) and _is_texts(reply[::2]) and all(_is_histogram(fields) for fields in reply[1::2])


def _is_histogram(reply: Reply) -> bool:
    return (
        isinstance(reply, list)
        and len(reply) == 4
        and reply[0] == "calls"
        and isinstance(reply[1], int)
        and reply[2] == "histogram_usec"
        and all(isinstance(number, int) for number in _list(reply[3]))
        and len(_list(reply[3])) % 2 == 0
    )


def _is_list(reply: Reply) -> bool:
    return isinstance(reply, list)


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else [None]


SHAPES: Mapping[str, Callable[[Reply], bool]] = {
    "ACL LIST": _is_texts,
    "AUTH": lambda reply: reply == "OK",
    "BGREWRITEAOF": _is_text,
    "BGSAVE": _is_text,
    "CLIENT LIST": _is_text,
    "CLUSTER INFO": _is_text,
    "CLUSTER MYID": _is_text,
    "CONFIG GET": _is_config,
    "CONFIG SET": lambda reply: reply == "OK",
    "DEL": _is_number,
    "EXISTS": _is_number,
    "GET": _is_text_or_nil,
    "HGET": _is_text_or_nil,
    "HMGET": _is_texts_or_nils,
    "INFO": _is_text,
    "LATENCY HISTOGRAM": _is_histograms,
    "LINDEX": _is_text_or_nil,
    "LLEN": _is_number,
    "LRANGE": _is_texts,
    "MODULE LIST": _is_lists,
    "PING": _is_text,
    "SCAN": _is_scan,
    "SET": _is_text_or_nil,
    "SLOWLOG GET": _is_slow_log,
    "ZCARD": _is_number,
    "ZCOUNT": _is_number,
    "ZRANGE": _is_texts,
    "SELECT": lambda reply: reply == "OK",
    "TYPE": _is_text,
    "XINFO": _is_list,
    "XREVRANGE": _is_list,
}


def fits(command: str, reply: Reply) -> bool:
    """Whether a Redis answers this command so. A command that is not in the table may be answered with anything."""
    shape = SHAPES.get(command.upper())
    return shape is None or shape(reply)


def error_of(place: str, words: Sequence[str], reply: ErrorReply, password: str) -> RedisOpsError:
    """The error that an error reply stands for, in the server's own words, without a secret that was sent.

    place: who answered, for the errors that are about the whole server. words: what was sent; password: of the login.
    """
    told = _shown(reply.text, [password, *_secrets(words)])
    if reply.code in _NOT_SERVING or reply.text.startswith(_FULL):
        return ServerUnreachable(f"{place}: {told}")
    # some servers know no word for it: 'ERR Client sent AUTH, but no password is set', 'ERR invalid password'
    if reply.code in _REFUSED_USER or words[0] == "AUTH":
        return AccessDenied(f"{place}: {told}")
    return CommandRefused(told)


def _secrets(words: Sequence[str]) -> list[str]:
    """Values of secret options among the words of CONFIG SET: Redis 6.2 repeats the value that it refuses."""
    if words[0].upper() != "CONFIG SET":
        return []
    options = {value: catalog.find(name) for name, value in zip(words[1::2], words[2::2])}
    return [value for value, option in options.items() if option is not None and option.secret]


def _shown(text: str, secrets: Sequence[str]) -> str:
    """One short line. Servers repeat the arguments of a command that they do not know; those may be a password."""
    text = text.partition(", with args beginning with")[0]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."
