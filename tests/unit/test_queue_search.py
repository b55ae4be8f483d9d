"""The search for job queues, without a server: what it finds, and that it says so where it could not look."""

from __future__ import annotations

import contextlib

import pytest
from ansible.module_utils.redis_ops.base.errors import RedisOpsError, ServerUnreachable
from ansible.module_utils.redis_ops.server.keyspace import Keys, databases, selected
from ansible.module_utils.redis_ops.server.queues import recognise
from ansible.module_utils.redis_ops.server.queues.kinds import KINDS, PROOF
from ansible.module_utils.redis_ops.server.queues.result import Answer, Budget, Found, Search, shown
from ansible.module_utils.redis_ops.server.queues.search import search
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_keys import INNOCENT, QUEUES, WRITTEN
from queue_server import Server

NOISE = [("string", f"page:{number}") for number in range(50)]
LONG = Budget(seconds=60)


def kinds_of(found: Search) -> set[str]:
    return {queue.kind for queue in found.found}


# --- every library ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", QUEUES)
def test_a_queue_of_every_library_is_found_and_named(library):
    kind, keys = QUEUES[library]
    found = search(Server({0: [*NOISE, *keys]}), LONG, first=False)
    assert (found.answer, found.complete) == (Answer.FOUND, True)
    assert kinds_of(found) == {kind}


NEED_NEIGHBOURS = ("Yii", "a queue of an unknown library", "Sidekiq, Resque or Faktory")
ALONE = [
    name for name, (kind, _) in QUEUES.items() if kind not in NEED_NEIGHBOURS and not name.startswith("Sidekiq with")
]


@pytest.mark.parametrize("library", ALONE)
def test_the_walk_alone_finds_it_too(library):
    """Well-known names are a short cut: a user without TYPE, and a queue of another name, need the walk."""
    found = search(Server({0: [*NOISE, *QUEUES[library][1]]}, denied=["TYPE"]), LONG)
    assert found.answer is Answer.FOUND


BULLS = [library for library in WRITTEN if library.startswith("bull")]


@pytest.mark.parametrize("prefix", ["shop", "{bull}", "{shop}", "a:b", "prod-bull", "Bull_2", "bull"])
@pytest.mark.parametrize("library", BULLS)
def test_any_prefix_of_bull(library, prefix):
    keys = [(kind, name.replace("bull:", f"{prefix}:", 1)) for kind, name in WRITTEN[library][1]]
    found = search(Server({3: [*NOISE, *keys]}), LONG, first=False)
    assert [(queue.kind, queue.database, queue.base) for queue in found.found] == [
        (WRITTEN[library][0], 3, f"{prefix}:mail")
    ]


@pytest.mark.parametrize("key", [key for key in WRITTEN["bullmq 6.7.0"][1] if key[1] != "bull:mail:3:lock"])
def test_one_key_of_bull_is_enough_below_its_own_prefix(key):
    """What eviction leaves: C3 of the field cases. Alone, a string, or a set of children, is nobody's."""
    found = search(Server({1: [key, *NOISE]}), LONG)
    expected = key[0] != "string" and "dependencies" not in key[1]
    assert (found.answer is Answer.FOUND) == expected


@pytest.mark.parametrize("prefix", ["shop", "{q}"])
def test_a_queue_without_its_meta_key(prefix):
    keys = [(kind, name.replace("bull:", f"{prefix}:", 1)) for kind, name in WRITTEN["bullmq 6.7.0"][1]]
    found = search(Server({0: [key for key in keys if not key[1].endswith(":meta")]}), LONG)
    assert (found.found[0].kind, found.found[0].base) == ("BullMQ", f"{prefix}:mail")
    old = [("list", f"{prefix}:mail:wait"), ("string", f"{prefix}:mail:id"), ("hash", f"{prefix}:mail:1")]
    assert search(Server({0: old}), LONG).found[0].kind == "Bull"


