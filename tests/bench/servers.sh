#!/bin/bash
# Several servers at once: whether more connections cost anything, whether equal
# servers share the work, and what servers that do not work cost the one that does.
#
#   tests/bench/servers.sh [--mib N] [--runs N]
#
# Two embedded servers on loopback, of one level. Runs are interleaved, figures are
# medians, the whole run counts. TMPDIR=/dev/shm keeps the disk out of it. Needs python3
# (a server that accepts and never speaks).
set -euo pipefail
cd "$(dirname "$0")/../.."

mib=1024 runs=5
while [ $# -gt 0 ]; do
    case $1 in
    --mib) mib=$2 ;;
    --runs) runs=$2 ;;
    *) echo "usage: $0 [--mib N] [--runs N]" >&2; exit 64 ;;
    esac
    shift 2
done

cargo build --release --bins --locked --quiet
cargo build --release --locked --quiet -p nzbpipe-nntp --example turnaround
bin=$PWD/target/release
work=$(mktemp -d)
started=()
stop() {
    [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
    [ ${#started[@]} = 0 ] || wait "${started[@]}" 2>/dev/null || true
    started=()
}
cleanup() { stop; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$work/files"
head -c "${mib}M" /dev/urandom > "$work/files/data.bin"
nzb=$work/nzb/data.bin.nzb

serve() { # name, flags
    local name=$1
    shift
    rm -f "$work/ready"
    "$bin/nntp-serve" --files "$work/files" --nzb-out "$work/nzb" --listen 127.0.0.1:0 \
        --cache "$((mib * 2))Mi" --servers-out "$work/ready" "$@" 2> "$work/$name.log" &
    started+=($!)
    for _ in $(seq 300); do
        [ ! -e "$work/ready" ] || break
        sleep 0.1
    done
    url=$(sed -n 's,.*\(nntps\?://\S*\).*,\1,p' "$work/$name.log" | head -1)
}

# MB/s of one run over the servers given.
fetch() {
    local began ended flags=()
    for server in "$@"; do flags+=(-s "$server"); done
    rm -rf "$work/out"
    began=$(date +%s%N)
    "$bin/nzbpipe" -q --stats "$work/stats" "${flags[@]}" -d "$work/out" "$nzb" 2> "$work/said"
    ended=$(date +%s%N)
    echo $((mib * 1048576 * 1000 / (ended - began)))
}

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

for latency in 50 0; do
    rate=0
    [ "$latency" = 0 ] || rate=20M
    serve a --latency "${latency}ms" --limit-rate "$rate"
    a=$url
    serve b --latency "${latency}ms" --limit-rate "$rate"
    b=$url
    fetch "$a/?connections=8&pipeline=8" > "$work/warm"
    fetch "$b/?connections=8&pipeline=8" > "$work/warm"
    rm -f "$work"/figures.* "$work/shares"
    for _ in $(seq "$runs"); do
        for n in 15 50; do
            fetch "$a/?connections=$n&name=a" "$b/?connections=$n&name=b" >> "$work/figures.$n"
            python3 -c '
import json, sys
a, b = [server["bytes"] for server in json.load(open(sys.argv[1]))["servers"]]
print(f"{100 * abs(a - b) / (a + b):.1f}")' "$work/stats" >> "$work/shares"
        done
    done
    few=$(median < "$work/figures.15") many=$(median < "$work/figures.50")
    awk -v latency="$latency" -v rate="$rate" -v few="$few" -v many="$many" \
        -v share="$(median < "$work/shares")" 'BEGIN {
        printf "%2d ms, %s each: 2 x 15 connections %d MB/s, 2 x 50 %d MB/s: %.2f;", \
            latency, rate, few, many, many / few
        printf " the two servers differ by %.1f %% of the work\n", 2 * share }'
    stop
done

serve fine --latency 20ms --limit-rate 20M
fine=$url
serve untrusted --listen-tls 127.0.0.1:0
untrusted=$(sed -n 's,.*\(nntps://\S*\).*,\1,p' "$work/untrusted.log")
python3 - > "$work/silent" <<'PYTHON' &
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(server.accept())
PYTHON
started+=($!)
while [ ! -s "$work/silent" ]; do sleep 0.1; done
dead=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
fetch "$fine/?connections=10&pipeline=8" > "$work/warm"
rm -f "$work"/figures.*
for _ in $(seq "$runs"); do
    fetch "$fine/?connections=10" >> "$work/figures.alone"
    fetch "$fine/?connections=10" "$untrusted/?connections=10" \
        "nntp://127.0.0.1:$(cat "$work/silent")/?connections=10&name=silent" \
        "nntp://127.0.0.1:$dead/?connections=10&name=dead" >> "$work/figures.among"
done
awk -v alone="$(median < "$work/figures.alone")" -v among="$(median < "$work/figures.among")" 'BEGIN {
    printf "a server alone %d MB/s; among one that is dead, one that is silent and one that", alone
    printf " is not trusted %d MB/s: %.2f\n", among, among / alone }'
sed 's/^/    /' "$work/said"
stop

"$bin/examples/turnaround"
