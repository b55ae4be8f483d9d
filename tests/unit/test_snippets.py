"""Every piece of input that a document shows is one that this project takes. Field cases D6 and D11."""

from __future__ import annotations

import re
from pathlib import Path

import documented_commands
import documented_settings
import documented_yaml
import pytest
import snippets
from specs import ROOT

DOCUMENTS = snippets.documents()
FENCED = [block for path in DOCUMENTS for block in snippets.fenced(path)]
# CHANGELOG tells what was: a name in it may be gone
IN_BACKTICKS = [code for path in DOCUMENTS if path.name != "CHANGELOG.md" for code in snippets.in_backticks(path)]
RULE = re.compile(r"on|>PASSWORD|reset(?:keys|channels)|[~&]\S+|%RW?~\S+|[+-]@?[a-z]+(?:\|[a-z]+)?")


def id_of(snippet: snippets.Snippet) -> str:
    return str(snippet)


def of_redis(block: snippets.Snippet) -> list[str]:
    """A command for a server: a user, whose rules a contract test gives to real servers and looks for on the same page."""
    found = []
    for line in block.text.splitlines():
        head, rules = line.split()[:2], line.split()[3:]
        if head != ["ACL", "SETUSER"]:
            found.append(f"{line}: expected ACL SETUSER")
        found += [f"{rule}: no rule of a user" for rule in rules if not RULE.fullmatch(rule.strip("()"))]
    readers = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "contract").glob("test_*.py")]
    if not any(block.path.name in text and "ACL SETUSER" in text for text in readers):
        found.append(f"no contract test reads {block.path.name}")
    return found


def problems(snippet: snippets.Snippet) -> list[str]:
    if snippet.kind == "sh":
        return documented_commands.problems(snippet.text, snippet.path.parent)
    if snippet.kind == "json":
        return documented_yaml.problems_of_json(snippet.text)
    if snippet.kind == "ini":
        return documented_settings.problems(snippet.text)
    return of_redis(snippet) if snippet.kind == "redis" else documented_yaml.problems(snippet.text)


# --- what the documents show ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_is_fenced(path):
    """Four blanks do not say whether a block is input."""
    assert snippets.indented(path) == []


@pytest.mark.parametrize("block", FENCED, ids=id_of)
def test_every_fence_says_what_it_holds(block):
    carried_out = ("python",) if block.path.name == "CONTRIBUTING.md" else ()  # by test_contributing.py
    assert block.kind in (*snippets.INPUT, snippets.OUTPUT, *carried_out), (
        f"{block}: the fence begins with {block.kind!r}"
    )


@pytest.mark.parametrize("block", FENCED, ids=id_of)
def test_output_does_not_begin_with_a_command(block):
    """Else a command would be left out by calling it output."""
    if block.kind == snippets.OUTPUT:
        assert not documented_commands.is_ours(block.text.splitlines()[0])


@pytest.mark.parametrize("block", [block for block in FENCED if block.kind in snippets.INPUT], ids=id_of)
def test_every_block_of_input_is_right(block):
    assert problems(block) == []


@pytest.mark.parametrize(
    "code", [code for code in IN_BACKTICKS if code.kind == "yaml" or documented_commands.is_ours(code.text)], ids=id_of
)
def test_every_command_and_variable_in_a_text_is_right(code):
    assert problems(code) == []


@pytest.mark.parametrize("code", [code for code in IN_BACKTICKS if code.text.startswith("-e ")], ids=id_of)
def test_every_extra_variable_in_a_text_is_right(code):
    assert documented_commands.of_extra_variables(code.text) == []


@pytest.mark.parametrize("examples", snippets.of_modules(), ids=lambda found: found.path.stem)
def test_the_examples_of_every_module_are_right(examples):
    assert f"\n  {examples.path.stem}:" in examples.text
    assert problems(examples) == []


@pytest.mark.parametrize("command", list(snippets.of_playbooks()), ids=id_of)
def test_every_command_at_the_head_of_a_playbook_is_right(command):
    assert problems(command) == []


def test_the_documents_show_something_of_each_kind():
    assert {block.kind for block in FENCED} == {*snippets.INPUT, snippets.OUTPUT, "python"}
    assert {"README.md", "CONTRIBUTING.md", "queues.md", "drift.md"} <= {block.path.name for block in FENCED}


