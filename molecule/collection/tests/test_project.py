"""An empty project with the installed collection and files that docs/collection.md shows: its host from bare to checked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import oracle
import pytest

HOST, ADDRESS = "redis-lab-collected", "10.99.11.11"
MEMORY = "67108864"  # 64mb
BIN = Path(sys.executable).parent
VARIABLES = {
    "redis_server_profile": "cache",
    "redis_server_settings": {"maxmemory": "64mb", "bind": f"127.0.0.1 {ADDRESS}"},
    "redis_server_secrets": {"requirepass": "only-of-the-scenario-collection"},
}
# a load that tells whether the programs run, and nothing of the server
LOAD = {
    "redis_loadtest_users": 20,
    "redis_loadtest_rate": 200,
    "redis_loadtest_ramp": 1,
    "redis_loadtest_warm_up": 1,
    "redis_loadtest_duration": 5,
    "redis_loadtest_cool_down": 1,
    "redis_loadtest_load": {"cache_keys": 500, "baseline": 50},
    "redis_loadtest_k6": str(BIN / "k6"),
    "redis_loadtest_python": sys.executable,
}
ON_THE_HOST = "/opt/own"
REPORTS = "/var/log/redis-drift"


class Project:
    """A directory from which ansible-playbook is called, with no setting from elsewhere."""

    def __init__(self, place: Path) -> None:
        self.place = place
        page = (oracle.PROJECT / "docs" / "collection.md").read_text()
        # the second one is for roles that a play takes at run time
        settings, _ = re.findall(r"^```ini\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        [site] = re.findall(r"^```yaml\n(- name: .*?import_playbook.*?)^```", page, re.MULTILINE | re.DOTALL)
        (place / "ansible.cfg").write_text(settings)
        (place / "site.yml").write_text(site)
        reached = {
            "ansible_host": ADDRESS,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/id_ed25519",
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR",
        }
        (place / "hosts.yml").write_text(json.dumps({"redis": {"hosts": {HOST: reached}, "vars": VARIABLES}}))

    def run(self, *words: str) -> tuple[int, str]:
        """The status of a command and all of its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            cwd=self.place,
            env={**environment, "PWD": str(self.place)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    def play(self, *words: str, **variables: Any) -> tuple[int, str]:
        return self.run("ansible-playbook", *words, "--extra-vars", json.dumps(variables))

    def report(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.place / "reports" / kind / "latest.json").read_text())
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    place = tmp_path_factory.mktemp("own")
    made = Project(place)
    program = str(oracle.PROJECT / "scripts" / "build-collection")
    built = subprocess.run([sys.executable, program, str(place)], check=True, capture_output=True, text=True)
    status, said = made.run("ansible-galaxy", "collection", "install", built.stdout.strip(), "-p", "collections")
    assert status == 0, said
    return made


@pytest.fixture(scope="module")
def provisioned(host, project):
    """What the first run said. Check mode came before it, and changed nothing."""
    status, said = project.play("site.yml", "--check", "--diff")
    assert status == 0, said
    assert f"{HOST}: would change" in said
    assert not host.exists("redis-server")
    status, said = project.play("site.yml")
    assert status == 0, said
    return said


def cli(host, *words):
    return oracle.redis_cli(host, *words, password=VARIABLES["redis_server_secrets"]["requirepass"])


def test_the_host_is_provisioned_and_a_second_run_changes_nothing(host, project, provisioned):
    assert f"{HOST}: ok" in provisioned
    assert "verified" in provisioned
    assert cli(host, "config", "get", "maxmemory").split() == ["maxmemory", MEMORY]
    assert oracle.kernel(host, oracle.KERNEL_EXACT) == oracle.KERNEL_EXACT
    status, said = project.play("site.yml")
    assert status == 0, said
    assert re.search(rf"^{HOST} .*changed=0 ", said, re.MULTILINE)


