# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by the scripts beside it, which set $bin, the directory of the programs: a
# directory for the work, files in it that the embedded server offers, and what holds of
# every output whatever happened.

work=$(mktemp -d)
files=$work/files
server=()
trap 'ended' EXIT
trap 'exit 130' INT TERM

ended() {
    [ ${#server[@]} = 0 ] || kill "${server[@]}" 2>/dev/null || true
    [ ${#server[@]} = 0 ] || wait "${server[@]}" 2>/dev/null || true
    # What is mounted in the work goes with it.
    local mount
    for mount in $(awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac); do
        umount -l "$mount" || true
    done
    rm -rf "$work"
}

# Offers COUNT files of SIZE bytes and more, as one job: once at RATE, once as fast as it
# goes. Sets $nzb and the flags of a client, $slow and $fast.
serve() { # COUNT SIZE RATE, flags of nntp-serve...
    local count=$1 size=$2 rate=$3 n
    shift 3
    mkdir -p "$files/job"
    for n in $(seq "$count"); do
        head -c $((size + 1311 * n)) /dev/urandom > "$files/job/f$n.bin"
    done
    nzb=$work/nzb/job.nzb
    slow=(--servers "$work/slow.toml")
    fast=(--servers "$work/fast.toml")
    listen slow --nzb-out "$work/nzb" --total-rate "$rate" "$@"
    # The ids follow from the files: they are the same.
    listen fast "$@"
}

listen() { # NAME, flags of nntp-serve...
    local name=$1
    shift
    "$bin/nntp-serve" -q --files "$files" --listen 127.0.0.1:0 \
        --servers-out "$work/$name.toml" "$@" 2> "$work/$name.log" &
    server+=($!)
    for _ in $(seq 300); do
        [ ! -e "$work/$name.toml" ] || return 0
        kill -0 $! || break
        sleep 0.1
    done
    cat "$work/$name.log" >&2
    return 1
}

# What has its final name is right, and nothing lies in DIR but such files, unfinished
# ones and journals.
nothing_false() { # DIR
    local path name
    [ -d "$1" ] || return 0
    while IFS= read -r path; do
        name=${path##*/}
        case $name in
        *.part | .nzbpipe-*) ;;
        *) cmp -s "$path" "$files/job/$name" || { echo "$path is wrong" >&2; return 1; } ;;
        esac
    done < <(find "$1" -type f)
}

# All files are there and right, and no other but journals.
all_there() { # DIR
    local path
    nothing_false "$1" || return 1
    for path in "$files"/job/*; do
        [ -e "$1/job/${path##*/}" ] || { echo "${path##*/} is not there" >&2; return 1; }
    done
    path=$(find "$1" -name '*.part')
    [ -z "$path" ] || { echo "$path is left over" >&2; return 1; }
}
