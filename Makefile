# Everything a person or CI does with this project. `make` alone prints the menu.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help provision check adopt drift waivers readiness preflight loadtest compare collection test lint types unit mutants mutants-sample contract molecule lock docs screenshot clean
# what a target needs on this machine: .venv, and Debian packages for some
SETUPS := runtime dev setup-lint setup-contract setup-molecule setup-test
.PHONY: $(SETUPS)

export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin:/sbin
# a clone in a world-writable directory, or a locale that this host lacks, must not change what Ansible does
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export LC_ALL := C.UTF-8

# On this machine, someone who is neither root nor allowed sudo without a password is asked for it once.
ask_become = $(if $(filter -i% --inventory%,$(ARGS)),,$(shell [ $$(id -u) = 0 ] || sudo -kn true 2>/dev/null || echo -K))

# what the summary at the end of a run names as the command to type next
provision check: export REDIS_MAKE_ARGS = $(ARGS)

help: ## print this menu
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

provision: runtime ## bring this machine to the declared state (ARGS='-i inventories/production' for others)
	@ansible-playbook provision.yml $(ask_become) $(ARGS)

check: runtime ## say what provision would change, and change nothing
	@ansible-playbook provision.yml --check --diff $(ask_become) $(ARGS)

adopt: runtime ## write host_vars for the Redis servers that are already there; change no host
	@ansible-playbook playbooks/describe_servers.yml $(ask_become) $(ARGS)

drift: runtime ## say what is other than declared, and who made it so; change nothing
	@ansible-playbook playbooks/check_drift.yml $(ask_become) $(ARGS)

waivers: runtime ## accept for a while what the last drift found (REASON='why', and ARGS as for drift)
	@ansible-playbook playbooks/waive_drift.yml $(ARGS)

readiness: runtime ## say whether a load test would prove anything; load nothing
	@ansible-playbook playbooks/check_readiness.yml $(ask_become) $(ARGS)

# the old name of readiness; release 0.2.0 removes it
preflight: readiness

loadtest: runtime ## put 1,000 users on this Redis for two minutes, and say whether it holds
	@ansible-playbook playbooks/run_load_test.yml $(ask_become) $(ARGS)

compare: runtime ## say what got better or worse between load tests with two labels (A=before B=after)
	@ansible-playbook playbooks/compare_load_tests.yml -e redis_loadtest_compare_a=$(A) -e redis_loadtest_compare_b=$(B) $(ARGS)

collection: runtime ## build the collection redis_ops.redis from this tree, into dist/
	@scripts/build-collection

test: setup-test lint types unit mutants-sample contract molecule ## run every test, in this order (as root: the test hosts are containers)

lint: setup-lint ## check the style of Python, YAML, Ansible and shell
	ruff check .
	ruff format --check .
	yamllint --strict .
	ansible-lint
	scripts/check-sources
	shellcheck --external-sources $$(grep -lE '^#!.*bash' scripts/*) .ci/run

types: dev ## check the types of the core
	mypy

unit: dev ## run the tests that need no server and no host
	pytest tests --ignore=tests/contract --numprocesses 2 --dist worksteal

# 20 of 10,000, the same ones until their lines change
mutants-sample: dev
	python -m tests.mutation --sample 20

mutants: dev ## put faults into the core, one at a time, and say which the unit tests miss (hours; ARGS=FILE:LINE for one)
	python -m tests.mutation $(ARGS)

# these measure, so nothing runs beside them
LOADED := $(addprefix tests/contract/test_,load_on_a_server.py jobs.py verdicts.py)

contract: setup-contract ## hold the catalogue against real servers of several versions
	@scripts/fetch-servers
	pytest tests/contract --numprocesses 3 --dist worksteal $(LOADED:%=--ignore %)
	pytest $(LOADED)

molecule: setup-molecule ## provision test hosts from bare to verified (SCENARIO=name for one)
	@scripts/molecule $(SCENARIO)

lock: dev ## resolve the requirements anew and write the lock files
	@scripts/lock

docs: dev ## generate the documents that are made from the code
	@scripts/render-settings-docs

screenshot: dev ## photograph the worked example of a drift report for the README (needs chromium)
	@scripts/screenshot

clean: ## remove what these commands made in this directory
	rm -rf .venv .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache dist reports
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SETUPS):
	@scripts/setup $(@:setup-%=%)