@pytest.mark.usefixtures("provisioned")
def test_drift_has_its_exit_codes_and_reports_into_the_project(host, project):
    status, said = project.play("redis_ops.redis.check_drift")
    assert (status, project.report("drift")["verdict"]) == (0, "clean"), said
    cli(host, "config", "set", "maxmemory", "9mb")
    status, said = project.play("redis_ops.redis.check_drift")
    assert (status, project.report("drift")["verdict"]) == (2, "drift"), said
    assert {path.suffix for path in (project.place / "reports" / "drift").glob("latest.*")} == {
        ".html",
        ".json",
        ".prom",
        ".txt",
        ".xml",
    }
    # the page says what to type, and that works
    page = (project.place / "reports" / "drift" / "latest.html").read_text()
    assert "ansible-playbook redis_ops.redis.check_drift" in page
    status, said = project.play("redis_ops.redis.check_drift", redis_drift_remediate=True)
    assert status == 0, said
    assert cli(host, "config", "get", "maxmemory").split() == ["maxmemory", MEMORY]
    status, said = project.play("redis_ops.redis.check_drift", ansible_port=9)
    assert status == 1, said
    assert not list(project.place.glob("collections/**/reports"))


@pytest.mark.usefixtures("provisioned")
def test_a_waiver_is_written_beside_the_inventory(host, project):
    cli(host, "config", "set", "maxmemory", "9mb")
    assert project.play("redis_ops.redis.check_drift")[0] == 2
    status, said = project.play("redis_ops.redis.waive_drift", redis_drift_reason="a test")
    assert status == 0, said
    waivers = project.place / "group_vars" / "redis" / "redis_drift_waivers.yml"
    assert "option.maxmemory" in waivers.read_text()
    assert project.play("redis_ops.redis.check_drift")[0] == 0
    waivers.unlink()
    cli(host, "config", "set", "maxmemory", MEMORY)


@pytest.mark.usefixtures("provisioned")
def test_a_load_test_brings_its_program_and_has_a_verdict(project):
    """Whichever: how quick this machine is, is no property of the collection."""
    status, said = project.play("redis_ops.redis.run_load_test", **LOAD)
    report = project.report("loadtest")
    assert status == report["exit_code"], said
    assert status in (0, 2, 3), said
    assert "users" in json.dumps(report), said


@pytest.fixture
def on_the_host(host, project):
    """The same project on the host, which checks itself with the distribution's own ansible-core."""
    host.check_output("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ansible-core")
    host.check_output(f"mkdir -p {ON_THE_HOST}/.venv/bin")
    host.check_output(f"ln -sf /usr/bin/ansible-playbook {ON_THE_HOST}/.venv/bin/")
    files = ["ansible.cfg", "site.yml", "collections"]
    archive = subprocess.run(["tar", "-c", *files], cwd=project.place, check=True, capture_output=True).stdout
    extract = ["podman", "exec", "-i", HOST, "tar", "-x", "--no-same-owner", "-C", ON_THE_HOST]
    subprocess.run(extract, input=archive, check=True)
    itself = {"redis": {"hosts": {HOST: {"ansible_connection": "local"}}, "vars": VARIABLES}}
    write = ["podman", "exec", "-i", HOST, "tee", f"{ON_THE_HOST}/hosts.yml"]
    subprocess.run(write, input=json.dumps(itself).encode(), check=True, capture_output=True)
    host.check_output(f"chmod -R go-w {ON_THE_HOST} && chmod 600 {ON_THE_HOST}/hosts.yml")
    yield f"cd {ON_THE_HOST} && .venv/bin/ansible-playbook redis_ops.redis.schedule_drift"
    host.run(f"rm -rf {ON_THE_HOST} {REPORTS}")


@pytest.mark.usefixtures("provisioned")
def test_the_schedule_runs_the_collection_s_check(host, on_the_host):
    """In the directory in which it was called, with what is installed there."""
    options = "-e redis_drift_schedule_every=1 -e redis_drift_schedule_jitter=0"
    host.check_output(f"{on_the_host} {options}")
    for _ in range(100):
        if host.file(f"{REPORTS}/latest.json").exists:
            break
        time.sleep(2)
    log = host.check_output("journalctl --unit redis-drift --output=cat --no-pager")
    report = json.loads(host.check_output(f"cat {REPORTS}/latest.json"))
    assert (report["verdict"], [found["host"] for found in report["hosts"]]) == ("clean", [HOST]), log
    host.check_output(f"{on_the_host} -e redis_drift_schedule=absent")
    assert not host.file("/etc/redis-drift.json").exists
