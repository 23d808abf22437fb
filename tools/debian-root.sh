#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root folder of Debian 12 with its packages of Octavia, unless it is there, and
# prints it. Starts no service. Needs root and debootstrap; downloads 300 MB.
#
#   tools/debian-root.sh
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

folder=$CACHE/debian-12
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
venv=$folder/opt/amphv2-bootstrap

inside() {
    # TMPDIR of this machine may not be there.
    chroot "$folder" env --unset=TMPDIR DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@" >&2
}

if [ ! -e "$folder/.made" ]; then
    [ "$(id -u)" = 0 ] || die "run it as root: debootstrap needs that"
    command -v debootstrap >/dev/null || die "install debootstrap"
    rm -rf --one-file-system -- "$folder"
    mkdir -p "$folder"
    say "making ${folder#"$REPO/"} from $mirror"
    debootstrap --variant=minbase bookworm "$folder" "$mirror" >&2
    printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
    chmod +x "$folder/usr/sbin/policy-rc.d"
    inside apt-get install --yes --no-install-recommends octavia-worker python3-venv
    # The tests install them, without a network.
    inside apt-get install --yes --download-only --no-install-recommends \
        python3-redis systemd
    touch "$folder/.made"
fi

# What the program needs is installed by this machine's pip, with its configuration; the
# test brings the program. async-timeout: pip doesn't see that Debian's Python is 3.11.2.
if [ ! -e "$venv/.made" ]; then
    rm -rf -- "$venv"
    inside python3 -m venv --without-pip /opt/amphv2-bootstrap
    ensure_tox
    "$CACHE/tox-venv/bin/python" -m pip install --quiet \
        --disable-pip-version-check --constraint "$REPO/constraints.txt" \
        --target "$venv/lib/python3.11/site-packages" \
        --python-version 3.11 --only-binary=:all: \
        --requirement "$REPO/requirements.txt" 'taskflow[redis]' async-timeout
    touch "$venv/.made"
fi
printf '%s\n' "$folder"
