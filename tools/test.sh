#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need and runs them all; see --help.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
usage: tools/test.sh [--unit] [--board NAME] [PYTEST-ARGUMENT...]

Installs what the tests need and runs all checks: style, types, documents, and
pytest last.

  --unit        run the unit tests alone: no server, no Octavia, no other check
  --board NAME  where a test runs on every jobboard, run it on this one alone:
                sql, redis, zookeeper or etcd
  -h, --help    print this text

Other arguments go to pytest, for example:

  tools/test.sh --unit -k lease
  tools/test.sh tests/contract --board sql
  tools/test.sh -m long tests/functional     # the long forms, else left out
END
}

environments=()
arguments=()
for argument; do
    case $argument in
    -h | --help)
        usage
        exit
        ;;
    --unit) environments=(-e unit) ;;
    *) arguments+=("$argument") ;;
    esac
done

cd "$REPO"
if [ "${#environments[@]}" = 0 ]; then
    tools/install-packages.sh
    AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
    export AMPHV2_OCTAVIA_VENV
fi
ensure_tox
as_owner "$TOX" run "${environments[@]}" ${arguments[@]+-- "${arguments[@]}"}
