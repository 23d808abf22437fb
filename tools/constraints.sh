#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rewrites constraints.txt: the newest allowed version of everything that tox and its
# environments install. Run the tests before you commit it.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cd "$REPO"
python=$(find_python)
folder=$(as_owner mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
as_owner "$python" -m venv "$folder"
as_owner "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    '.[all]' 'tox>=4.28' -r test-requirements.txt -r tools/lint-requirements.txt \
    -r doc/requirements.txt
versions=$(as_owner "$folder/bin/python" -m pip freeze --exclude amphv2-bootstrap)
as_owner tee constraints.txt >/dev/null <<END
# Written by tools/constraints.sh: exact versions for tox and its environments.
$versions
END
