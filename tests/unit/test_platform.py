"""What differs between distributions is asked of the platform, and nothing else knows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import validation
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.checks import preflight, tls
from ansible.module_utils.redis_ops.drift import machine as drift_machine
from ansible.module_utils.redis_ops.drift import unit as drift_unit
from ansible.module_utils.redis_ops.model import drop_in
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.model.resolve import OLDEST
from ansible.module_utils.redis_ops.platform import current, host, install, kernel
from ansible.module_utils.redis_ops.platform.current import here, service_of
from ansible.module_utils.redis_ops.platform.debian import DEBIAN
from ansible.module_utils.redis_ops.platform.debian.sysv import SysV
from ansible.module_utils.redis_ops.platform.layout import DEFAULT_INSTANCE, PRODUCTS, Layout
from ansible.module_utils.redis_ops.platform.service import Systemd
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import describe
from ansible.module_utils.redis_ops.view import host as view_of_host
from ansible.module_utils.redis_ops.view.strangers import Stranger
from placed import Placed, stopped
from platforms import DEBIANS, Nest, Script, osprey
from test_architecture import PACKAGE, ROOT, imports, name_of, tree
from views import host_of

ROUND = [
    *(path for path in sorted(PACKAGE.rglob("*.py")) if not path.is_relative_to(PACKAGE / "platform")),
    *(
        path
        for place in ("library", "action_plugins", "callback_plugins")
        for path in sorted((ROOT / place).glob("*.py"))
    ),
]
# Texts that name Debian or its places and are no knowledge of a platform: file and text -> why.
SAID = {
    (
        "catalog/memory.py",
        "only where Redis is built with its own jemalloc; Debian's packages refuse it",
    ): "a fact of an option, shown in docs/settings.md",
}
DOCUMENTS = {"DOCUMENTATION", "EXAMPLES", "RETURN"}  # of modules: what they do on the platform that there is


def texts(module: ast.Module) -> Iterator[str]:
    """Every text of the code, without docstrings and the documentation of modules."""
    left_out = {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr)
        or (
            isinstance(node, ast.Assign)
            and {target.id for target in node.targets if isinstance(target, ast.Name)} & DOCUMENTS
        )
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


@pytest.mark.parametrize("path", ROUND, ids=name_of)
def test_only_a_platform_knows_debian(path):
    place = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else name_of(path)
    found = [text for text in texts(tree(path)) if DEBIANS.search(text) and (place, text) not in SAID]
    assert found == []
    assert not any(DEBIANS.search(node.id) for node in ast.walk(tree(path)) if isinstance(node, ast.Name))


@pytest.mark.parametrize("path", ROUND, ids=name_of)
def test_nothing_asks_debian_itself(path):
    assert not [name for name in imports(path) if ".platform.debian" in name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('x = "apt-get install"', True),
        ('x = f"/etc/redis/{y}"', True),
        ('"""dpkg keeps it."""', False),
        ('DOCUMENTATION = "with apt-get"', False),
        ('x = "captured by redis-server"', False),
    ],
)
def test_the_words_are_recognised(text, said):
    assert any(map(DEBIANS.search, texts(ast.parse(text)))) is said


# --- Debian -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["redis", "valkey"])
def test_the_places_of_a_debian_package(name):
    first, other = (Layout(PRODUCTS[name], instance, systemd=True) for instance in (DEFAULT_INSTANCE, "cache"))
    assert here() is DEBIAN
    assert (first.product.binary, first.product.user) == (f"/usr/bin/{name}-server", name)
    assert (first.config, other.config) == (f"/etc/{name}/{name}.conf", f"/etc/{name}/{name}-cache.conf")
    assert (first.service, other.service) == (f"{name}-server", f"{name}-server@cache")
    assert (first.pid_file, other.run_dir) == (f"/run/{name}/{name}-server.pid", f"/run/{name}-cache")
    settings = [layout.settings(1) for layout in (first, other)]
    assert [found["dir"] for found in settings] == [f"/var/lib/{name}", f"/var/lib/{name}/cache"]
    assert [found["logfile"] for found in settings] == [
        f"/var/log/{name}/{name}-server.log",
        f"/var/log/{name}/{name}-server-cache.log",
    ]


# --- another distribution ---------------------------------------------------------------------------------------------


@pytest.fixture
def nest(monkeypatch):
    """The package manager of another distribution, which is this host's."""
    found = Nest()
    monkeypatch.setattr(current, "PLATFORM", osprey(found))
    monkeypatch.setitem(install.INSTALLERS, "osprey", found.converge)
    return found


@pytest.mark.usefixtures("nest")
def test_its_places():
    assert set(PRODUCTS) == set(OLDEST)
    assert len(PRODUCTS) == len(OLDEST)
    for instance, systemd in (("default", True), ("cache", True), ("default", False)):
        layout = Layout(PRODUCTS["redis"], instance, systemd)
        told = [layout.config, layout.service, layout.run_dir, layout.pid_file, *layout.settings(7000).values()]
        told += [*layout.packaged_paths(), *layout.usual_directories(), layout.product.user]
        assert not [text for text in told if DEBIANS.search(text)]
    layout = Layout(PRODUCTS["redis"], "cache", systemd=True)
    assert layout.config == "/opt/birds/settings/redis/redis-cache.conf"
    assert (layout.service, layout.run_dir) == ("bird-redisd@cache", "/run/birds-redis-cache")
    assert layout.extra_write_paths("/srv/birds/redis/cache", "/var/lib/redis") == ["/var/lib/redis"]


