#!/bin/bash
# The programs against a news server that nobody here wrote: Debian's INN on loopback.
# Files posted by independent code (post.py) must come back byte for byte, piped and
# fused, plain, over TLS, after STARTTLS and compressed; a wrong password, an untrusted
# certificate and a missing article must end as documented, and --check must see INN as
# it is.
#
#   bash tests/inn/inn.sh
#
# Needs Linux with Debian's packages, root (see setup.sh) and python3. Elsewhere it
# says that it was skipped and why; with CI=true that is an error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
cd "$here/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/nzbpipe-inn.XXXXXX")
# mktemp closes it to all other users, and INN runs as one.
chmod 711 "$work"
cleanup() {
    trap '' INT TERM HUP
    "$here/stop.sh" "$work/inn"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

code=0
"$here/setup.sh" "$work/inn" 2>"$work/setup.log" || code=$?
if [ $code = 77 ] && [ "${CI:-}" != true ]; then
    echo "SKIPPED: INN test: $(tail -n 1 "$work/setup.log")"
    exit 0
elif [ $code != 0 ]; then
    echo "INN could not be set up:" >&2
    cat "$work/setup.log" >&2
    exit 1
fi
# shellcheck source=/dev/null
. "$work/inn/env.sh"

cargo build --release --locked --quiet --bins
PATH=$PWD/target/release:$PATH
cd "$work"
# The user's own server file and password must not matter.
export XDG_CONFIG_HOME=$work/config
unset NZBPIPE_PASSWORD

passed=0 failed=0
check() { # what, command...
    local what=$1
    shift
    if "$@" >"$work/why" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
        sed 's/^/        /' "$work/why" "$work/log"
    fi
}

# Runs a download in one of the two arrangements; the exit code is in $status, what
# the programs said in $work/log, their records in $work/records.
download() { # piped|fused, NZB, directory, flags of the fetching program...
    local how=$1 nzb=$2 dir=$3
    shift 3
    status=0
    case $how in
    piped) (set +o pipefail
        nzb-split "$nzb" | nntp-fetch "$@" | yenc-decode | seg-write -d "$dir" --json) ;;
    fused) nzbpipe "$@" -d "$dir" --json "$nzb" ;;
    esac >"$work/records" 2>"$work/log" </dev/null || status=$?
}

ended_with() { echo "exit code $status, expected $1"; [ "$status" = "$1" ]; }

# The journal stays, so that another run fetches nothing.
same_files() { diff -r --exclude=".nzbpipe-*.journal" "$work/files" "$1"; }

# INN keeps 8-bit names and dots at line starts; the sizes make articles of all kinds:
# full, short last and single.
mkdir files config
head -c 6000000 /dev/urandom >files/film.mkv
head -c 1500001 /dev/urandom >'files/Größe, naïve & «ж» 1.bin'
head -c 300000 /dev/urandom >files/single.bin
# All bytes that yEnc turns into dots at the start of each line.
head -c 1048576 /dev/zero | tr '\0' '\004' >files/dots.dat

