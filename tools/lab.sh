#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A control plane of three hosts in network namespaces of its own: Galera behind HAProxy,
# a key-value ensemble, Octavia's files and a conductor on each. See doc/source/lab.rst.
#
#     tools/lab.sh up [--board sql|redis|zookeeper|etcd] [--tls]
#     tools/lab.sh status
#     tools/lab.sh run HOST ARGUMENT...     amphv2-bootstrap on a host
#     tools/lab.sh kill|cut|heal|start HOST
#     tools/lab.sh down
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
if [ "${1:-}" = up ]; then
    tools/install-packages.sh
    AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
    export AMPHV2_OCTAVIA_VENV
    ensure_venv "$CACHE/lab-venv" --editable "${REPO}[all]" \
        --requirement "$REPO/test-requirements.txt"
fi
[ -x "$CACHE/lab-venv/bin/python" ] || die "no lab was started: run tools/lab.sh up"
become_owner "$CACHE/lab-venv/bin/python" -m tests.lab "$@"
