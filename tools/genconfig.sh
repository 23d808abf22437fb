#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the sample configuration from the options in amphv2_bootstrap/conf.
# oslo-config-generator finds them by entry point: first install the package
# (pip install -e .).
set -eu
cd "$(dirname "$0")/.."
exec oslo-config-generator \
    --config-file etc/oslo-config-generator/amphv2-bootstrap.conf "$@"
