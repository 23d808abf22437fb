#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a virtual environment with real Octavia from PyPI, as on a controller, unless it
# is there, and prints its folder.
#
#   tools/octavia-venv.sh           the newest Octavia
#   tools/octavia-venv.sh RELEASE   one of tools/octavia-releases, such as 8 or 8.0
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if [ $# -gt 0 ]; then
    lists=$REPO/tools/octavia-releases
    release=${1%%.*}
    folder=$CACHE/octavia-releases/$release
    [ -f "$lists/$release.txt" ] ||
        die "no list of packages for Octavia $1: see $lists"
    mapfile -t packages < <(grep -v '^#' "$lists/$release.txt")
    export PIP_CONSTRAINT=$lists/build-constraints.txt
    ensure_venv "$folder" --no-deps "${packages[@]}"
    printf '%s\n' "$folder"
    exit
fi

folder=${AMPHV2_OCTAVIA_VENV:-$CACHE/octavia-venv}
# An Octavia that this script did not make is used as it is.
if [ ! -x "$folder/bin/octavia-db-manage" ] || [ -e "$folder/.stamp" ]; then
    # Octavia requires no database driver; its documents name PyMySQL. Octavia allows
    # redis>=3.4, but its taskflow needs 8.
    ensure_venv "$folder" 'octavia[redis,zookeeper,etcd]==19.0.*' PyMySQL 'redis>=8'
fi
printf '%s\n' "$folder"
