#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write the sample configuration anew from the options in amphv2_bootstrap/conf.
# The package has to be installed (pip install -e .), since oslo-config-generator
# finds the options by entry point.
set -eu
cd "$(dirname "$0")/.."
exec oslo-config-generator \
    --config-file etc/oslo-config-generator/amphv2-bootstrap.conf "$@"