def test_two_queues_have_two_names():
    keys = [
        (kind, name.replace("mail", queue)) for queue in ("mail", "video") for kind, name in WRITTEN["bullmq 6.7.0"][1]
    ]
    found = search(Server({0: keys}, step=3), LONG, first=False)
    assert sorted(queue.base for queue in found.found) == ["bull:mail", "bull:video"]
    assert all(1 <= len(queue.evidence) <= 4 for queue in found.found)


# --- no queue ---------------------------------------------------------------------------------------------------------


def test_ordinary_keys_are_no_queue():
    found = search(Server({0: INNOCENT, 2: INNOCENT}, step=5), LONG, first=False)
    assert (found.found, found.answer, found.keys) == ((), Answer.NONE, 2 * len(INNOCENT))


@pytest.mark.parametrize("key", INNOCENT, ids=" ".join)
def test_no_ordinary_key_is_one_alone(key):
    assert search(Server({0: [key]}), LONG).answer is Answer.NONE


@pytest.mark.parametrize("other", ["string", "hash", "list", "zset"])
@pytest.mark.parametrize("name", ["queues", "rq:queues", "_kombu.binding.celery"])
def test_a_name_alone_is_nothing(name, other):
    found = search(Server({0: [(other, name)]}), LONG)
    assert found.answer is Answer.NONE


@pytest.mark.parametrize("name", ["queue", "jobs", "mail-queue", "tasks:video", "app.jobs", "queue:default"])
def test_a_list_that_only_has_such_a_name_is_named_and_not_counted(name):
    found = search(Server({0: [("list", name), *NOISE]}), LONG)
    assert found.answer is Answer.NONE
    assert found.suspects == (f"list {name} in database 0",)
    assert search(Server({0: [("list", "frequency"), ("list", "jobsite")]}), LONG).suspects == ()


def test_neighbours_of_another_type_do_not_count():
    keys = [
        ("list", "shop:mail:wait"),
        ("hash", "shop:mail:id"),
        ("zset", "shop:mail:events"),
        ("string", "shop:mail:meta"),
    ]
    assert search(Server({0: keys}), LONG).answer is Answer.NONE
    assert search(Server({0: [*keys[:1], ("string", "shop:mail:id")]}), LONG).answer is Answer.FOUND


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        (("hash", "BULL:mail:7"), Answer.FOUND),
        (("zset", "Bull:mail:failed"), Answer.FOUND),
        (("hash", "bulletin:mail:7"), Answer.NONE),
        (("zset", "pitbull:mail:failed"), Answer.NONE),
    ],
)
def test_the_prefix_of_bull_is_a_word(key, answer):
    assert search(Server({0: [key]}), LONG).answer is answer


def test_a_stream_is_a_queue_when_a_group_reads_it():
    streams = [("stream", "orders"), ("stream", "clicks")]
    assert search(Server({0: streams}), LONG).answer is Answer.NONE
    found = search(Server({0: streams}, groups=["orders"]), LONG)
    assert [str(queue) for queue in found.found] == ["stream with consumer groups orders in database 0 (stream orders)"]


def test_an_empty_server():
    found = search(Server({}), LONG)
    assert (found.answer, found.keys, found.databases) == (Answer.NONE, 0, ())


# --- generated --------------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8", exclude_characters=":"), min_size=1, max_size=8)


@st.composite
def servers(draw):
    """Innocent keys in several databases, and queues of some libraries under any prefix of BullMQ's."""
    placed = draw(st.lists(st.tuples(st.sampled_from(sorted(QUEUES)), st.integers(0, 15)), max_size=4))
    keys: dict[int, list] = {number: list(INNOCENT) for number in draw(st.sets(st.integers(0, 15), max_size=3))}
    for library, number in placed:
        prefix = draw(NAMES) if library.startswith("bull") else "bull"
        renamed = [(kind, name.replace("bull:", f"{prefix}:", 1)) for kind, name in QUEUES[library][1]]
        keys.setdefault(number, []).extend(renamed)
    mixed = {number: draw(st.permutations(sorted(set(names)))) for number, names in keys.items()}
    return Server(mixed, step=draw(st.integers(1, 40))), {(QUEUES[name][0], number) for name, number in placed}


