#!/usr/bin/python
# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Make and remove the ACL users that a load test logs in with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load_user
short_description: Make and remove the ACL users that a load test logs in with
description:
  - A user for each instance, with the commands that the load needs and with the keys of this load alone. So a load generator
    never holds a password that opens anything else.
  - It sends C(ACL SETUSER), C(ACL DELUSER), C(ACL USERS), C(ACL WHOAMI), C(ACL DRYRUN) and C(CLIENT LIST), and never
    C(ACL SAVE) or C(CONFIG REWRITE). The users are in the memory of the server only, and end with it.
  - The name of a user says until when its run can last. What a killed run has left, its keys too, is removed by the next one
    after that. The keys of a run whose server forgot the user, as a restart makes it, are removed with C(SCAN) and C(UNLINK).
  - Never fails on a server that refuses. Whoever starts the load stops at a C(FAIL) in RV(findings).
attributes:
  check_mode:
    support: full
    description: It only says whether the users could be made, as with O(state=possible).
options:
  state:
    description:
      - V(possible) says whether the users could be made, and changes nothing; V(present) makes them; V(absent) removes those
        of O(run_id), when the programs of the load have gone, and those that killed runs have left.
    type: str
    choices: [possible, present, absent]
    required: true
  run_id:
    description: Name of the run, which is in the names of the users.
    type: str
    required: true
  seconds:
    description: How long the run may take at most.
    type: int
    default: 0
  accounts:
    description: What the load needs on each instance.
    type: list
    elements: dict
    default: []
    suboptions:
      instance: {description: Name of the instance., type: str, required: true}
      kinds: {description: "Kinds of load, users or jobs.", type: list, elements: str, required: true}
      keys: {description: How the names of the keys of the load begin., type: list, elements: str, required: true}
      database: {description: Number of the database., type: int, default: 0}
      sha256: {description: SHA-256 of the password; the password itself stays on the control node and the load generators., type: str, default: ""}
extends_documentation_fragment:
  - redis_declaration
author:
  - ansible-redis contributors
"""

EXAMPLES = r"""
- name: Remove what a killed load test has left
  redis_load_user:
    state: absent
    run_id: none
    declaration: "{{ redis_server_declaration }}"
    accounts:
      - instance: default
        kinds: [users]
        keys: ["loadtest:none-"]
"""

RETURN = r"""
users:
  description: Name of the user, by instance; only those that were made.
  returned: success
  type: dict
  sample: {default: redis_ops_load_k3x9w2ab_until_20261126T213000Z}
findings:
  description: One record for each instance, with the id checklist.load_user.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: Stable name of the point., type: str, sample: checklist.load_user}
    subject: {description: What was looked at., type: str, sample: "instance default: user of the load"}
    status: {description: "PASS, WARN, FAIL or SKIP.", type: str, sample: PASS}
    expected: {description: What should be., type: str, sample: "an ACL user for the load alone, which reaches the keys of the load and nothing else"}
    actual: {description: What is., type: str, sample: redis_ops_load_k3x9w2ab_until_20261126T213000Z}
    why: {description: Section of the tuning guide or other source., type: str, sample: "Redis documentation, ACL"}
    remedy: {description: "What to do, empty when nothing is owed.", type: str, sample: ""}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.redis_ops.base.findings import as_records
from ansible.module_utils.redis_ops.edge import arguments, load_user_arguments, run
from ansible.module_utils.redis_ops.load import account


def main() -> None:
    module = AnsibleModule(argument_spec=dict(load_user_arguments.ARGUMENTS), supports_check_mode=True)
    given = module.params

    def work() -> dict:
        instances = arguments.declared_of(given).instances()
        wanted = [account.Account(**told) for told in given["accounts"]]
        if module.check_mode or given["state"] == "possible":
            made = account.Given(findings=account.possible(instances, wanted))
        elif given["state"] == "present":
            made = account.give(instances, wanted, given["run_id"], given["seconds"])
        else:
            made = account.Given()
            for line in account.take_back(instances, wanted, given["run_id"]):
                module.warn(line)
        return {"changed": False, "users": made.users, "findings": as_records(made.findings)}

    run.answer(module, lambda: run.in_turn(work))


if __name__ == "__main__":
    main()
