#!/bin/bash
# How well a rate limit is kept, as octets taken from the sockets: the mean, and the
# lowest and the highest tenth of a second, all after the first second.
#
#   tests/bench/limit.sh [--seconds N] [--check]
#
# First the client of the library against a peer that sends as fast as it can, in the
# same process, where the tenths can be seen; then the programs: nntp-serve with all
# articles encoded and nzbpipe --limit-rate, by the clock and what the server says it
# sent. --check fails beyond 2 % of the mean or 1.5 of the limit in a tenth. The second
# part counts the whole run, with its beginning: 25 ms may be caught up with, and
# opening connections takes a moment.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=10 check=
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --check) check=1; shift ;;
    *) echo "usage: $0 [--seconds N] [--check]" >&2; exit 64 ;;
    esac
done

cargo build --release --bins --locked --quiet
cargo build --release --locked --quiet -p nzbpipe-nntp --example bins
bin=$PWD/target/release
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

failed=
judge() { # mean, highest tenth or 0
    [ -n "$check" ] || return 0
    awk -v mean="$1" -v highest="$2" \
        'BEGIN { exit !(mean >= 0.98 && mean <= 1.02 && highest <= 1.5) }' || {
        echo "    out of bounds"
        failed=1
    }
}

echo "in one process, $seconds s each"
for limit in 1M 10M 100M; do
    for connections in 1 8 50; do
        line=$("$bin/examples/bins" "$limit" "$connections" "$seconds")
        echo "$line"
        judge "$(sed 's/.*(\(.*\)).*/\1/' <<< "$line")" "${line##* to }"
    done
done

# TLS, so that what the line carries and what the articles have differ; the server
# counts before TLS, whose overhead is 22 octets in 16 KiB.
serve() { # MB
    rm -rf "$work"/{files,nzb,ready}
    mkdir "$work/files"
    head -c "${1}MB" /dev/urandom > "$work/files/data.bin"
    "$bin/nntp-serve" --files "$work/files" --nzb-out "$work/nzb" --cache 2G \
        --listen-tls 127.0.0.1:0 --ca-out "$work/ca.pem" --servers-out "$work/ready" \
        2> "$work/server.log" &
    server=$!
    for _ in $(seq 300); do
        [ ! -e "$work/ready" ] || break
        kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
        sleep 0.1
    done
}

echo "the programs over TLS, $seconds s each"
for limit in 1 10 100; do
    for connections in 1 8 50; do
        serve $((limit * seconds))
        rm -rf "$work/out"
        url=$(sed -n 's,.*\(nntps://\S*\).*,\1,p' "$work/server.log")
        began=$(date +%s%N)
        "$bin/nzbpipe" -q --cacert "$work/ca.pem" -s "$url/?connections=$connections" \
            --limit-rate "${limit}M" -d "$work/out" "$work/nzb/data.bin.nzb"
        ended=$(date +%s%N)
        cmp "$work/files/data.bin" "$work/out/data.bin/data.bin"
        kill "$server"
        wait "$server" || true
        server=
        # "15 articles sent, 10.33 MB", the last line of the server.
        line=$(awk -v limit="$limit" -v connections="$connections" -v ns=$((ended - began)) '
            / sent, / {
                unit["kB"] = 1e3; unit["MB"] = 1e6; unit["GB"] = 1e9
                octets = $(NF - 1) * unit[$NF] * (1 + 22 / 16384)
            }
            END {
                rate = octets / (ns / 1e9)
                printf "%12d octets/s %3d connections: mean %13.0f (%.4f)\n",
                    limit * 1e6, connections, rate, rate / limit / 1e6
            }' "$work/server.log")
        echo "$line"
        judge "$(sed 's/.*(\(.*\)).*/\1/' <<< "$line")" 0
    done
done
[ -z "$failed" ]
