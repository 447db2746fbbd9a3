#!/bin/bash
# The large counts, whole; .ci/run runs a part of each. Prints figures and fails if a
# program takes more memory than it may or a file differs.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/bench/split.sh --check
tests/bench/path.sh --check --mib 1024 --connections 50
tests/bench/path.sh --check --mib 1024 --connections 8 --runs 3
NZBPIPE_SEEDS=2000 cargo test -p nzbpipe-nntp --test engine -- luck::

# Crashes: 2,000 kills in each arrangement, every system call, a full disk, power cuts.
NZBPIPE_KILLS=2000 NZBPIPE_CALLS_STEP=1 cargo test --test tests -- --nocapture crash::
tests/crash/full.sh --levels 50
tests/crash/power.sh --cuts 100

# A million segments of 1 KiB in 5,000 files, with 64 handles.
tests/bench/many.sh --check

# The yEnc kernels of another machine, where Debian has the tools.
tests/cross/aarch64.sh