# --- what would be found ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("make provison", "make provison: no such target"),
        ("make drift LABEL=x", "make drift: nothing in it uses LABEL"),
        ("make molecule SCENARIO=none", "make molecule: no scenario none"),
        ("make provision ARGS='-e redis_server_restat=true'", "-e redis_server_restat: neither a role nor *"),
        ("for i in 1 2; do\n  make nothing\ndone", "make nothing: no such target"),
        ("make drift  # others: ansible-playbook none.yml", "ansible-playbook none.yml: no such playbook"),
        ("git clone ... && make nothing", "make nothing: no such target"),
        ("ansible-playbook playbooks/none.yml", "ansible-playbook playbooks/none.yml: no such playbook"),
        ("ansible-playbook provision.yml --vault", "ansible-playbook provision.yml --vault: ambiguous option: *"),
        ("ansible-playbook provision.yml --dry", "* unrecognized arguments: --dry"),
        ("ansible-playbook provision.yml -i inventories/none", "-i inventories/none: no such inventory"),
        ("ansible-playbook provision.yml -i inventories/production", "-i inventories/production: is vaulted, *"),
        ("ansible-playbook provision.yml -e redis_server_restart=maybe", "* is not a valid boolean*"),
        ("ansible-playbook provision.yml -e '{a: 1}'", "-e {a: 1}: is neither NAME=VALUE nor JSON"),
        ("ansible-playbook provision.yml -e redis_server_restart", "-e redis_server_restart: is neither *"),
        (
            "ansible-playbook playbooks/check_drift.yml -e target=HOST",
            "-e target: neither a role nor the playbook has *",
        ),
        ("ansible-playbook provision.yml \\\n  --nothing", "* unrecognized arguments: --nothing"),
        ("ansible-playbook redis_ops.redis.none", "ansible-playbook redis_ops.redis.none: no such playbook"),
        ("ansible-galaxy collection instal FILE", "ansible-galaxy collection instal FILE: *invalid choice: 'instal'*"),
        (
            "ansible-doc redis_ops.redis.redis_none",
            "ansible-doc: nothing in library/ is called redis_ops.redis.redis_none",
        ),
        ("ansible-vault edit none.yml", "ansible-vault: no file none.yml"),
        ("ansible-vault rekei vault.yml", "ansible-vault rekei vault.yml: *invalid choice: 'rekei'*"),
        ("ansible-doc -t role redis_none", "ansible-doc: nothing in roles/ is called redis_none"),
        (".venv/bin/pytest tests/unit/none.py", "pytest tests/unit/none.py: no such file"),
        ("scripts/none", "scripts/none: no such program"),
        ("scripts/molecule -x", "scripts/molecule: no option -x"),
        (".venv/bin/python benchmarks/none.py", "benchmarks/none.py: no such program"),
        ("benchmarks/watching.py --pair 60", "benchmarks/watching.py: no option --pair"),
        ("redis-drift-run --wet", "redis-drift-run: no option --wet"),
        ("ansible-playbok provision.yml", "ansible-playbok: no program of this project, nor a known one of others"),
    ],
)
def test_a_command_that_would_fail_is_found(script, problem):
    [found] = documented_commands.problems(script)
    assert re.fullmatch(re.escape(problem).replace(r"\*", ".*"), found), found


def test_a_word_in_capitals_stands_for_something():
    script = "ansible-playbook playbooks/remove_instances.yml -i INVENTORY -e target=HOST -e redis_server_remove_data=HOST/NAME"
    assert documented_commands.problems(script) == []


