#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the long form of the fault suite: every boundary, every outage, many rounds.
# Takes hours. The test with a full disk needs root.
#
#     tools/faults.sh [--rounds N] [--seed S] [PYTEST-ARGUMENT...]
#
# --rounds N: rounds of random faults (200). --seed S: the seed of all random choices;
# each test prints it. Other arguments go to pytest: -k nemesis runs only the rounds.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

while [ $# -gt 0 ]; do
    case $1 in
    --rounds) export AMPHV2_FAULTS_ROUNDS=${2:?--rounds needs a number} ;;
    --seed) export AMPHV2_FAULTS_SEED=${2:?--seed needs a value} ;;
    *) break ;;
    esac
    shift 2
done

cd "$REPO"
tools/install-packages.sh
ensure_tox
as_owner "$TOX" run -e py3 -- \
    -n 0 -s -m long tests/faults ${1+"$@"}
