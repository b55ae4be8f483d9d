"""The commands that messages, remedies and reports tell a person to type. Nothing else in this project's Python has one.

scripts/build-collection writes those of the collection in their place.
"""

CHECK = "make check"
CHECK_DRIFT = "make drift"
CHECK_DRIFT_OF = "ansible-playbook playbooks/check_drift.yml"  # and options
CLEAR_AOF = "ansible-playbook playbooks/clear_aof.yml"
DESCRIBE_SERVERS = "make adopt"
PROVISION = "make provision"
WAIVE_DRIFT = "make waivers"
WAIVE_DRIFT_EXAMPLE = "make waivers REASON='OPS-417: trial of 3gb'"

DECLARE = f"declare it ({DESCRIBE_SERVERS} writes the lines)"
