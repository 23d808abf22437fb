# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of tools/, which source it.
#
# Sets REPO (this checkout) and CACHE (what the scripts keep between runs).
# shellcheck shell=bash

REPO=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # for the scripts that source this
CACHE=$REPO/.cache

say() { printf '==> %s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# become_owner COMMAND...: replace this shell by the command, run by the owner of the
# checkout. Under sudo, packages from PyPI must not run as root, and root must own no
# file in the checkout: the next run without sudo could not write it.
become_owner() {
    local uid gid entry name home
    uid=$(stat -c %u -- "$REPO")
    if [ "$(id -u)" != 0 ] || [ "$uid" = 0 ]; then
        exec "$@"
    fi
    gid=$(stat -c %g -- "$REPO")
    # The owner of a container's volume may have no name and no home here.
    entry=$(getent passwd "$uid") || entry=
    IFS=: read -r name _ _ _ _ home _ <<<"$entry"
    exec setpriv --reuid="$uid" --regid="$gid" --clear-groups \
        env HOME="${home:-/nonexistent}" USER="${name:-$uid}" \
        LOGNAME="${name:-$uid}" "$@"
}

# as_owner COMMAND...: run the command as the owner of the checkout.
as_owner() { (become_owner "$@"); }

# find_python: print the path of a Python that can run the project. The owner of the
# checkout looks for it, since it may have no access to root's (pyenv in /root).
find_python() {
    local name path
    for name in "${PYTHON:-}" python3.11 python3 python3.1{2,3,4}; do
        # shellcheck disable=SC2016 # for the shell that is started
        path=$(as_owner sh -c 'command -v "$1"' sh "$name") || continue
        if as_owner "$path" -c \
            'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null; then
            printf '%s\n' "$path"
            return
        fi
    done
    die "no Python 3.11 or later with venv found: install python3 and" \
        "python3-venv, or set PYTHON to the interpreter's path"
}

# ensure_venv FOLDER PIP-ARGUMENT...: make a virtual environment with these packages,
# unless it is there. It is made anew if its making was interrupted (the stamp is empty
# until the end), if the packages differ, or if its Python is gone. A folder without a
# stamp is not ours, and is never removed.
ensure_venv() {
    local folder=$1 python
    shift
    python=$(find_python)
    [ ! -e "$folder" ] || [ -e "$folder/.stamp" ] ||
        die "$folder was not made by this script: remove it, or move it away"
    as_owner mkdir -p "$(dirname -- "$folder")"
    as_owner touch "$folder.lock"
    (
        flock 9
        if [ "$(cat -- "$folder/.stamp" 2>/dev/null)" = "$*" ] &&
            as_owner "$folder/bin/python" -c 'import pip' 2>/dev/null; then
            exit 0
        fi
        say "making ${folder#"$REPO/"}: $(printf '%.200s' "$*")"
        as_owner rm -rf -- "$folder"
        as_owner mkdir "$folder"
        as_owner touch "$folder/.stamp"
        as_owner "$python" -m venv "$folder"
        as_owner "$folder/bin/python" -m pip install --quiet \
            --disable-pip-version-check "$@"
        printf '%s\n' "$*" | as_owner tee "$folder/.stamp" >/dev/null
    ) 9>"$folder.lock"
}

# ensure_tox: install tox in a virtual environment of its own; set TOX.
ensure_tox() {
    ensure_venv "$CACHE/tox-venv" --constraint "$REPO/constraints.txt" 'tox>=4.28'
    # shellcheck disable=SC2034 # for the scripts that source this
    TOX=$CACHE/tox-venv/bin/tox
}
