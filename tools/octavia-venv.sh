#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes a virtual environment with real Octavia from PyPI, as a controller has
# it, and prints its folder. Fast when it is there already.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

folder=${AMPHV2_OCTAVIA_VENV:-$CACHE/octavia-venv}
# Somebody's own Octavia is used as it is.
if [ ! -x "$folder/bin/octavia-db-manage" ] || [ -e "$folder/.stamp" ]; then
    # Octavia requires no database driver; PyMySQL is the one its documents name.
    # It allows redis>=3.4, but the taskflow that it uses needs 8.
    ensure_venv "$folder" 'octavia[redis,zookeeper,etcd]==19.0.*' PyMySQL 'redis>=8'
fi
printf '%s\n' "$folder"