@settings(max_examples=150, deadline=None)
@given(servers())
def test_whatever_is_placed_is_found_wherever_it_is(drawn):
    server, placed = drawn
    by_name = {}
    for number, keys in server.databases.items():  # two libraries may have a key in common: the last has its type
        by_name[number] = set(keys.items())
    found = search(server, LONG, first=False)
    assert found.complete
    assert {(queue.kind, queue.database) for queue in found.found} >= placed or any(
        len({kind for kind, where in placed if where == number}) > 1 for _, number in placed
    )
    assert {number for _, number in placed} == {queue.database for queue in found.found}
    assert search(server, LONG).answer is (Answer.FOUND if placed else Answer.NONE)
    assert server.selected == 0


@settings(max_examples=60, deadline=None)
@given(servers(), st.sampled_from([["SCAN"], ["SELECT"], ["INFO"], ["SCAN", "TYPE"]]))
def test_no_refusal_makes_a_no(drawn, denied):
    server, placed = drawn
    server.denied = set(denied)
    found = search(server, LONG)
    if placed:
        assert found.answer is not Answer.NONE
    if found.answer is Answer.NONE:
        assert set(server.databases) <= {0}
        assert denied == ["SELECT"] or not server.databases


# --- what could not be looked at --------------------------------------------------------------------------------------


@pytest.mark.parametrize("denied", ["SCAN", "INFO"])
def test_a_user_who_may_not_look_has_no_answer(denied):
    found = search(Server({0: NOISE}, denied=[denied]), LONG)
    assert (found.answer, found.present) == (Answer.UNKNOWN, None)
    assert f"NOPERM no {denied}" in found.reason


def test_a_database_that_may_not_be_entered_leaves_the_others():
    keys = {0: NOISE, 1: NOISE, 2: [("set", "rq:queues")]}
    found = search(Server(keys, denied=["SELECT 1"]), LONG, first=False)
    assert [queue.database for queue in found.found] == [2]
    assert found.reason.startswith("database 1: NOPERM")
    found = search(Server({0: NOISE, 1: NOISE}, denied=["SELECT 1"]), LONG)
    assert found.answer is Answer.UNKNOWN
    found = search(Server({0: [*NOISE, ("set", "rq:queues")], 1: NOISE[:3]}, denied=["SELECT"]), LONG)
    assert found.answer is Answer.FOUND


def test_keys_that_may_be_of_a_queue_and_whose_neighbours_may_not_be_asked_for():
    found = search(Server({0: [("list", "shop:mail:wait")]}, denied=["TYPE"]), LONG)
    assert (found.answer, found.reason) == (Answer.UNKNOWN, "database 0: NOPERM no TYPE")
    assert search(Server({0: INNOCENT[:9]}, denied=["TYPE"]), LONG).answer is Answer.NONE


def test_streams_whose_groups_may_not_be_asked_for():
    assert search(Server({0: [("stream", "a")]}, denied=["XINFO"]), LONG).answer is Answer.UNKNOWN


def test_a_refused_user_is_asked_for_one_well_known_name_only():
    server = Server({0: NOISE}, denied=["TYPE"])
    search(server, LONG)
    assert len([words for words in server.sent if words[0] == "TYPE"]) == 1


@pytest.mark.parametrize("budget", [Budget(seconds=0), Budget(keys=0), Budget(keys=20)])
def test_a_search_that_costs_too_much_says_so(budget):
    found = search(Server({0: [*NOISE, *NOISE[:1]], 1: NOISE}, step=5), budget)
    assert found.answer is Answer.UNKNOWN
    assert "a search may cost were used up" in found.reason


def test_the_reason_says_how_far_it_came():
    found = search(Server({0: [("string", f"k{n}") for n in range(9000)]}, step=1000), Budget(seconds=60, keys=2500))
    assert found.reason == ("the 60 s or 2,500 keys that a search may cost were used up by about 3,000 of 9,000 keys")


