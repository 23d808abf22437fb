#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that bindep.txt lists, including those of the profiles
# that the arguments name. Starts and enables no service. If all packages are installed,
# it does nothing and needs no root.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

POLICY=/usr/sbin/policy-rc.d

# wanted PROFILE...: the packages without a profile, and those of these profiles.
wanted() {
    awk -v profiles=" $* " '
        /^[^#[:space:]]+[[:space:]]+\[/ {
            marks = $0
            gsub(/^[^[]*\[|\].*$/, "", marks)
            count = split(marks, mark, " ")
            debian = other = 0
            for (i = 1; i <= count; i++) {
                if (mark[i] == "platform:dpkg") debian = 1
                else if (mark[i] !~ /^platform:/)
                    other += !index(profiles, " " mark[i] " ")
            }
            if (debian && !other) print $1
        }' "$REPO/bindep.txt"
}

installed() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
        sed -n 's/^installed //p' | sort -u
}

root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -- "$@"
    fi
}

apt() {
    root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Packages start their services when they are installed, unless this policy forbids it.
forbid_services() {
    [ ! -e "$POLICY" ] || return 0
    trap 'root rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' | root tee "$POLICY" >/dev/null
    root chmod 755 "$POLICY"
}

# The policy prevents a start now, not at the next boot: disable the new services, and
# sockets, which start a service at the first connection (epmd.socket).
disable_services() {
    local file
    dpkg-query -L "$@" | sort -u | while read -r file; do
        case $file in
        */systemd/system/*.service | */systemd/system/*.socket)
            ! command -v systemctl >/dev/null ||
                root systemctl --quiet --no-reload disable "${file##*/}"
            ;;
        /etc/init.d/*) root update-rc.d "${file##*/}" disable ;;
        esac || say "could not disable ${file##*/}: it may start at the next boot"
    done
}

command -v apt-get >/dev/null ||
    die "apt-get not found: install the packages of bindep.txt by hand"

before=$(installed)
missing=$(comm -23 <(wanted "$@" | sort -u) <(printf '%s\n' "$before"))
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "these packages are missing: ${missing//$'\n'/ }; run as root, or install sudo"

say "installing Debian packages: ${missing//$'\n'/ }"
forbid_services
apt update
# shellcheck disable=SC2086 # each package is one word
apt install --no-install-recommends $missing
mapfile -t new < <(comm -13 <(printf '%s\n' "$before") <(installed))
[ "${#new[@]}" = 0 ] || disable_services "${new[@]}"
