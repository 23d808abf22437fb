#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need and runs them all: style, types, documents, and
# pytest, whose closing line comes last. Arguments go to pytest.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
tools/install-packages.sh
AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
export AMPHV2_OCTAVIA_VENV
ensure_venv "$CACHE/tox-venv" 'tox>=4.23'
as_owner "$CACHE/tox-venv/bin/tox" run ${1+-- "$@"}
