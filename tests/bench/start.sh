#!/bin/bash
# How fast a run starts and ends, at some distances, without and with login and TLS; ten
# small files from launch to exit; and an NZB of 200 GB from launch to the first BODY.
#
#   tests/bench/start.sh [--runs N] [--rtt "0 20 50 …"] [--connections N] [--dir DIR]
#                        [--only "reach written whole huge"]
#
# Medians, with the least in brackets. --dir is a folder of one more file system that ten
# small files are written to, beside TMPDIR's. TMPDIR=/dev/shm keeps the disk out of it.
# Needs python3; strace and openssl(1) for a part of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
    echo "usage: $0 [--runs N] [--rtt LIST] [--connections N] [--dir DIR] [--only LIST]" >&2
    exit 64
}

flags=()
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage
    case $1 in
    --runs | --rtt | --connections | --dir) flags+=("$1" "$2") ;;
    --only) read -ra parts <<< "$2"; flags+=(--only "${parts[@]}") ;;
    *) usage ;;
    esac
    shift 2
done

cargo build --release --bins --locked --quiet
exec python3 tests/bench/start.py --bin target/release "${flags[@]}"
