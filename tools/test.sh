#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need and runs all of them; see --help.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'END'
usage: tools/test.sh [--unit] [--board NAME] [PYTEST-ARGUMENT...]

Installs what the tests need and runs all checks: style, types, documents, and
pytest last.

  --unit        run only the unit tests: no server, no Octavia, no other check
  --board NAME  run the tests that cover every jobboard only on this one: sql,
                redis, zookeeper or etcd
  -h, --help    print this text

Other arguments go to pytest, for example:

  tools/test.sh --unit -k lease
  tools/test.sh tests/contract --board sql
  tools/test.sh -m long tests/functional     # the long forms
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
# setuptools would take modules from there that the source has no longer.
rm -rf -- build
if [ "${#environments[@]}" = 0 ]; then
    tools/install-packages.sh
    AMPHV2_OCTAVIA_VENV=$(tools/octavia-venv.sh)
    export AMPHV2_OCTAVIA_VENV
    # A sample of the older releases; its test is skipped without it, but not in CI.
    tools/octavia-venv.sh 8 >/dev/null || say "Octavia 8 can't be installed here"
fi
ensure_tox
as_owner "$TOX" run "${environments[@]}" ${arguments[@]+-- "${arguments[@]}"}
