"""The options that services load: what is rendered, and that the guide's mistakes are not in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).parent.parent.parent / "roles" / "redis_loadtest"
# What BullMQ 5.81.5 and 6.7.0 take: src/interfaces/{default-job-options,worker-options}.ts
OF_A_JOB = {"attempts", "backoff", "removeOnComplete", "removeOnFail", "delay", "priority", "lifo", "keepLogs"}
OF_A_JOB |= {"sizeLimit", "stackTraceLimit"}
OF_A_WORKER = {"concurrency", "lockDuration", "stalledInterval", "maxStalledCount", "drainDelay", "limiter", "metrics"}
OF_A_WORKER |= {"removeOnComplete", "removeOnFail", "skipStalledCheck", "maxStartedAttempts", "maximumRateLimitDelay"}


@pytest.fixture(scope="module")
def rendered():
    loader = DataLoader()
    own = loader.load_from_file(str(ROLE / "vars/main/bullmq.yml"), trusted_as_template=True)

    def render(**changes):
        templar = Templar(loader=loader, variables={**own, "redis_loadtest_bullmq_options": changes})
        text = (ROLE / "templates" / "bullmq-options.json.j2").read_text()
        answer = templar.template(trust_as_template(text))
        return json.loads(answer) if isinstance(answer, str) else answer

    return render


def test_the_file(rendered):
    assert rendered() == {
        "queue": {
            "defaultJobOptions": {
                "attempts": 3,
                "backoff": {"type": "exponential", "delay": 2000, "jitter": 0.5},
                "removeOnComplete": {"age": 3600, "count": 1000},
                "removeOnFail": {"age": 604800, "count": 5000},
            }
        },
        "worker": {"concurrency": 4, "lockDuration": 30000, "stalledInterval": 5000, "maxStalledCount": 2},
        "queueConnection": {"maxRetriesPerRequest": 1, "enableOfflineQueue": False},
        "workerConnection": {"maxRetriesPerRequest": None},
    }


def test_every_option_is_one_that_bullmq_has(rendered):
    assert rendered()["queue"].keys() <= {
        "defaultJobOptions",
        "streams",
    }  # settings of a Queue are of repeated jobs only
    assert rendered()["queue"]["defaultJobOptions"].keys() <= OF_A_JOB
    assert rendered()["worker"].keys() <= OF_A_WORKER


def test_one_value_can_be_changed(rendered):
    changed = rendered(worker={"concurrency": 16})["worker"]
    assert changed == {"concurrency": 16, "lockDuration": 30000, "stalledInterval": 5000, "maxStalledCount": 2}
