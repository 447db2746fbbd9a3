#!/bin/sh
# Shows the whole thing on this machine alone, in a few seconds after the build:
# builds the programs, starts a news server with TLS and login on loopback, downloads
# from it with the pipeline of four programs and with nzbpipe, and compares.
#
#   sh tests/demo.sh
#   sh tests/demo.sh --programs DIR     # with those of DIR; builds nothing
#
# Needs cargo and a C compiler if it builds. Uses free ports, writes to target/ and one
# temporary directory, and leaves neither a process nor a file behind, however it ends.
set -eu

say() { printf '%s\n' "$@"; }
fail() { say "" "demo: $*" >&2; exit 1; }
heading() { printf '\n== %s\n' "$*"; }

programs=''
if [ $# = 2 ] && [ "$1" = --programs ] && [ -x "$2/nzbpipe" ]; then
    programs=$(cd "$2" && pwd)
elif [ $# != 0 ]; then
    say "usage: sh demo.sh [--programs DIR]     DIR has nzbpipe and the others" >&2
    exit 64
fi
cd "$(dirname "$0")/.."

# Prints a command as one would type it, then runs it.
run() {
    printf '\n$ %s\n' "$1"
    eval "$1"
}

work='' server=''
cleanup() {
    trap '' HUP INT PIPE TERM
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || :
        wait "$server" 2>/dev/null || :
    fi
    [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# --- what is needed, and the build ------------------------------------------------------

prepare() {
    heading "1 of 5: checking cargo and the C compiler"

    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null 2>&1 || fail "cargo is not here. It is needed in version $wanted or later:
  install it from https://rustup.rs (Debian 13, Ubuntu: apt install rustup; then: rustup default stable)"
    found=$(cargo --version | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
    if [ "${found%%.*}" -lt "${wanted%%.*}" ] ||
        { [ "${found%%.*}" -eq "${wanted%%.*}" ] && [ "${found#*.}" -lt "${wanted#*.}" ]; }; then
        fail "cargo $found is too old, $wanted or later is needed.
  With rustup: rustup update stable. A distribution's cargo is often older: https://rustup.rs"
    fi

    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$work/try.c"
    ${CC:-cc} -o "$work/try" "$work/try.c" 2>/dev/null || fail "there is no working C compiler (${CC:-cc}).
The TLS library needs one. To get it:
  Debian, Ubuntu   apt install build-essential
  Fedora           dnf install gcc
  Arch             pacman -S base-devel
  Alpine           apk add build-base
  FreeBSD          it is part of the system
  macOS            xcode-select --install"
    rm "$work/try" "$work/try.c"
    say "cargo $found and ${CC:-cc}: good"
}

build() {
    heading "2 of 5: building the programs (the first time takes some minutes)"
    run "cargo build --release --locked --bins"
    PATH=$(cargo metadata --format-version 1 --no-deps --locked |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release:$PATH
}

work=$(mktemp -d "${TMPDIR:-/tmp}/nzbpipe-demo.XXXXXX")
if [ -n "$programs" ]; then
    heading "1 and 2 of 5: left out, the programs are in $programs"
    PATH=$programs:$PATH
else
    prepare
    build
fi

# --- a news server --------------------------------------------------------------------

heading "3 of 5: starting a news server, with some files to offer"
# Nothing of the user's own configuration is read or written.
export XDG_CONFIG_HOME="$work/config"
unset NZBPIPE_PASSWORD
umask 077
mkdir -p "$work/files/holiday" "$XDG_CONFIG_HOME/nzbpipe" "$work/piped" "$work/fused"
head -c 5000000 /dev/urandom >"$work/files/holiday/film.mkv"
head -c 1234567 /dev/urandom >"$work/files/holiday/the view from the hill.jpg"
say "Wish you were here." >"$work/files/holiday/card.txt"
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/password"

run "cd \"$work\""
server_command="nntp-serve --files files --nzb-out . --article-size 100000 \\
    --listen-tls 127.0.0.1:0 --ca-out ca.pem --user demo --password-file password \\
    --servers-out config/nzbpipe/servers.toml"
printf '\n$ %s &\n' "$server_command"
eval "$server_command 2>server.log &"
server=$!
tries=300
until [ -e config/nzbpipe/servers.toml ]; do
    tries=$((tries - 1))
    if [ $tries = 0 ] || ! kill -0 "$server" 2>/dev/null; then
        cat server.log >&2
        fail "the news server did not start"
    fi
    sleep 0.1 2>/dev/null || sleep 1
done
cat server.log
mv holiday.nzb x.nzb
say "" "It cuts its files into articles and wrote an NZB, the list of them: x.nzb"
say "It also wrote the file that tells the other programs where it is and how to log in:"
run "grep -v password config/nzbpipe/servers.toml"

# --- download, twice ------------------------------------------------------------------

heading "4 of 5: downloading, with the four programs and with the one that fuses them"
run "cd \"$work/piped\""
run "nzb-split ../x.nzb | nntp-fetch | yenc-decode | seg-write" ||
    fail "the pipeline ended with exit code $?"
run "cd \"$work\""
run "nzbpipe x.nzb -d fused" || fail "nzbpipe ended with exit code $?"

# --- compare --------------------------------------------------------------------------

heading "5 of 5: comparing the SHA-256 of what the server has with what was downloaded"
if command -v sha256sum >/dev/null 2>&1; then
    hash() { sha256sum <"$1"; }
elif command -v shasum >/dev/null 2>&1; then
    hash() { shasum -a 256 <"$1"; }
else
    hash() { openssl dgst -sha256 -r <"$1"; }
fi
short() { hash "$1" | cut -c 1-16; }

different=0
printf '%-16s  %-16s  %-16s\n' server "four programs" nzbpipe
for original in files/holiday/*; do
    name=${original##*/}
    piped=piped/x/$name
    fused=fused/x/$name
    for copy in "$piped" "$fused"; do
        [ -f "$copy" ] || fail "$copy was not downloaded"
        [ "$(hash "$original")" = "$(hash "$copy")" ] || different=$((different + 1))
    done
    printf '%s  %s  %s  %s\n' "$(short "$original")" "$(short "$piped")" "$(short "$fused")" "$name"
done
[ $different = 0 ] || fail "$different copies differ from the server's files. This is a bug, please report it"

cat <<'END'

All files came back exactly as the server has them, both ways: over an encrypted
connection, after a login, cut into articles, encoded, fetched, decoded, checked and
put together again.
END
[ -n "$programs" ] || cat <<'END'

To install the programs (to ~/.cargo/bin):

  cargo install --locked --path .
END
cat <<'END'

Then, with an account at a news provider:

  umask 077
  mkdir -p ~/.config/nzbpipe
  nntp-fetch --example-servers > ~/.config/nzbpipe/servers.toml
  ${EDITOR:-vi} ~/.config/nzbpipe/servers.toml
  nzb-split x.nzb | nntp-fetch | yenc-decode | seg-write -d ~/Downloads

README.md has more. The manual is nzbpipe(7), before it is installed: man -l man/nzbpipe.7
END
