#!/bin/bash
# Very many small things: 5,000 files in a million segments of 1 KiB, with 64 file
# handles. Prints rate, wall time and peak memory; --check fails above 128 MiB.
#
#   tests/bench/many.sh [--files N] [--segments N] [--bin DIR] [--check] [piped|fused]...
#
# piped: a generated stream of parts into seg-write, the writer alone. Segments of a
# hundred files at a time come in turn, so that more files are open than handles are
# allowed. fused: nzbpipe from the embedded server. Both, unless one is named; the first
# needs python3. DIR has the programs; else they are built (release).
set -euo pipefail
cd "$(dirname "$0")/../.."

files=5000 segments=200 bin='' check='' handles=64 which=()
while [ $# -gt 0 ]; do
    case $1 in
    --files) files=$2; shift 2 ;;
    --segments) segments=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    --check) check=1; shift ;;
    piped | fused) which+=("$1"); shift ;;
    *) echo "usage: $0 [--files N] [--segments N] [--bin DIR] [--check] [piped|fused]..." >&2
       exit 64 ;;
    esac
done
[ ${#which[@]} -gt 0 ] || which=(piped fused)
if [ -z "$bin" ]; then
    cargo build --release --bins --locked --quiet
    bin=$PWD/target/release
fi
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

report() { # arrangement
    awk -v arrangement="$1" -v count=$((files * segments)) -v check="$check" '
        { printf "%s: %d segments of 1 KiB, %.0f a second, %.1f s wall, %.1f CPU-s, %d MiB peak\n",
              arrangement, count, count / $3, $3, $2, $4 / 1024
          if (check != "" && $4 / 1024 > 128) { print "over 128 MiB"; exit 1 } }' "$work/figures"
}

# Every file is there with its size; the bytes of each were proven by their CRCs.
whole() { # DIR
    local found
    found=$(find "$1" -type f -name '*.bin' -size "$((segments * 1024))c" | wc -l)
    [ "$found" = "$files" ] || { echo "$found of $files files" >&2; exit 1; }
}

limited() { # NAME, command...
    : > "$work/figures"
    (ulimit -n $handles; exec "$rusage" "$work/figures" "$@")
}

piped() {
    python3 tests/bench/parts.py "$files" "$segments" |
        limited seg-write "$bin/seg-write" -q -d "$work/piped"
    whole "$work/piped"
    report "seg-write, $handles handles"
    rm -rf "$work/piped"
}

fused() {
    python3 tests/bench/parts.py "$files" "$segments" --files "$work/files/many"
    "$bin/nntp-serve" -q --files "$work/files" --nzb-out "$work/nzb" --article-size 1024 \
        --listen 127.0.0.1:0 --servers-out "$work/servers.toml" 2> "$work/server.log" &
    server=$!
    for _ in $(seq 600); do
        [ ! -e "$work/servers.toml" ] || break
        kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
        sleep 0.1
    done
    limited nzbpipe "$bin/nzbpipe" -q --servers "$work/servers.toml" -d "$work/fused" \
        "$work/nzb/many.nzb"
    whole "$work/fused"
    report "nzbpipe, $handles handles"
}

for name in "${which[@]}"; do "$name"; done
