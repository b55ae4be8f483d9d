"""What is not declared any more goes back to its default: by CONFIG SET where the catalogue says so."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.option import Apply, Origin
from ansible.module_utils.redis_ops.model.desired import DesiredState, default_value
from ansible.module_utils.redis_ops.plan.comparison import How, Observed
from ansible.module_utils.redis_ops.plan.plan import build
from instances import lab, some
from servers import Refused

__all__ = ["lab"]
# What is refused for a reason that lies elsewhere: this connection would end, or the allocator can't do it
_NOT_HERE = ("activedefrag", "port")


def test_every_default_that_config_set_shall_bring_is_taken(lab):
    lab.begin()
    engine = lab.program.engine
    refused = {}
    for option in catalog.options_at(engine):
        default = default_value(option, engine)
        if option.apply_at(engine) is not Apply.LIVE or option.origin is not Origin.DECLARED or option.file_only:
            continue
        if default is None or option.name in _NOT_HERE or not option.readable_at(engine):
            continue
        name = option.spelled_at(engine)
        [entry] = build(DesiredState(engine, {}), Observed(file=f"{name} 1\n", live={name: "none"}), "x", "x").entries
        if entry.how is not How.LIVE:
            continue
        try:
            lab.ask("CONFIG", "SET", name, option.kind_at(engine).render(default))
        except Refused as error:
            if "Unsupported CONFIG parameter" not in str(error):  # a server that was built without TLS
                refused[name] = str(error)
    assert refused == {}


@some("redis 6.2.14", "redis 7.0.15")
@pytest.mark.parametrize("restart", [False, True])
def test_addresses_that_are_not_declared_any_more(lab, restart):
    """Redis 6.2 refused the run: Too many bind addresses specified."""
    lab.settings.pop("bind")
    lab.begin("bind 127.0.0.1")
    lab.converge({"bind": "127.0.0.1 127.0.0.7"}, adopt="keep")
    outcome = lab.converge({"timeout": 5}, adopt="keep", restart=restart)
    waits = [item["option"] for item in outcome.pending_restart]
    assert waits == (["bind"] if not lab.multi and not restart else [])
    assert lab.get("timeout") == "5"
    lab.bounce()
    assert lab.get("bind") == ("* -::*" if lab.multi else "")
    lab.converge({"timeout": 5}, adopt="keep")  # forgets that a restart was owed, which somebody else has made
    assert not lab.converge({"timeout": 5}, adopt="keep").changed
