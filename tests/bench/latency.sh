#!/bin/bash
# Windows that size themselves against windows set by hand, over the distance: MB/s of
# nzbpipe from the embedded server, whose answers come late and whose connections are
# slow on purpose.
#
#   tests/bench/latency.sh [--mib N] [--connections N] [--rate RATE] [--runs N]
#                          [--latencies "0 20 50 …"] [--depths "1 2 4 …"]
#
# --rate is what the server lets through on each connection (0: all it can). Runs are
# interleaved; each figure is the median. "of best" holds the first column against the
# best of the others, "of cap" against what the server lets through on all connections,
# or against --rate 0's own best. The whole run counts, with its beginning.
# TMPDIR=/dev/shm keeps the disk out of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

mib=2048 connections=20 rate=20M runs=3
latencies="0 20 50 100 200 300" depths="1 2 4 8 16 32"
while [ $# -gt 0 ]; do
    case $1 in
    --mib) mib=$2 ;;
    --connections) connections=$2 ;;
    --rate) rate=$2 ;;
    --runs) runs=$2 ;;
    --latencies) latencies=$2 ;;
    --depths) depths=$2 ;;
    *) echo "usage: $0 [--mib N] [--connections N] [--rate RATE] [--runs N] [--latencies LIST] [--depths LIST]" >&2; exit 64 ;;
    esac
    shift 2
done

cargo build --release --bins --locked --quiet
bin=$PWD/target/release
work=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    server=
}
cleanup() { stop; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$work/files"
head -c "${mib}M" /dev/urandom > "$work/files/data.bin"
nzb=$work/nzb/data.bin.nzb

serve() { # milliseconds
    rm -f "$work/ready"
    "$bin/nntp-serve" --files "$work/files" --nzb-out "$work/nzb" --listen 127.0.0.1:0 \
        --latency "${1}ms" --limit-rate "$rate" --cache "$((mib * 2))Mi" \
        --servers-out "$work/ready" 2> "$work/server.log" &
    server=$!
    for _ in $(seq 300); do
        [ ! -e "$work/ready" ] || break
        kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
        sleep 0.1
    done
    url=$(sed -n 's,.*\(nntp://\S*\).*,\1,p' "$work/server.log")
}

# MB/s of one run, whole seconds of the clock.
fetch() { # query
    local began ended
    rm -rf "$work/out"
    began=$(date +%s%N)
    "$bin/nzbpipe" -q -s "$url/?connections=$connections$1" -d "$work/out" "$nzb"
    ended=$(date +%s%N)
    echo $((mib * 1048576 * 1000 / (ended - began)))
}

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

printf '%d connections, %s each, %d MiB; MB/s\n' "$connections" "$rate" "$mib"
printf '%8s %8s' latency auto
for depth in $depths; do printf ' %7s' "$depth"; done
printf ' %8s %8s\n' "of best" "of cap"
for latency in $latencies; do
    serve "$latency"
    # Everything is encoded before anything is measured.
    fetch "&pipeline=8" > "$work/warm"
    rm -f "$work"/figures.*
    for _ in $(seq "$runs"); do
        for depth in auto $depths; do
            query=
            [ "$depth" = auto ] || query="&pipeline=$depth"
            fetch "$query" >> "$work/figures.$depth"
        done
    done
    cmp "$work/files/data.bin" "$work/out/data.bin/data.bin"
    stop
    auto=$(median < "$work/figures.auto")
    best=0
    printf '%5d ms %8d' "$latency" "$auto"
    for depth in $depths; do
        figure=$(median < "$work/figures.$depth")
        [ "$figure" -le "$best" ] || best=$figure
        printf ' %7d' "$figure"
    done
    awk -v auto="$auto" -v best="$best" -v rate="${rate%M}" -v n="$connections" '
        BEGIN {
            cap = rate > 0 ? auto / (rate * n) : auto / best
            printf " %8.2f %8.2f\n", auto / best, cap
        }'
done
