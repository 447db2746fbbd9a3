#!/bin/bash
# nzb-split on large NZBs: time to the first segment, rate, peak memory.
#
#   tests/bench/split.sh [--check]
#
# --check fails if a 1,000,000-segment NZB takes more than 64 MiB. Times are
# printed, not judged. Needs python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

check=${1:-}
cargo build --release --bins --locked --quiet
bin=$PWD/target/release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cat > "$work/make.py" <<'PY'
import sys
files, segments, backwards = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "backwards"
out = sys.stdout
out.write('<?xml version="1.0" encoding="UTF-8"?>\n<nzb xmlns="http://www.newzbin.com/DTD/2003/nzb">\n')
for f in range(files):
    out.write(f'<file poster="p &lt;p@example.com&gt;" date="1700000000" subject="[{f+1}/{files}] &quot;file{f}.rar&quot; yEnc (1/{segments})">\n'
              '<groups><group>alt.binaries.test</group></groups>\n<segments>\n')
    order = range(segments, 0, -1) if backwards else range(1, segments + 1)
    for n in order:
        out.write(f'<segment bytes="739000" number="{n}">Part{n}of{segments}.{f:08X}{n:08X}@news.example.com</segment>\n')
    out.write('</segments>\n</file>\n')
out.write('</nzb>\n')
PY

cat > "$work/first.py" <<'PY'
import subprocess, sys, time
began = time.monotonic()
split = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
for line in split.stdout:
    if b'"type":"segment"' in line:
        break
print(f"{(time.monotonic() - began) * 1000:.0f}", end="")
split.kill()
PY

measure() { # label, files, segments a file, order, how it is read
    local nzb=$work/x.nzb
    python3 "$work/make.py" "$2" "$3" "$4" > "$nzb"
    case $5 in
    file) set -- "$@" "$nzb" ;;
    gzip) gzip -1 -f -k "$nzb"; set -- "$@" "$nzb.gz" ;;
    esac
    local first
    first=$(python3 "$work/first.py" "$bin/nzb-split" "$6")
    : > "$work/figures"
    tests/bench/rusage.py "$work/figures" split "$bin/nzb-split" "$6" > /dev/null
    awk -v label="$1" -v first="$first" -v n=$(($2 * $3)) -v check="$check" '
        { printf "%-34s first segment %4d ms  %8.0f segments/s  %3d MiB peak\n",
              label, first, n / $3, $4 / 1024
          if (check != "" && $4 / 1024 > 64) { print "over 64 MiB"; exit 1 } }' "$work/figures"
}

measure "300,000 in 300 files" 300 1000 forwards file
measure "300,000 in 300 files, gzip" 300 1000 forwards gzip
measure "1,000,000 in 100 files" 100 10000 forwards file
measure "1,000,000 in 1 file" 1 1000000 forwards file
measure "1,000,000 in 1 file, backwards" 1 1000000 backwards file
