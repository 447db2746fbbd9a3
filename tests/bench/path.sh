#!/bin/bash
# The whole path against the embedded server on loopback: CPU-seconds per decoded GB,
# wall time and peak memory of each program, piped and fused, plain and TLS.
#
#   tests/bench/path.sh [--mib N] [--connections N] [--runs N] [--check]
#
# --check fails if a program takes more memory than 64 MiB and 4 MiB a connection, if
# nzbpipe takes more than 96 MiB with up to 50 connections, or if a file differs. Needs
# python3 (for the kernel's figures about each process).
set -euo pipefail
cd "$(dirname "$0")/../.."

mib=1024 connections=50 runs=1 check=
while [ $# -gt 0 ]; do
    case $1 in
    --mib) mib=$2; shift 2 ;;
    --connections) connections=$2; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --check) check=1; shift ;;
    *) echo "usage: $0 [--mib N] [--connections N] [--runs N] [--check]" >&2; exit 64 ;;
    esac
done

cargo build --release --bins --locked --quiet
bin=$PWD/target/release
rusage=$PWD/tests/bench/rusage.py
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkdir "$work/files"
head -c "${mib}M" /dev/urandom > "$work/files/data.bin"
"$bin/nntp-serve" --files "$work/files" --nzb-out "$work/nzb" \
    --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --ca-out "$work/ca.pem" \
    --servers-out "$work/ready" 2> "$work/server.log" &
server=$!
for _ in $(seq 300); do
    [ ! -e "$work/ready" ] || break
    kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
plain=$(sed -n 's,.*\(nntp://\S*\).*,\1,p' "$work/server.log")
tls=$(sed -n 's,.*\(nntps://\S*\).*,\1,p' "$work/server.log")
nzb=$work/nzb/data.bin.nzb

run() { # name, server URL
    local out=$work/out
    for name in $1; do
        rm -rf "$out"
        : > "$work/figures"
        local servers=(--cacert "$work/ca.pem" -s "$2/?connections=$connections")
        if [ "$name" = fused ]; then
            "$rusage" "$work/figures" nzbpipe "$bin/nzbpipe" -q "${servers[@]}" -d "$out" "$nzb"
        else
            "$rusage" "$work/figures" nzb-split "$bin/nzb-split" "$nzb" |
                "$rusage" "$work/figures" nntp-fetch "$bin/nntp-fetch" -q "${servers[@]}" |
                "$rusage" "$work/figures" yenc-decode "$bin/yenc-decode" |
                "$rusage" "$work/figures" seg-write "$bin/seg-write" -q -d "$out"
            # The first stages may still be writing their figures.
            while [ "$(wc -l < "$work/figures")" -lt 4 ]; do sleep 0.05; done
        fi
        cmp "$work/files/data.bin" "$out/data.bin/data.bin"
        report "$name" "${2%%:*}"
    done
}

report() { # arrangement, scheme
    awk -v arrangement="$1" -v scheme="$2" -v mib="$mib" -v limit=$((64 + 4 * connections)) \
        -v own=$((connections > 50 ? 64 + 4 * connections : 96)) -v check="$check" '
        { cpu += $2; if ($3 > wall) wall = $3; if ($4 > peak) peak = $4
          each = each sprintf("  %s %.2f s %d MiB", $1, $2, $4 / 1024)
          most = $1 == "nzbpipe" ? own : limit
          if ($4 / 1024 > most) over = over " " $1 " over " most " MiB" }
        END {
            gb = mib * 1048576 / 1e9
            printf "%-6s %-6s %6.3f CPU-s/GB %7.3f GB/s %5d MiB peak |%s\n",
                arrangement, scheme, cpu / gb, gb / wall, peak / 1024, each
            if (check != "" && over != "") { print "too much memory:" over; exit 1 }
        }' "$work/figures"
}

echo "$mib MiB in articles of 716800 bytes, $connections connections, CPU of the client only"
for _ in $(seq "$runs"); do
    run "fused piped" "$plain"
    run "fused piped" "$tls"
done
