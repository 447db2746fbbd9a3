#!/bin/bash
# Ends what setup.sh started in DIR, by its pid files. The files in DIR stay.
#
#   stop.sh DIR
set -u

[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 64; }
[ -f "$1/env.sh" ] || exit 0
# shellcheck source=/dev/null
. "$1/env.sh"

# A pid file may be stale and its number be somebody else's by now: the name tells.
# In a container without an init the dead stay in the table; they do not run.
runs() { # pid, name
    [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] &&
        ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

stop() { # pid file, name
    local pid children _
    [ -s "$INN_RUN/$1" ] || return 0
    pid=$(cat "$INN_RUN/$1")
    runs "$pid" "$2" || return 0
    # nnrpd leaves its sessions, which are its children, behind.
    children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
    # shellcheck disable=SC2086
    kill "$pid" $children 2>/dev/null
    for _ in $(seq 100); do
        runs "$pid" "$2" || return 0
        sleep 0.1
    done
    kill -9 "$pid"
}

# A signal reaches innd only at the next event of its loop, which may be long.
as_news "$INN_BIN/ctlinnd" -s -t 10 shutdown stop.sh 2>/dev/null
stop "nnrpd-$INN_PORT.pid" nnrpd
stop "nnrpd-$INN_TLS_PORT.pid" nnrpd
stop innd.pid innd
