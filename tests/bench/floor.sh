#!/bin/bash
# The whole path held against what it costs at least: nzbpipe and the four-stage pipe
# download from a server on another core, and a floor program that only receives,
# decrypts, decodes and writes does the same in the same run.
#
#   tests/bench/floor.sh [--mib N] [--runs N] [--connections "1 8 50"]
#       [--schemes "plain tls"] [--delays "0 50"] [--out DIR] [--spread] [--peers] [--quick]
#   tests/bench/floor.sh --depths [--mib N] [--runs N] [--delays MS] [--rate BYTES_PER_S]
#       [--out DIR] [--spread]
#
# For each row: CPU-seconds per decoded GB of all processes of the client, and how many
# times the floor that is, wall time, peak memory, system calls per GB (with strace, in a
# run of their own). The floor is the fastest of many shapes without delay: 1 or 8
# connections, reads of 64 KiB to 1 MiB, files grown or allocated before. Its parts are
# measured alone, too: where it is over 1.15 times their sum, the machine was too busy and
# the ratios are void. Runs are interleaved; figures are medians.
#
# The server has core 0, the client core 1; --spread lets the client use all. Files go to
# a tmpfs unless --out says otherwise. --peers lets nzbget and SABnzbd do the same, where
# they are installed. --quick is to see that it works. --depths compares windows that size
# themselves with windows set by hand and with a client that throws all away: wall time at
# 20 connections and 50 ms.
#
# Results: the table on standard output, and floor.txt, floor.json and floor.svg in
# target/bench. Needs python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
    echo "usage: $0 [--mib N] [--runs N] [--connections LIST] [--schemes LIST] [--delays LIST]" >&2
    echo "       [--out DIR] [--spread] [--peers] [--quick] [--depths [--rate BYTES_PER_S]]" >&2
    exit 64
}

flags=() out=
while [ $# -gt 0 ]; do
    case $1 in
    --mib | --runs | --connections | --schemes | --delays | --rate)
        [ $# -ge 2 ] || usage
        [[ $2 =~ ^[a-z0-9\ ]+$ ]] || usage
        flags+=("$1=$2"); shift 2 ;;
    --out) [ $# -ge 2 ] || usage; out=$2; shift 2 ;;
    --spread | --peers | --quick | --depths) flags+=("$1"); shift ;;
    *) usage ;;
    esac
done

if [ -z "$out" ]; then
    out=${TMPDIR:-/tmp}
    [ "$(stat -f -c %T /dev/shm 2> /dev/null)" != tmpfs ] || [ ! -w /dev/shm ] || out=/dev/shm
fi

cargo build --release --bins --locked --quiet
cargo build --release -p nzbpipe-server --example load --locked --quiet
cargo build --release -p nzbpipe-pipeline --example floor --locked --quiet

work=$(mktemp -d -p "$out" floor.XXXXXX)
runner=
cleanup() {
    # It ends what it has started.
    [ -z "$runner" ] || kill "$runner" 2> /dev/null || true
    [ -z "$runner" ] || wait "$runner" 2> /dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p target/bench
python3 -B tests/bench/floor/main.py --work "$work" --bin "$PWD/target/release" \
    --results "$PWD/target/bench" "${flags[@]}" &
runner=$!
code=0
wait "$runner" || code=$?
runner=
exit "$code"
