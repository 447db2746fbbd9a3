#!/bin/bash
# The power is cut at random instants while a download writes to ext4. What the disk then
# holds is mounted elsewhere: nothing false may have a final name, what a journal calls
# done must be whole, and the same command run there completes the job.
#
#   tests/crash/power.sh [--cuts N] [--bin DIR]
#
# The disk is an image on an XFS with reflinks, so that a copy of it takes a millisecond
# and is all that had reached it by then, and nothing that was only in memory. Needs root,
# loop devices and mkfs.xfs; without them nothing is tested, and that is said. The mounts
# are in a namespace of their own and end with this script. DIR has the programs; else
# they are built (dev).
set -euo pipefail
cd "$(dirname "$0")/../.."

cuts=100 bin=
while [ $# -gt 0 ]; do
    case $1 in
    --cuts) cuts=$2; shift 2 ;;
    --bin) bin=$2; shift 2 ;;
    *) echo "usage: $0 [--cuts N] [--bin DIR]" >&2; exit 64 ;;
    esac
done
if [ -z "$bin" ]; then
    cargo build --bins --locked --quiet
    bin=$PWD/target/debug
fi
not_tested() {
    echo "NOT TESTED: power cuts need $1" >&2
    exit 0
}
if [ -z "${NZBPIPE_OWN_MOUNTS:-}" ]; then
    unshare -m true 2>/dev/null || not_tested "root and mounts of their own"
    command -v mkfs.xfs mkfs.ext4 >/dev/null || not_tested "mkfs.xfs and mkfs.ext4"
    NZBPIPE_OWN_MOUNTS=1 exec unshare -m --propagation private \
        "$0" --cuts "$cuts" --bin "$bin"
fi
. tests/crash/served.sh

outer=$work/outer disk=$work/disk copy=$work/copy
mkdir "$outer" "$disk" "$copy"
truncate -s 1G "$work/outer.img"
mkfs.xfs -q -m reflink=1 "$work/outer.img"
mount -o loop "$work/outer.img" "$outer" 2>/dev/null || not_tested "loop devices and XFS"
truncate -s 64M "$outer/disk.img"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$outer/disk.img"
cp --reflink=always "$outer/disk.img" "$outer/empty.img"

# 12 files of 500 KB and more in articles of 16 KB: some 3 s at this rate, so that the
# file system writes on its own account in between, too.
serve 12 500000 2M --article-size 16000

fail() { # what
    echo "FAILED: cut $cut, $arrangement, $mode: $1" >&2
    ls -lR "$copy/out" >&2
    find "$copy/out" -name '.nzbpipe-*' -exec cat {} + >&2
    exit 1
}

download() { # DIR, flags that name the server
    local dir=$1
    shift
    if [ "$arrangement" = fused ]; then
        "$bin/nzbpipe" -q "$@" -d "$dir" "$nzb"
    else
        "$bin/nzb-split" "$nzb" | "$bin/nntp-fetch" -q "$@" |
            "$bin/yenc-decode" | "$bin/seg-write" -q -d "$dir"
    fi
}

# A journal that calls a file done, which may not have its name yet.
done_is_whole() { # DIR
    local file name path
    while read -r file name; do
        path=$1/job/$name
        [ -e "$path" ] || path=$1/job/$name.${file:0:12}.part
        cmp -s "$path" "$files/job/$name" || { echo "$path is not done" >&2; return 1; }
        claims=$((claims + 1))
    done < <(find "$1" -name '.nzbpipe-*.journal' -exec awk '$1 == "done" { print $2, $5 }' {} +)
}

# Cuts while a download runs; each copy is looked at when it has ended.
cut=0 claims=0 complete=0 begun=0 run=0
while [ "$cut" -lt "$cuts" ]; do
    arrangement=$([ $((run % 2)) = 0 ] && echo fused || echo piped)
    mode=$([ $((run / 2 % 2)) = 0 ] && echo data=ordered || echo data=writeback)
    run=$((run + 1))
    cp --reflink=always "$outer/empty.img" "$outer/disk.img"
    mount -o "loop,commit=1,$mode" "$outer/disk.img" "$disk"
    download "$disk/out" "${slow[@]}" 2> "$work/err" & job=$!
    copies=0
    while kill -0 $job 2>/dev/null && [ $((cut + copies)) -lt "$cuts" ]; do
        # Somebody else syncs now and then: what was written by then is there.
        [ $((RANDOM % 2)) = 0 ] || sync -f "$disk"
        sleep "0.$(printf %03d $((RANDOM % 300)))"
        cp --reflink=always "$outer/disk.img" "$outer/cut$copies.img"
        copies=$((copies + 1))
    done
    wait $job || { cat "$work/err" >&2; fail "the download itself, exit code $?"; }
    all_there "$disk/out" || fail "the download itself"
    umount "$disk"
    for nth in $(seq 0 $((copies - 1))); do
        cut=$((cut + 1))
        mount -o "loop,$mode" "$outer/cut$nth.img" "$copy"
        if [ -d "$copy/out" ]; then
            begun=$((begun + 1))
            nothing_false "$copy/out" || fail "a wrong file under a final name"
            done_is_whole "$copy/out" || fail "a file is called done and is not"
            complete=$((complete + $(find "$copy/out" -name '*.bin' | wc -l)))
        fi
        download "$copy/out" "${fast[@]}" 2> "$work/err" || {
            cat "$work/err" >&2
            fail "exit code $? afterwards"
        }
        all_there "$copy/out" || fail "not whole afterwards"
        umount "$copy"
        rm "$outer/cut$nth.img"
    done
done
echo "$cut power cuts in $run downloads, $begun after something had reached the disk:" \
    "$complete files complete and right, $claims journal lines true, resumed each time"
