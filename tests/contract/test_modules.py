"""A module that only the running server has: a start without it can't load its keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from instances import lab, some
from servers import Refused

__all__ = ["lab"]


@some("redis 8.2.3")  # its wheel brings a module
@pytest.mark.parametrize("written", [False, True])
def test_a_restart_loses_no_module(lab, written):
    module = Path(lab.program.command()[-1]).with_name("falkordb.so")
    lab.begin("enable-module-command yes")
    try:
        lab.ask("MODULE", "LOAD", str(module))
    except Refused as refused:
        pytest.skip(f"this machine lacks a library of the module: {refused}")
    lab.ask("GRAPH.QUERY", "g", "CREATE (:Person)")
    if written:
        with lab.config_path.open("a") as file:
            file.write(f"loadmodule {module}\n")
        lab.converge({"databases": 20}, restart=True, adopt="keep")
    else:
        with pytest.raises(InvalidInput, match="modules that the running server has: graph"):
            lab.converge({"databases": 20}, restart=True, adopt="keep")
    assert lab.get("databases") == ("20" if written else "16")
    assert lab.ask("EXISTS", "g") == 1
