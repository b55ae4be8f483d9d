#!/usr/bin/env bash
# Build localhost/redis-lab-servers:SUITE: a test host with the packages of Redis, and of Valkey where the suite has it.
# Nobody has configured them, and neither starts at boot. Does nothing when an image made by this script is there.
#
#   molecule/takeover/image.sh bookworm|trixie
set -euo pipefail

cd "$(dirname "$0")/../.."
# shellcheck source=molecule/_lab/env.sh
. molecule/_lab/env.sh
readonly suite=${1:?usage: molecule/takeover/image.sh bookworm|trixie}
readonly image=localhost/redis-lab-servers:$suite

scripts/build-image "$suite"
base=$(podman image inspect --format '{{.Id}}' "localhost/redis-lab:$suite")
recipe=$(sha256sum <molecule/takeover/image.sh)
readonly recipe=${recipe%% *}-$base
[[ $(podman image inspect --format '{{.Config.Labels.recipe}}' "$image" 2>/dev/null) != "$recipe" ]] || exit 0

# shellcheck disable=SC2016 # for the shell in the container
install='
set -eu
export DEBIAN_FRONTEND=noninteractive
printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -qq
apt-get install -qq --no-install-recommends redis-server redis-tools $(apt-cache pkgnames valkey-server) >/dev/null
apt-get clean
rm /usr/sbin/policy-rc.d
systemctl disable -q redis-server $(test ! -e /usr/bin/valkey-server || echo valkey-server)
useradd --system --home-dir /srv --shell /usr/sbin/nologin ops'

echo "building $image (about 20 seconds, once)"
container=$(podman create --network=podman "localhost/redis-lab:$suite" sh -c "$install")
trap 'podman rm --force --time=0 "$container" >/dev/null' EXIT
podman start --attach "$container"
podman commit --quiet --change "LABEL recipe=$recipe" --change 'CMD ["/sbin/init"]' "$container" "$image" >/dev/null
