"""Which changes of maxmemory and its policy are a risk, against a small simulation of what Redis evicts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from ansible.module_utils.redis_ops.plan.eviction import Cause, Limit, Risk, Stored, at_risk, stored, widens
from ansible.module_utils.redis_ops.server.queues.result import Found, Search
from hypothesis import given, settings
from hypothesis import strategies as st

MB = 1024**2
POLICIES = (
    "noeviction",
    *(f"{keys}-{how}" for keys, how in product(("volatile", "allkeys"), ("lru", "lfu", "lrm", "random"))),
    "volatile-ttl",
)
NONE = Search(complete=True)
MAIL = Search(found=(Found("BullMQ", 1, "bull:mail", ("list bull:mail:wait",)),), complete=False, reason="first")
UNKNOWN = Search(complete=False, reason="10 s were over")


# --- the oracle -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    size: int
    expires: bool


def evictable(limit: Limit, keys: list[Key]) -> set[int]:
    """redis.conf, maxmemory-policy: which keys it may choose, by their place in the list."""
    if limit.maxmemory == 0 or limit.policy == "noeviction":
        return set()
    return {number for number, key in enumerate(keys) if key.expires or limit.policy.startswith("allkeys")}


def goes(limit: Limit, keys: list[Key]) -> set[int]:
    """What Redis may take right now."""
    return evictable(limit, keys) if sum(key.size for key in keys) > limit.maxmemory > 0 else set()


def refuses(limit: Limit, keys: list[Key]) -> bool:
    """Whether it is over the limit when everything that it may take is gone."""
    gone = goes(limit, keys)
    return sum(key.size for number, key in enumerate(keys) if number not in gone) > limit.maxmemory > 0


limits = st.builds(Limit, st.sampled_from([0, *range(1, 40)]), st.sampled_from(POLICIES))
some_keys = st.lists(st.builds(Key, st.integers(1, 5), st.booleans()), max_size=8)


def held(keys: list[Key]) -> Stored:
    size = sum(key.size for key in keys)
    return Stored(len(keys), sum(key.expires for key in keys), size, size)


@settings(max_examples=2000, deadline=None)
@given(limits, limits, some_keys)
def test_no_change_that_takes_a_protected_key_is_called_safe(old, new, keys):
    risk = at_risk(old, new, held(keys), NONE)
    if goes(new, keys) - goes(old, keys):
        assert risk.cause is Cause.DATA
        assert risk.keys > 0
        assert risk.now >= 0
    if refuses(new, keys) and not refuses(old, keys) and (not old.maxmemory or new.maxmemory < old.maxmemory):
        assert risk.stops
    assert risk.reason
    assert risk.determined


@settings(max_examples=2000, deadline=None)
@given(limits, limits, some_keys, st.sampled_from([MAIL, UNKNOWN]))
def test_no_change_that_lets_jobs_go_is_called_safe(old, new, keys, search):
    """A job may be any key, now or one that is added later."""
    later = [*keys, Key(1, expires=False), Key(1, expires=True)]
    risk = at_risk(old, new, held(keys), search)
    if evictable(new, later) - evictable(old, later):
        assert risk.stops
    elif not goes(new, keys) and not refuses(new, keys) and sum(key.size for key in keys) < 0.9 * new.maxmemory:
        assert not risk.stops


@settings(max_examples=1000, deadline=None)
@given(limits, limits, some_keys, st.sampled_from([NONE, MAIL, UNKNOWN]))
def test_a_rising_limit_and_a_stricter_policy_are_no_risk(old, new, keys, search):
    everything = [Key(1, expires=False), Key(1, expires=True)]
    rises = new.maxmemory == 0 or (old.maxmemory and new.maxmemory >= old.maxmemory)
    if rises and evictable(new, everything) <= evictable(old, everything):
        assert at_risk(old, new, held(keys), search).cause is Cause.NOTHING
        assert at_risk(old, new, None, search).cause is Cause.NOTHING


@given(limits, limits, some_keys)
def test_queues_matter_only_where_a_change_widens_what_may_go(old, new, keys):
    risks = [at_risk(old, new, held(keys), search) for search in (NONE, MAIL, UNKNOWN)]
    if not widens(old, new):
        assert risks[0] == risks[1] == risks[2]
    everything = [Key(1, expires=False), Key(1, expires=True)]
    assert widens(old, new) == bool(evictable(new, everything) - evictable(old, everything))


@settings(max_examples=500, deadline=None)
@given(limits, limits, some_keys)
def test_room_and_no_queue_are_no_risk(old, new, keys):
    """But for keys that lose the protection that they had under a limit of this size, which is not a new one."""
    if sum(key.size for key in keys) < 0.9 * new.maxmemory:
        risk = at_risk(old, new, held(keys), NONE)
        lost = evictable(new, keys) - evictable(old, keys)
        loses = bool(lost) and old.maxmemory >= new.maxmemory
        assert risk.cause is (Cause.LATER if loses else Cause.NOTHING)
        assert risk.keys == len(lost)


@pytest.mark.parametrize(("old", "new"), list(product(POLICIES, POLICIES)))
def test_every_pair_of_policies_over_the_limit(old, new):
    """1,000 keys of which 400 expire, twice the new limit; the old one had room."""
    before, after = Limit(300 * MB, old), Limit(100 * MB, new)
    risk = at_risk(before, after, Stored(1000, 400, 200 * MB, 200 * MB), NONE)
    if new == "noeviction":
        assert risk.cause is Cause.WRITES
        return
    assert risk.cause is Cause.DATA
    group = [name.partition("-")[0] for name in (old, new)]
    expected = {
        ("noeviction", "allkeys"): (1000, True, 200),
        ("noeviction", "volatile"): (400, True, 80),
        ("volatile", "allkeys"): (600, True, 120),
        ("allkeys", "allkeys"): (500, False, 100),
        ("allkeys", "volatile"): (400, False, 80),
        ("volatile", "volatile"): (400, False, 80),
    }[tuple(group)]
    assert (risk.keys, risk.exact, risk.size // MB) == expected
    assert risk.now // MB == min(100, 80 if group[1] == "volatile" else 100)


# --- single cases -----------------------------------------------------------------------------------------------------


def test_a_limit_lowered_under_keys_without_a_time_to_live():
    """Field case A2."""
    data = Stored(300_000, 0, 316 * MB, 316 * MB)
    risk = at_risk(Limit(600 * MB, "volatile-lru"), Limit(100 * MB, "allkeys-lru"), data, NONE)
    assert risk == Risk(
        Cause.DATA,
        300_000,
        exact=True,
        size=316 * MB,
        now=216 * MB,
        reason="300,000 keys without a time to live, about 316mb, may not be evicted now; allkeys-lru with maxmemory 100mb "
        "evicts them, because the server holds about 316mb",
    )
    queue = at_risk(Limit(600 * MB, "volatile-lru"), Limit(100 * MB, "allkeys-lru"), data, MAIL)
    assert queue.reason == f"{risk.reason}; among them jobs: BullMQ bull:mail in database 1 (list bull:mail:wait)"


def test_a_queue_far_below_the_limit():
    """Field case A3."""
    small = Stored(60_002, 0, 8 * MB, 7 * MB)
    change = Limit(512 * MB, "noeviction"), Limit(512 * MB, "allkeys-lru")
    risk = at_risk(*change, small, MAIL)
    assert (risk.cause, risk.keys, risk.now) == (Cause.QUEUE, 60_002, 0)
    assert risk.reason == (
        "BullMQ bull:mail in database 1 (list bull:mail:wait): allkeys-lru loses jobs without a word as soon as maxmemory "
        "512mb is reached"
    )
    risk = at_risk(*change, small, UNKNOWN)
    assert (risk.cause, risk.determined, risk.stops) == (Cause.UNKNOWN, False, True)
    assert risk.reason == (
        "whether a job queue lives here could not be determined (10 s were over), and allkeys-lru loses jobs"
    )
    assert at_risk(*change, small, NONE).reason == (
        "nothing is evicted now: the server holds about 8.0mb of 512mb; once the limit is reached, 60,002 keys may be evicted that "
        "are protected now"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("noeviction", "allkeys-lru", "60,002 keys may be evicted"),
        ("volatile-lru", "allkeys-lru", "keys without a time to live may be evicted"),
        ("noeviction", "volatile-lru", "keys with a time to live may be evicted"),
    ],
)
def test_the_keys_that_may_go_later_are_named_by_their_kind(old, new, told):
    risk = at_risk(Limit(512 * MB, old), Limit(512 * MB, new), Stored(60_002, 7, 8 * MB, 8 * MB), NONE)
    assert told in risk.reason
    assert risk.reason.endswith("that are protected now")


def test_a_list_that_may_be_a_queue_by_its_name_is_named():
    small, change = Stored(3, 0, MB, MB), (Limit(0, "noeviction"), Limit(9 * MB, "allkeys-lru"))
    risk = at_risk(*change, small, Search(suspects=("list jobs in database 2",)))
    assert risk.cause is Cause.NOTHING
    assert risk.reason.endswith("; not counted as a job queue, because only the name says so: list jobs in database 2")
    assert "jobs" not in at_risk(change[1], change[0], small, Search(suspects=("list jobs in database 2",))).reason


def test_a_queue_that_may_be_evicted_already_is_no_new_risk():
    small = Stored(10, 0, MB, MB)
    for new in (Limit(50 * MB, "allkeys-lfu"), Limit(50 * MB, "volatile-lru"), Limit(100 * MB, "noeviction")):
        assert at_risk(Limit(100 * MB, "allkeys-lru"), new, small, MAIL).cause is Cause.NOTHING


def test_a_queue_under_a_volatile_policy_loses_its_locks():
    small = Stored(10, 0, MB, MB)
    assert at_risk(Limit(0, "noeviction"), Limit(100 * MB, "volatile-ttl"), small, MAIL).cause is Cause.QUEUE


def test_a_limit_under_what_is_stored_and_nothing_to_evict():
    data = Stored(10, 0, 20 * MB, 20 * MB)
    for policy in ("noeviction", "volatile-lru"):
        risk = at_risk(Limit(0, "noeviction"), Limit(10 * MB, policy), data, NONE)
        assert (risk.cause, risk.keys) == (Cause.WRITES, 0)
        assert "it would refuse every command that writes" in risk.reason
    already = at_risk(Limit(15 * MB, "noeviction"), Limit(10 * MB, "noeviction"), data, NONE)
    assert already.cause is Cause.NOTHING


def test_a_limit_under_what_does_not_expire_ends_in_refusals():
    data = Stored(10, 2, 20 * MB, 20 * MB)
    risk = at_risk(Limit(0, "noeviction"), Limit(10 * MB, "volatile-lru"), data, NONE)
    assert (risk.cause, risk.keys, risk.size, risk.now) == (Cause.DATA, 2, 4 * MB, 4 * MB)
    assert "evicts them, and then refuses commands that write, because" in risk.reason


@pytest.mark.parametrize(("used", "cause"), [(95, Cause.NOTHING), (96, Cause.DATA), (100, Cause.DATA)])
def test_nearly_full_is_full(used, cause):
    """The run itself, a growing table and clients need memory, too."""
    data = Stored(10, 0, used * MB, used * MB)
    assert at_risk(Limit(0, "noeviction"), Limit(100 * MB, "allkeys-lru"), data, NONE).cause is cause


@pytest.mark.parametrize("old", ["", "allkeys-something-new", "something-new"])
def test_a_policy_of_a_later_version(old):
    """It is taken for the one that makes the change a risk, unless its name says what it takes."""
    data = Stored(10, 0, 20 * MB, 20 * MB)
    change = at_risk(Limit(10 * MB, old), Limit(10 * MB, "something-else"), data, NONE)
    assert change.stops is (old != "allkeys-something-new")


def test_what_info_says():
    info = {
        "used_memory": "1000",
        "mem_not_counted_for_evict": "100",
        "used_memory_dataset": "600",
        "db0": "keys=3,expires=1,avg_ttl=0",
        "db7": {"keys": 2, "expires": 2, "avg_ttl": 0},
    }
    assert stored(info) == Stored(keys=5, expires=3, counted=900, data=600)
    assert stored({"used_memory": 1000}) == Stored(0, 0, 1000, 1000)


@pytest.mark.parametrize(
    "info", [{}, {"used_memory": "x"}, {"used_memory": 1, "db0": "no"}, {"db0": "keys=1,expires=0"}]
)
def test_what_info_does_not_say_is_unknown(info):
    assert stored(info) is None
    risk = at_risk(Limit(0, "noeviction"), Limit(1, "noeviction"), stored(info), NONE)
    assert (risk.cause, risk.stops, risk.determined) == (Cause.UNKNOWN, True, False)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (900, "900 bytes"),
        (2048, "2.0kb"),
        (316 * MB, "316mb"),
        (1536 * MB, "1.5gb"),
        (20 * 1024 * MB, "20gb"),
    ],
)
def test_amounts(size, text):
    data = Stored(1, 0, size, size)
    reason = at_risk(Limit(0, "noeviction"), Limit(2**50, "allkeys-lru"), data, NONE).reason
    assert f"about {text} of" in reason


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_how_much_a_server_holds_shows_when_it_runs(policy):
    """Until then its limit and its policy stay, see test_apply."""
    risk = at_risk(Limit(0, "noeviction"), Limit(300 * MB, policy), None, UNKNOWN, runs=False)
    assert (risk.cause, risk.stops, risk.determined) == (Cause.UNSEEN, False, False)
