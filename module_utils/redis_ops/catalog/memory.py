"""How much memory the data may take, what is evicted when it is full, and how memory is given back."""

from __future__ import annotations

from .vocabulary import (
    BYTES,
    COUNT,
    INT_MAX,
    PERCENT,
    YES_NO,
    By,
    Enum,
    Integer,
    Memory,
    MemoryOrPercent,
    Option,
    Trait,
)

_POLICIES = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)
_LAZY = By("no", {"valkey 8.0": "yes"})
_VALKEY_8_1 = ("valkey 8.1",)
_DEFRAG_NOTE = "only where Redis is built with its own jemalloc; Debian's packages refuse it"

OPTIONS = (
    Option(
        "maxmemory",
        BYTES,
        "memory",
        "0",
        traits=Trait.KEEPS_DATA,
        note="0 is no limit; it does not count replica buffers or the fork",
    ),
    Option("maxmemory-clients", MemoryOrPercent(), "memory", "0", since=("redis 7.0",), note="0 is no limit"),
    Option("maxmemory-eviction-tenacity", PERCENT, "memory", "10"),
    Option(
        "maxmemory-policy",
        By(Enum(_POLICIES), {"redis 8.6": Enum((*_POLICIES, "allkeys-lrm", "volatile-lrm"))}),
        "memory",
        "noeviction",
        traits=Trait.KEEPS_DATA,
        note="a queue such as BullMQ loses jobs under anything but noeviction",
    ),
    Option(
        "maxmemory-samples",
        By(Integer(1, INT_MAX), {"redis 7.4": Integer(1, 64), "valkey 8.0": Integer(1, 64)}),
        "memory",
        "5",
        unit="keys",
    ),
    Option("lfu-decay-time", COUNT, "memory", "1", unit="minutes", note="0 never decays"),
    Option("lfu-log-factor", COUNT, "memory", "10", note="lower tells rarely used keys apart better"),
    Option("tracking-table-max-keys", Integer(), "memory", "1000000", unit="keys"),
    # what is freed in the background, and the defragmenter
    Option("lazyfree-lazy-eviction", YES_NO, "reclaim", _LAZY),
    Option("lazyfree-lazy-expire", YES_NO, "reclaim", _LAZY),
    Option("lazyfree-lazy-server-del", YES_NO, "reclaim", _LAZY),
    Option("lazyfree-lazy-user-del", YES_NO, "reclaim", _LAZY),
    Option("lazyfree-lazy-user-flush", YES_NO, "reclaim", _LAZY),
    Option("active-expire-effort", Integer(1, 10), "reclaim", "1"),
    Option("activedefrag", YES_NO, "reclaim", "no", note=_DEFRAG_NOTE),
    Option("active-defrag-cycle-max", Integer(1, 99), "reclaim", "25", unit="percent of CPU"),
    Option("active-defrag-cycle-min", Integer(1, 99), "reclaim", "1", unit="percent of CPU"),
    Option("active-defrag-cycle-us", Integer(0, 100000), "reclaim", "500", unit="microseconds", since=_VALKEY_8_1),
    Option("active-defrag-ignore-bytes", Memory(1), "reclaim", "104857600"),
    Option("active-defrag-max-scan-fields", Integer(1), "reclaim", "1000"),
    Option("active-defrag-threshold-lower", Integer(0, 1000), "reclaim", "10", unit="percent"),
    Option("active-defrag-threshold-upper", Integer(0, 1000), "reclaim", "100", unit="percent"),
    Option("jemalloc-bg-thread", YES_NO, "reclaim", "yes"),
)
