#!/bin/bash
# The large counts, whole; .ci/run runs a part of each. Prints figures and fails if a
# program takes more memory than it may or a file differs.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/bench/split.sh --check
tests/bench/path.sh --check --mib 1024 --connections 50
tests/bench/path.sh --check --mib 1024 --connections 8 --runs 3
NZBPIPE_SEEDS=2000 cargo test -p nzbpipe-nntp --test engine -- luck::

# The yEnc kernels of another machine, where Debian has the tools.
tests/cross/aarch64.sh
