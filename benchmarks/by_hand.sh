#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The document "Additional configuration steps to configure amphorav2 provider",
# done by hand on one controller: database, accounts, octavia.conf, schema.
# CREATE USER replaces the document's GRANT ... IDENTIFIED BY, which MySQL 8 no longer
# has.
#
# Environment: MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_PWD of root; OCTAVIA_CONF;
# DB_MANAGE; PASSWORD and URL of the persistence database; REDIS_PORT and
# REDIS_PASSWORD, as octavia.conf spells it.
set -eu

mariadb --no-defaults --protocol=tcp --user=root <<SQL
CREATE DATABASE octavia_persistence;
CREATE USER 'octavia'@'localhost' IDENTIFIED BY '$PASSWORD';
CREATE USER 'octavia'@'%' IDENTIFIED BY '$PASSWORD';
GRANT ALL PRIVILEGES ON octavia_persistence.* TO 'octavia'@'localhost';
GRANT ALL PRIVILEGES ON octavia_persistence.* TO 'octavia'@'%';
SQL

options=$(mktemp)
trap 'rm -f "$options"' EXIT
cat >"$options" <<CONF
persistence_connection = $URL
jobboard_enabled = True
jobboard_backend_driver = redis_taskflow_driver
jobboard_backend_hosts = 127.0.0.1
jobboard_backend_port = $REDIS_PORT
jobboard_backend_password = $REDIS_PASSWORD
jobboard_backend_namespace = octavia_jobboard
jobboard_expiration_time = 100
CONF
grep -q '^\[task_flow\]' "$OCTAVIA_CONF" || printf '\n[task_flow]\n' >>"$OCTAVIA_CONF"
sed -i "/^\[task_flow\]/r $options" "$OCTAVIA_CONF"

"$DB_MANAGE" --config-file "$OCTAVIA_CONF" upgrade_persistence