@pytest.mark.parametrize("systemd", [True, False])
@pytest.mark.usefixtures("nest")
def test_what_starts_an_instance(monkeypatch, systemd):
    monkeypatch.setattr(host, "has_systemd", lambda: systemd)
    assert service_of("bird-redisd", "/p") == (Systemd("bird-redisd") if systemd else Script("bird-redisd", "/p"))
    monkeypatch.setattr(current, "PLATFORM", DEBIAN)
    assert service_of("redis-server", "/p") == (Systemd("redis-server") if systemd else SysV("redis-server", "/p"))


def test_what_is_installed(nest):
    nest.version = ""
    package = here().packages.package(PRODUCTS["valkey"], "")
    assert install.converge(package, check=True)["actions"] == ["install bird-valkey=new"]
    assert nest.put == []
    install.converge(package, check=False)
    assert nest.put == ["bird-valkey=new"]


def test_what_drift_says(nest):
    nest.version, nest.edited = "", True
    unit = Unit("bird-redisd", loaded=True, enabled=True, fragment="/usr/lib/systemd/system/bird-redisd.service")
    told = [one for one in drift_unit.deviations(unit, "bird-redis") if one.actual]
    assert [one.name for one in told] == ["text"]
    assert "nest put --again bird-redis" in told[0].remedy
    wanted = kernel.parse_wanted({}, "never", 1)
    around = drift_machine.Host(host_of(provisioned=True), wanted, "")
    [package] = list(drift_machine._package(around))
    assert nest.asked == ["bird-redis", unit.fragment, "bird-redis"]
    assert (package.actual, package.subject) == ("not installed", "host: package bird-redis")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A host of that distribution where no server runs."""
    monkeypatch.setattr(validation, "validate_config", lambda *_: None)
    return stopped(tmp_path, monkeypatch, platform=osprey())


def everything(place: Placed, *entries: dict[str, Any], **given: Any) -> tuple[str, dict[str, Any]]:
    """All that a run in check mode says, and its record."""
    wanted = place.declared(*entries, **given)
    view = view_of_host.look_before_change(wanted, place.package, somaxconn=0)
    findings = preflight.findings(view, wanted.product)
    problems = preflight.problems(view, place.package)
    plans = [seen.view.plan for seen in view.instances]
    texts = [seen.view.drop_in for seen in view.instances]
    record = place.converge(*entries, check=True, **given).as_record() if not problems else {}
    text = repr((findings, problems, plans, texts, record, view.instances, view))
    # what remembers a run is this project's own place, and the systemd of the tests is not the platform's
    return text.replace(str(place.state), "").replace(str(Path(place.root, "etc/systemd")), ""), record


def test_a_run_sees_its_places_only(place):
    entries = [{"name": "default", "port": 7001}, {"name": "cache", "port": 7002, "settings": {"appendonly": "yes"}}]
    text, record = everything(place, *entries)
    assert DEBIANS.search(text.replace("/usr/bin/redis-server", "")) is None
    assert "bird-redisd@cache" in text
    actions = " ".join(action for one in record["converged"] for action in one["actions"])
    assert f"{place.root}/opt/birds/settings/redis/redis-cache.conf" in actions
    assert f"{place.root}/srv/birds/redis/cache" in actions


def test_a_directory_that_its_units_hide(place, monkeypatch):
    monkeypatch.setattr(current, "PLATFORM", replace(current.PLATFORM, hidden=(f"{place.root}/opt/private",)))
    directory = f"{place.root}/opt/private/data"
    wanted = place.declared({"name": "default", "port": 7001, "settings": {"dir": directory}})
    view = view_of_host.look_before_change(wanted, place.package, somaxconn=0)
    [problem] = [problem for problem in preflight.problems(view, place.package) if directory in problem.where]
    assert problem.remedy == "choose one under /srv or /data"


@pytest.mark.usefixtures("nest")
def test_the_file_that_a_script_reads():
    desired = DesiredState(Engine("redis", (7, 0, 15)), {"maxclients": 100})
    text = drop_in.text(Layout(PRODUCTS["redis"], DEFAULT_INSTANCE, systemd=False), desired)
    assert text.splitlines()[-1] == "open-files = 1124"


@pytest.mark.usefixtures("nest")
def test_a_server_that_is_found_has_the_name_of_its_unit():
    one = Stranger("redis", "", Unit("bird-valkeyd@queue", loaded=True), None)
    assert describe._name_of(one, ()) == "queue"


@pytest.mark.usefixtures("nest")
def test_a_key_of_its_group():
    facts = type("Facts", (), {"user": "birds", "group": "birds"})
    closed = [tls.Closed("/k", is_directory=False, group=group) for group in ("keepers", "ssl-cert")]
    assert [tls._open(one, facts) for one in closed] == ["usermod -aG keepers birds", "chgrp birds /k && chmod 0640 /k"]


@pytest.mark.parametrize(
    ("program", "needed"),
    [
        ("/usr/bin/valkey-server", True),
        ("valkey-server", True),
        ("redis-server", False),
        ("/opt/valkey-server", False),
        (None, True),
    ],
)
def test_a_package_is_needed_where_its_program_runs(program, needed):
    """By its path or by its name alone, of either product."""
    view = SimpleNamespace(
        startup=program and SimpleNamespace(program=program), instance=SimpleNamespace(binary="/usr/bin/valkey-server")
    )
    host_view = view_of_host.HostView(
        product=PRODUCTS["redis"],
        systemd=True,
        memory=0,
        open_files=0,
        somaxconn=0,
        instances=[SimpleNamespace(view=view)],
    )
    assert host_view.needs_package is needed
