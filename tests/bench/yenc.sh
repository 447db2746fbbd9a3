#!/bin/bash
# The yEnc codec: GB/s of every kernel this machine can run, and the ratio to memcpy in the
# same run; then, where pip can install it, the codec of sabctools (rapidyenc) with the NNTP
# framing it comes with, measured in the same way in Python.
#
#   tests/bench/yenc.sh [--data KIND,…] [--line N,…] [--kernel NAME,…] [--articles N]
#                       [--cold N] [--rounds N]
#
# Without options it takes some minutes; --articles 40 --cold 0 --data random, less than
# half of one. --help tells what the columns mean. On a machine that is not quiet the
# ratios hold better than the GB/s, but cores that change their clock move them too.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo bench --quiet --locked -p nzbpipe-yenc --bench speed -- "$@"
[[ " $* " == *" --help "* ]] && exit

echo
venv=${CARGO_TARGET_DIR:-target}/bench-venv
if [ -x "$venv/bin/python" ] || python3 -m venv "$venv" 2>/dev/null; then
    if "$venv/bin/python" -c 'import sabctools' 2>/dev/null ||
        "$venv/bin/pip" install --quiet --disable-pip-version-check sabctools; then
        exec "$venv/bin/python" tests/bench/rapidyenc.py
    fi
fi
echo "sabctools: not shown, it cannot be installed here (python3-venv, pip, PyPI)"