def test_a_search_that_ended_with_the_first_queue_is_not_complete():
    found = search(
        Server({0: [("list", f"rq:queue:{n}") for n in range(3)], 1: [("zset", "saq:x:incomplete")] * 9}), LONG
    )
    assert (found.answer, found.complete, kinds_of(found)) == (Answer.FOUND, False, {"SAQ"})
    assert found.present is True


class Gone(Server):
    """It does not answer any more after so many commands."""

    left = 3

    def call_all(self, commands):
        self.left -= len(commands)
        if self.left < 0:
            raise ServerUnreachable("here: connection lost")
        return super().call_all(commands)


def test_a_server_that_goes_away_is_no_answer():
    found = search(Gone({0: NOISE, 1: NOISE}), LONG)
    assert (found.answer, found.reason.split(";")[0]) == (Answer.UNKNOWN, "database 0: here: connection lost")


def test_a_server_that_loads_is_no_answer():
    server = Server({0: NOISE})
    server.info = lambda: {"loading": "1", "db0": "keys=50,expires=0"}
    assert search(server, LONG).reason == "the server loads its data"
    assert server.sent == []


def test_nothing_is_selected_where_all_is_in_database_0():
    server = Server({0: [*NOISE, ("stream", "x")]})
    search(server, LONG)
    assert {words[0] for words in server.sent} == {"TYPE", "SCAN", "XINFO"}
    assert all(dict(zip(words[2::2], words[3::2]))["COUNT"] == "500" for words in server.sent if words[0] == "SCAN")


def test_every_round_in_another_database_selects_it_first():
    server = Server({4: [*NOISE, *INNOCENT]}, step=7)
    search(server, LONG)
    state = 0
    for words in server.sent:
        state = int(words[1]) if words[0] == "SELECT" else state
        assert state == 4 or words == ("SELECT", "0")
    assert server.sent[-1] == ("SELECT", "0")


# --- parts ------------------------------------------------------------------------------------------------------------


def test_names_are_shown_on_one_line_and_not_for_ever():
    assert shown("celery\x06\x163") == r"celery\x06\x163"
    assert shown("\x1b[31m\nx") == r"\x1b[31m\x0ax"
    assert shown("x" * 100) == "x" * 80 + "..."
    assert str(Found("BullMQ", 1, "a\nb", ("list a",))) == r"BullMQ a\x0ab in database 1 (list a)"


@pytest.mark.parametrize(
    ("value", "keys"),
    [("keys=3,expires=1,avg_ttl=0,subexpiry=0", Keys(3, 1)), ({"keys": 3, "expires": 1, "avg_ttl": 0}, Keys(3, 1))],
)
def test_databases_of_info(value, keys):
    assert databases({"db10": value, "db2": value, "db0_distrib_strings_sizes": "1=2", "used": 1}) == {
        2: keys,
        10: keys,
    }
    assert list(databases({"db10": value, "db2": value})) == [2, 10]


@pytest.mark.parametrize("value", ["", "keys=x,expires=1", "keys=1", {"keys": 1}])
def test_what_is_not_info_is_an_error(value):
    with pytest.raises(RedisOpsError, match="expected keys=N,expires=N"):
        databases({"db0": value})


def test_a_database_is_left_again():
    server = Server({3: NOISE})
    with contextlib.suppress(KeyError), selected(server, 3):
        raise KeyError(server.selected)
    assert [words[1] for words in server.sent] == ["3", "0"]
    with selected(server, 0):
        pass
    assert len(server.sent) == 2


def test_the_table_is_sound():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert sum(key.weight for key in kind.keys) >= PROOF
        assert all(1 <= key.weight <= PROOF for key in kind.keys)
        assert not kind.marks or any(key.mark for key in kind.keys)
        for key in kind.keys:  # each key is recognised by its own pattern
            name = key.name.replace("<base>", "a:b").replace("<queue>", "q").replace("<id>", "7")
            assert any(match.kind == kind for match in recognise.matches(key.type, name)), key
    assert all("<" not in name for name in recognise.well_known())
