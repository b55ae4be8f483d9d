"""What the project says about such a host."""

import oracle


def test_it_says_that_nothing_applies_kernel_settings_at_boot(host):
    """It restarted before this test, so the kernel's values are whatever they are; the run mends and says it."""
    status, output = oracle.provision()
    assert status == 0, output
    oracle.told(output, "after a reboot", "vm.overcommit_memory", "run this play after each start")
    found = oracle.kernel(host, [*oracle.KERNEL_EXACT, *oracle.KERNEL_AT_LEAST])
    assert {name: found[name] for name in oracle.KERNEL_EXACT} == oracle.KERNEL_EXACT
    assert all(found[name] >= value for name, value in oracle.KERNEL_AT_LEAST.items())


def test_named_instances_are_refused(host):
    before = oracle.footprint(host, (6379, ""))
    status, output = oracle.provision(
        redis_server_instances=[{"name": "cache", "port": 6379}, {"name": "queue", "port": 6380}]
    )
    assert status != 0
    assert "Traceback" not in output
    for name in ("cache", "queue"):
        oracle.told(output, f"instance {name}", "no systemd", "default")
    assert oracle.footprint(host, (6379, "")) == before
