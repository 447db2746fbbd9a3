#!/bin/bash
# A disk that is full: a small tmpfs at many fill levels. The program says so, naming
# what it wrote and exiting 74; nothing false has a final name; and with the disk
# enlarged the same command makes everything whole.
#
#   tests/crash/full.sh [--levels N] [--bin DIR]
#
# Half of the levels are there from the beginning (then the program may also refuse to
# begin, with 73 or 74), half come about while it writes. Needs root, for a mount that
# nobody else sees and that ends with this script; without it nothing is tested, and
# that is said. DIR has the programs; else they are built (dev).
set -euo pipefail
cd "$(dirname "$0")/../.."

levels=50 bin=
while [ $# -gt 0 ]; do
    case $1 in
    --levels) levels=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    *) echo "usage: $0 [--levels N] [--bin DIR]" >&2; exit 64 ;;
    esac
done
if [ -z "$bin" ]; then
    cargo build --bins --locked --quiet
    bin=$PWD/target/debug
fi
# Mounts of a namespace of its own end with it, whatever ends this script.
if [ -z "${NZBPIPE_OWN_MOUNTS:-}" ]; then
    if ! unshare -m true 2>/dev/null; then
        echo "NOT TESTED: a full disk needs root and mounts of its own" >&2
        exit 0
    fi
    NZBPIPE_OWN_MOUNTS=1 exec unshare -m --propagation private \
        "$0" --levels "$levels" --bin "$bin"
fi
. tests/crash/served.sh

# 8 files of 60 KB and more, in articles of 7 KB.
serve 8 60000 1M --article-size 7000
disk=$work/disk
mkdir "$disk"

used() { df -B1 --output=used "$disk" | tail -1; }

fail() { # what
    echo "FAILED: level $level, $when: $1" >&2
    cat "$work/err" >&2
    ls -lR "$disk/out" >&2
    exit 1
}

# In either arrangement, into out on the disk.
download() { # flags that name the server
    if [ "$arrangement" = fused ]; then
        "$bin/nzbpipe" -q "$@" -d "$disk/out" "$nzb"
    else
        "$bin/nzb-split" "$nzb" | "$bin/nntp-fetch" -q "$@" |
            "$bin/yenc-decode" | "$bin/seg-write" -q -d "$disk/out"
    fi 2> "$work/err"
}

total=0
for file in "$files"/*/*; do total=$((total + $(stat -c %s "$file"))); done
codes=()
for nth in $(seq "$levels"); do
    arrangement=$([ $((nth % 2)) = 0 ] && echo piped || echo fused)
    when=$([ $((nth / 2 % 2)) = 0 ] && echo beforehand || echo meanwhile)
    # From next to nothing to a little too little; metadata take their own pages.
    level=$((8192 + total * nth / (levels + 1) / 4096 * 4096))
    code=0
    if [ "$when" = beforehand ]; then
        mount -t tmpfs -o size=$level none "$disk"
        download "${fast[@]}" || code=$?
    else
        mount -t tmpfs -o size=$((4 * total)) none "$disk"
        download "${slow[@]}" & job=$!
        # Once the first bytes are there, the disk shrinks to what is used and the rest
        # of the level.
        until [ "$(used)" -ge 4096 ] || ! kill -0 $job 2>/dev/null; do sleep 0.005; done
        for _ in $(seq 20); do
            now=$(used)
            goal=$((now > level ? now : level))
            mount -o remount,size=$goal "$disk" 2>/dev/null && break
        done
        wait $job || code=$?
    fi
    codes+=("$code")
    case $code,$when in
    74,*) ;;
    73,beforehand) ;;
    *) fail "exit code $code" ;;
    esac
    grep -q "$disk/out" "$work/err" || fail "the message does not name the file"
    nothing_false "$disk/out" || fail "a wrong file under a final name"
    mount -o remount,size=$((4 * total)) "$disk"
    download "${fast[@]}" || fail "exit code $? after the disk was enlarged"
    all_there "$disk/out" || fail "not whole after the disk was enlarged"
    umount "$disk"
done
printf 'disk full at %d levels of %d bytes: exit codes%s; resumed each time\n' "$levels" "$total" \
    "$(printf '%s\n' "${codes[@]}" | sort | uniq -c | awk '{ printf ", %s times %s", $1, $2 }')"