"$here/post.py" --port "$INN_PORT" --user "$INN_USER" --password-file "$INN_PASSWORD_FILE" \
    --group "$INN_GROUP" --nzb "$work/x.nzb" files/*
articles=$(grep -c '<segment ' x.nzb)
echo "INN has $articles articles of $(find files -type f | wc -l) files"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj '/CN=another authority' -keyout other-key.pem -out other.pem 2>openssl.log

login="$INN_USER@127.0.0.1"
keys="/?connections=4&password_file=$INN_PASSWORD_FILE"
for how in piped fused; do
    download $how x.nzb "plain-$how" -s "nntp://$login:$INN_PORT$keys"
    check "$how, plain: exit code 0" ended_with 0
    check "$how, plain: all bytes are the same" same_files "plain-$how/x"

    download $how x.nzb "tls-$how" -s "nntps://$login:$INN_TLS_PORT$keys" --cacert "$INN_CA"
    check "$how, TLS: exit code 0" ended_with 0
    check "$how, TLS: all bytes are the same" same_files "tls-$how/x"

    # Not the system's authorities, of which a small system has none.
    SSL_CERT_FILE=$work/other.pem download $how x.nzb "untrusted-$how" -s "nntps://$login:$INN_TLS_PORT$keys"
    check "$how, TLS without the authority: refused (77)" ended_with 77

    NZBPIPE_PASSWORD=wrong download $how x.nzb "wrong-$how" -s "nntp://$login:$INN_PORT"
    check "$how, wrong password: refused (77)" ended_with 77
done

# What `nntp-fetch --check` says of INN, each way it can be reached.
looked() { # name, lines of the server file...
    local name=$1
    shift
    {
        printf '[[server]]\nname = "%s"\nhost = "127.0.0.1"\nconnections = 4\n' "$name"
        printf 'username = "%s"\npassword_file = "%s"\n' "$INN_USER" "$INN_PASSWORD_FILE"
        printf '%s\n' "$@"
    } >"$name.toml"
    status=0
    nntp-fetch --check -v --servers "$name.toml" >"$name.check" 2>"$work/log" || status=$?
}
told() { # file, patterns...
    local file=$1 pattern
    shift
    cat "$file"
    for pattern in "$@"; do grep -qE "$pattern" "$file" || { echo "not there: $pattern"; return 1; }; done
    ! grep -qF "$(cat "$INN_PASSWORD_FILE")" "$file" "$work/log"
}
ca="cacert = \"$INN_CA\""
looked clear "port = $INN_PORT" 'tls = false'
check "--check, plain: exit code 0" ended_with 0
check "--check, plain: what it says" told clear.check '^clear +ok .*no TLS, logged in, .* ms there' \
    '4 connections' 'The password goes in the clear' 'greeting: 200' 'capabilities: .*READER' \
    'requests sent ahead: yes'
looked sealed "port = $INN_TLS_PORT" "$ca"
check "--check, TLS: exit code 0" ended_with 0
check "--check, TLS: what it says" told sealed.check \
    '^sealed +ok .*TLS 1\.[23], certificate until 20[0-9-]+, logged in' '4 connections' \
    'certificate: of localhost, from INN test authority'
looked upgraded "port = $INN_PORT" 'tls = "starttls"' "$ca"
check "--check, STARTTLS: exit code 0" ended_with 0
check "--check, STARTTLS: what it says" told upgraded.check \
    '^upgraded +ok .*TLS 1\.[23], certificate until' '4 connections'
looked compressed "port = $INN_PORT" 'tls = false' 'compress = true'
check "--check, COMPRESS: exit code 0" ended_with 0
check "--check, COMPRESS: what it says" told compressed.check '^compressed +ok ' 'compressed: yes'

# One that sizes its windows itself tells what they came to.
windows() {
    cat stats.json
    python3 - <<'PY'
import json
server = json.load(open("stats.json"))["servers"][0]
assert server["rtt_ms"] > 0, server
assert server["bodies"] > 0 and server["allowed"] == 4, server
assert not any(server["errors"].values()), server
PY
    grep '"type":"progress"' bodies.rec | head -n 3
    grep -a '"type":"progress"' bodies.rec | grep -aqE '"window":[0-9.]*[1-9]'
}
for way in clear sealed upgraded compressed; do
    for how in piped fused; do
        download $how x.nzb "$way-$how" --servers "$way.toml" --stats stats.json
        check "$how, $way by the server file: exit code 0" ended_with 0
        check "$how, $way by the server file: all bytes are the same" same_files "$way-$how/x"
    done
done
status=0
nzb-split x.nzb | nntp-fetch --servers clear.toml --stats stats.json --limit-rate 4M \
    >bodies.rec 2>"$work/log" || status=$?
check "windows of their own size: exit code 0" ended_with 0
check "windows of their own size: told in progress and --stats" windows

# Whole articles have the header that INN keeps, and the decoder takes them.
status=0
nzb-split x.nzb | nntp-fetch --article --servers sealed.toml >articles.rec 2>"$work/log" ||
    status=$?
check "--article: exit code 0" ended_with 0
has_headers() {
    local heads
    heads=$(grep -ac '^Message-ID: <' articles.rec)
    echo "$heads of $articles headers"
    [ "$heads" = "$articles" ] && [ "$(grep -ac '"type":"article"' articles.rec)" = "$articles" ] &&
        grep -aq '^Path: .*news\.example\.test' articles.rec
}
check "--article: a header in each" has_headers
status=0
yenc-decode <articles.rec 2>"$work/log" | seg-write -d whole >/dev/null 2>>"$work/log" || status=$?
check "--article: decoded, exit code 0" ended_with 0
check "--article: all bytes are the same" same_files whole/x

# An article that INN had and has no more: the second of film.mkv.
gone=$(python3 -c 'import re, sys
film = sys.stdin.read().split("film.mkv", 1)[1]
print(re.findall(r">([^<>\s]+)</segment>", film)[1])' <x.nzb)
as_news "$INN_BIN/ctlinnd" -s cancel "<$gone>"

# Of film.mkv all is there but the bytes of that article, which are zeros.
hole_in_place() {
    local part=("$1"/x/film.mkv.*.part)
    [ ! -e "$1/x/film.mkv" ] && [ -f "${part[0]}" ] &&
        cmp "${part[0]}" <(head -c 500000 files/film.mkv; head -c 500000 /dev/zero
            tail -c +1000001 files/film.mkv)
}
names_the_article() {
    cat records
    grep '"type":"missing"' records | grep -qF "\"id\":\"$gone\""
}
others_complete() {
    local file
    for file in files/*; do
        [ "$file" = files/film.mkv ] || cmp "$file" "$1/x/${file##*/}" || return
    done
}
for how in piped fused; do
    download $how x.nzb "missing-$how" -s "nntp://$login:$INN_PORT$keys"
    check "$how, missing article: exit code 1" ended_with 1
    check "$how, missing article: named in a record" names_the_article
    check "$how, missing article: a hole in its place" hole_in_place "missing-$how"
    check "$how, missing article: other files complete" others_complete "missing-$how"
done

echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