GROUP = "- {hosts: redis, module_defaults: {group/redis_ops.redis."
IN_GROUP = "{redis_ops.redis.redis_config: {settings: {maxmemory: 1gb}}}"
TASK = "- name: Look\n  redis_queues:\n    "


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TASK + "profiles: {}", "redis_queues: missing required arguments: declaration\n*: profiles. *"),
        (TASK + "declaration: {instances: []}", "redis_queues: missing required arguments: profiles *"),
        (
            TASK + "declaration: '{{ redis_server_declaratoin }}'",
            "redis_queues: 'redis_server_declaratoin' is undefined",
        ),
        (TASK + "declaration: '{{ redis_server_declaration }}'\n  registr: x", "Look: expected one module, found *"),
        ("- name: X\n  redis_quews: {}", "redis_quews: no such module"),
        ("- name: X\n  ansible.builtin.debug: {massage: x}", "ansible.builtin.debug: massage: no such option"),
        ("- name: X\n  redis_config: {settings: {maxmemori: 1}}", "redis_config: settings: maxmemori*"),
        ("- hosts: redis\n  roles: [{role: redis_sever}]", "redis_sever: no such role"),
        ("- hosts: redis\n  roles: [{role: redis_ops.redis.none}]", "redis_ops.redis.none: no such role"),
        ("- hosts: redis\n  rolls: []", "rolls: no keyword of a play"),
        ("- ansible.builtin.import_playbook: redis_ops.redis.none", "redis_ops.redis.none: no such playbook"),
        ("redis: {hosts: {a: }, vars: {redis_server_profile: gide}}", "*gide*"),
        (GROUP + "instance: {login_prot: 1}}, tasks: [" + IN_GROUP + "]}", "*login_prot*"),
        (
            GROUP + "declaration: {login_prot: 1}}, tasks: [" + IN_GROUP + ", {redis_none: {}}]}",
            "redis_none: no such module",
        ),
        ("redis_server_setings: {}", "redis_server_setings: no role has this variable"),
        ("redis_server_settings: {maxmemori: 1gb}", "*maxmemori*"),
        ("redis_server_settings: {maxmemory: 1gbb}", "*maxmemory*"),
        ("redis_server_profile: gide", "*gide*"),
        ("redis_server_instances: [{name: a, prot: 1}]", "*prot*"),
        ("redis_drift_waivers: [{id: option.x, hosts: [a], reason: b}]", "*expires*"),
        ("redis_drift_schedule_arguments: [--limt, x]", "redis_drift_schedule_arguments: *--limt*"),
        ("redis_loadtest_targets: {hit_ration: 90}", "*hit_ration*"),
        ("redis_loadtest_bullmq_options: {workers: {}}", "*workers*"),
        ("redis_loadtest_users: many", "*many*"),
        ("- alert: A\n  expr: redis_drift_finding > 0", "A: no report has redis_drift_finding"),
        ("groups: [{name: a, rules: [{alert: A, expr: redis_drift_runner_code > 0}]}]", "A: no report has *"),
        ("a: [", "is no YAML: *"),
        ("just words", "is neither plays, nor tasks, nor variables, nor rules for Prometheus"),
    ],
)
def test_yaml_that_would_be_refused_is_found(text, problem):
    found = "\n".join(documented_yaml.problems(text))
    assert re.fullmatch(re.escape(problem).replace(r"\*", ".*"), found, re.DOTALL), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[defaults]\ninventori = x", "inventori: no setting of ansible-core in [defaults]"),
        ("[connection]\ninventory = x", "inventory: no setting of ansible-core in [connection]"),
        (
            "[defaults]\ncallbacks_enabled = redis_ops.redis.redis_repor",
            "redis_ops.redis.redis_repor: no such callback",
        ),
        ("inventory = x", "is no file of settings: *"),
    ],
)
def test_a_setting_that_would_do_nothing_is_found(text, problem):
    [found] = documented_settings.problems(text)
    assert re.fullmatch(re.escape(problem).replace(r"\*", ".*"), found, re.DOTALL), found


def test_json_that_no_program_writes_is_found():
    assert documented_yaml.problems_of_json('{"verdict": 1, "veredict": [{"hist": 1}]}') == [
        "veredict: no program writes this",
        "hist: no program writes this",
    ]
    [problem] = documented_yaml.problems_of_json('{"a": ...}')
    assert problem.startswith("is no JSON: ")


def test_a_block_is_read_with_its_place(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("A\n\n```yaml\na: 1\n```\n\n    make x\n\nB `make\n y` `redis_host_sysctl: {}`\n\n```\nout\n```\n")
    assert [(block.line, block.kind, block.text) for block in snippets.fenced(page)] == [
        (4, "yaml", "a: 1\n"),
        (13, "", "out\n"),
    ]
    assert snippets.indented(page) == [7]
    assert [(code.line, code.kind, code.text) for code in snippets.in_backticks(page)] == [
        (9, "sh", "make y"),
        (10, "yaml", "redis_host_sysctl: {}"),
    ]


def test_a_command_for_a_server_is_held_to_its_form():
    block = snippets.Snippet(
        ROOT / "docs" / "drift.md", 1, "redis", "ACL SETUSER drift >PASSWORD on +info +Config\nKEYS *"
    )
    assert of_redis(block) == ["+Config: no rule of a user", "KEYS *: expected ACL SETUSER"]
    elsewhere = snippets.Snippet(Path("nowhere.md"), 1, "redis", "ACL SETUSER x on")
    assert of_redis(elsewhere) == ["no contract test reads nowhere.md"]
