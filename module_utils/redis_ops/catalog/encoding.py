"""Up to which size a value is kept in a compact form. Redis 7.0 renamed ziplist to listpack."""

from __future__ import annotations

from .vocabulary import BYTES, COUNT, INT_MAX, LARGE, YES_NO, By, Integer, Option


def _since_listpack(old: str, new: str) -> By[str]:
    return By(old, {"redis 7.0": new})


_TEMPLATES = ("redis 8.10",)
_ARRAYS = ("redis 8.8",)

OPTIONS = (
    Option(
        "hash-max-listpack-entries",
        LARGE,
        "encoding",
        "512",
        aliases=("hash-max-ziplist-entries",),
        spelling=_since_listpack("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    ),
    Option(
        "hash-max-listpack-value",
        BYTES,
        "encoding",
        "64",
        aliases=("hash-max-ziplist-value",),
        spelling=_since_listpack("hash-max-ziplist-value", "hash-max-listpack-value"),
    ),
    Option(
        "list-max-listpack-size",
        Integer(-(2**31), INT_MAX),
        "encoding",
        "-2",
        aliases=("list-max-ziplist-size",),
        spelling=_since_listpack("list-max-ziplist-size", "list-max-listpack-size"),
        note="-1 to -5: 4, 8, 16, 32, 64 kb for each node; above 0: that many entries",
    ),
    Option("list-compress-depth", COUNT, "encoding", "0"),
    Option("set-max-intset-entries", LARGE, "encoding", "512"),
    Option("set-max-listpack-entries", LARGE, "encoding", "128", since=("redis 7.2",)),
    Option("set-max-listpack-value", LARGE, "encoding", "64", unit="bytes", since=("redis 7.2",)),
    Option(
        "zset-max-listpack-entries",
        LARGE,
        "encoding",
        "128",
        aliases=("zset-max-ziplist-entries",),
        spelling=_since_listpack("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    ),
    Option(
        "zset-max-listpack-value",
        BYTES,
        "encoding",
        "64",
        aliases=("zset-max-ziplist-value",),
        spelling=_since_listpack("zset-max-ziplist-value", "zset-max-listpack-value"),
    ),
    Option("hll-sparse-max-bytes", BYTES, "encoding", "3000"),
    Option("stream-node-max-bytes", BYTES, "encoding", "4096"),
    Option("stream-node-max-entries", LARGE, "encoding", "100"),
    Option("stream-idmp-duration", Integer(1, 300), "encoding", "100", unit="seconds", since=("redis 8.6",)),
    Option("stream-idmp-maxsize", Integer(1, 1000000), "encoding", "100", since=("redis 8.6",)),
    Option("array-slice-size", Integer(1, INT_MAX), "encoding", "4096", since=_ARRAYS, note="a power of two"),
    Option("array-sparse-kmax", COUNT, "encoding", "10", since=_ARRAYS),
    Option("array-sparse-kmin", COUNT, "encoding", "5", since=_ARRAYS),
    Option("hash-min-template-entries", LARGE, "encoding", "0", since=_TEMPLATES, note="0 is off"),
    Option("hash-max-template-entries", LARGE, "encoding", "0", since=_TEMPLATES, note="0 is no limit"),
    Option("hash-rdb-load-min-template-entries", LARGE, "encoding", "0", since=_TEMPLATES, note="0 is off"),
    Option("hash-rdb-load-max-template-entries", LARGE, "encoding", "0", since=_TEMPLATES, note="0 is no limit"),
    Option("hash-rdb-load-template-disassembly-threshold", LARGE, "encoding", "0", since=_TEMPLATES, note="0 is off"),
    Option("activerehashing", YES_NO, "encoding", "yes"),
)
