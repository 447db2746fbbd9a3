#!/bin/bash
# The programs against a yEnc codec that nobody here wrote: sabctools from PyPI, in a
# virtual environment of its own. What it encodes, yenc-decode decodes, with each kernel
# that the machine can run; what nntp-serve encodes, it decodes.
#
#   bash tests/oracle/oracle.sh [SEED]
#
# Needs python3 with venv, and PyPI the first time. Elsewhere it says that it was skipped
# and why; with CI=true that is an error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
cd "$here/../.."

skipped() {
    echo "SKIPPED: oracle: $1" >&2
    [ "${CI:-}" != true ]
    exit
}

venv=target/oracle-venv
if ! "$venv/bin/python3" -c 'import sabctools' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" >/dev/null || skipped "python3 has no venv (Debian: python3-venv)"
    timeout 60 "$venv/bin/pip" install --quiet --disable-pip-version-check sabctools ||
        skipped "sabctools cannot be installed from PyPI"
fi
cargo build --locked --quiet --bins
PATH=$PWD/target/debug:$PATH timeout 60 "$venv/bin/python3" "$here/oracle.py" "$@"
