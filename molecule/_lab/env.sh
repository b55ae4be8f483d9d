# shellcheck shell=bash
# Sourced at the top of the project by the scripts that start test hosts: podman's settings, made for this machine.
#
# cgroups without systemd's help, so that test hosts also start inside a container (CI, a test host); and the OCI runtime
# that is there, runc before crun, which starts no container where both versions of cgroups are mounted (crun 1.8.1).
# A container cannot get more files or processes than this machine's hard limits allow (podman itself goes on with fewer
# processes than that), and one that asks for more does not start.

((EUID == 0)) || {
  echo "the test hosts are systemd containers and need root: run this as root or through sudo" >&2
  exit 1
}

# lab_limit FLAG MOST: this machine's hard limit, but not more than MOST
lab_limit() {
  local hard
  hard=$(ulimit -H "$1")
  if [[ $hard == unlimited ]] || ((hard > $2)); then hard=$2; fi
  echo "$hard:$hard"
}

# lab_runtime: the name of the first OCI runtime that this machine has
lab_runtime() {
  local name
  for name in runc crun; do
    if command -v "$name" >/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "the test hosts need an OCI runtime, runc or crun, and neither is on PATH: run scripts/setup molecule" >&2
  exit 1
}

export PATH=$PWD/.venv/bin:$PATH:/usr/sbin:/sbin
runtime=$(lab_runtime) || exit 1
mkdir -p .cache
cat >.cache/containers.conf <<CONF
[containers]
default_ulimits = ["nofile=$(lab_limit -n 1048576)", "nproc=$(lab_limit -u 10000)"]
[engine]
runtime = "$runtime"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
export CONTAINERS_CONF=$PWD/.cache/containers.conf
