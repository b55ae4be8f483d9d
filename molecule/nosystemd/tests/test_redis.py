"""Redis as its own client sees it."""


def test_it_answers(host):
    assert host.run("redis-cli ping").stdout.strip() == "PONG"
