"""scripts/setup with a real apt-get, on a machine that has what Debian's packages conflict with, as Docker's own do."""

from __future__ import annotations

import io
import subprocess
import tarfile

import oracle
import pytest

# The relations of Docker's packages on Debian (apt-cache show containerd.io docker-ce, download.docker.com).
CONTAINERD = """Package: containerd.io
Version: 2.1.5-1~debian
Architecture: amd64
Maintainer: nobody <nobody@localhost>
Provides: containerd, runc
Conflicts: containerd, runc
Replaces: containerd, runc
Description: stand-in
"""
DOCKER = """Package: docker-ce
Version: 5:29.0.0-1~debian
Architecture: amd64
Maintainer: nobody <nobody@localhost>
Depends: containerd.io (>= 1.7.27)
Description: stand-in
"""
RIVAL = """Package: rival
Version: 1
Architecture: all
Maintainer: nobody <nobody@localhost>
Conflicts: shellcheck
Description: what a package that a target needs would replace
"""
PROJECT = ("Makefile", "scripts/setup")


@pytest.fixture(scope="module", autouse=True)
def project(host):
    """What the script needs of the project, without a package of Python's."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in PROJECT:
            archive.add(oracle.PROJECT / name, f"project/{name}")
        for name in ("requirements.lock", "requirements-dev.lock"):
            archive.addfile(tarfile.TarInfo(f"project/{name}"))
    machine = host.check_output("hostname")
    extract = ["podman", "exec", "--interactive", machine, "tar", "-x", "--no-same-owner", "-C", "/root"]
    subprocess.run(extract, input=content.getvalue(), check=True, timeout=60)


def install(host, *controls):
    """Packages of nothing but their relations."""
    for number, control in enumerate(controls):
        directory = f"/root/package{number}"
        host.check_output(f"mkdir -p {directory}/DEBIAN && printf '%s' '{control}' > {directory}/DEBIAN/control")
        host.check_output(f"dpkg-deb --build {directory} /root/package{number}.deb")
        host.check_output(f"dpkg --install /root/package{number}.deb")


def setup(host, target):
    done = host.run(f"cd /root/project && scripts/setup {target} 2>&1")
    return done.rc, done.stdout


def test_docker_stays(host):
    install(host, CONTAINERD, DOCKER)
    status, said = setup(host, "molecule")
    assert status == 0, said
    for name in ("docker-ce", "containerd.io", "podman"):
        assert host.package(name).is_installed, said
    assert not host.package("runc").is_installed
    needs, installs, *_ = said.splitlines()
    assert needs.startswith("setup: make molecule needs Debian packages that are missing here: aardvark-dns ")
    assert "podman" in installs
    assert setup(host, "molecule") == (0, "")


def test_what_would_remove_a_package_is_refused_and_named(host):
    install(host, RIVAL)
    before = host.check_output("dpkg-query --show")
    status, said = setup(host, "lint")
    assert status == 1
    assert said.splitlines()[-1] == (
        "setup: installing shellcheck would remove rival: nothing was changed; "
        "run this on another machine, or install shellcheck in a way that keeps rival"
    )
    assert host.check_output("dpkg-query --show") == before
