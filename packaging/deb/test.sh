#!/bin/bash
# Tests a package that build.sh made: what is in it, that all programs work, also on a
# processor with nothing but the least of the architecture, and that it goes without a
# trace.
#
#   packaging/deb/test.sh [--same-as DIR] [--system] PACKAGE.deb
#
#   --same-as DIR   its programs must be those of DIR, stripped: they are as fast then
#   --system        also install it with apt-get, and remove it again (as root)
#
# Installs into a temporary root; only --system touches the system, and not if nzbpipe is
# installed there. Needs man and, for amd64, qemu-user; installs them as root, is skipped
# in part without them; with CI=true that is an error.
#
# shellcheck disable=SC2015 # what comes after || ends the script
set -euo pipefail
export LC_ALL=C
umask 022
PATH=$PATH:/usr/sbin:/sbin

same_as='' system='' package=''
usage() { sed -n '6,9s/^# *//p' "$0" >&2; exit 64; }
while [ $# != 0 ]; do
    case $1 in
        --same-as) [ -x "${2:-}/nzbpipe" ] || usage; same_as=$(cd "$2" && pwd -P); shift ;;
        --system) system=yes ;;
        -*) usage ;;
        *) [ -z "$package" ] && [ -f "$1" ] || usage; package=$(realpath "$1") ;;
    esac
    shift
done
[ -n "$package" ] || usage

work=$(mktemp -d "${TMPDIR:-/tmp}/nzbpipe-deb-test.XXXXXX")
server=''
cleanup() {
    trap '' HUP INT TERM
    stop_server
    rm -rf "$work"
}
stop_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    server=''
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { echo "FAILED  $*" >&2; exit 1; }
ok() { echo "ok      $*"; }
skip() {
    [ "${CI:-}" != true ] || fail "$* (not to be skipped with CI=true)"
    echo "SKIPPED $*"
}

root=$work/root
bin=$root/usr/bin
examples=$root/usr/share/doc/nzbpipe/examples
architecture=$(dpkg-deb -f "$package" Architecture)
version=$(dpkg-deb -f "$package" Version)
# Nothing of the user's own configuration is read or written.
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
unset NZBPIPE_PASSWORD NZBPIPE_YENC_KERNEL

tools() {
    local missing=()
    command -v man >/dev/null || missing+=(man-db)
    [ "$architecture" != amd64 ] || command -v qemu-x86_64 >/dev/null || missing+=(qemu-user)
    if [ ${#missing[@]} != 0 ] && [ "$(id -u)" = 0 ]; then
        apt-get -qq update
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
            "${missing[@]}" >/dev/null
    fi
}

# --- what is in it --------------------------------------------------------------------

dpkg_there() {
    dpkg --root="$root" --log=/dev/null --force-not-root --force-depends --path-include='*' \
        "$@" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg $*"; }
}

install_there() {
    mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
    touch "$root"/var/lib/dpkg/{status,available}
    dpkg_there --install "$package"
    (cd "$root" && md5sum --quiet -c var/lib/dpkg/info/nzbpipe.md5sums)
    [ "$(find "$root/usr" -type f | wc -l)" = "$(wc -l <"$root/var/lib/dpkg/info/nzbpipe.md5sums")" ] ||
        fail "a file is not in md5sums"
    ok "installed, with the right sums"
}

documents() {
    local program page share=$root/usr/share
    for program in "$bin"/*; do
        program=${program##*/}
        [ -s "$share/bash-completion/completions/$program" ] &&
            [ -s "$share/zsh/vendor-completions/_$program" ] &&
            [ -s "$share/fish/vendor_completions.d/$program.fish" ] ||
            fail "$program lacks a completion"
    done
    for page in copyright changelog.gz README.md.gz third-party-notices.gz; do
        [ -s "$share/doc/nzbpipe/$page" ] || fail "no $page"
    done
    grep -q '^Files: vendor/rustls-[0-9]' "$share/doc/nzbpipe/copyright" || fail "the crates are not in copyright"
    command -v man >/dev/null || { skip "manual pages: no man"; return; }
    for page in $(basename -a "$bin"/*) '7 nzbpipe' '5 nzbpipe-records' '5 nzbpipe-servers'; do
        # shellcheck disable=SC2086 # section and name
        man -M "$share/man" -w $page >/dev/null || fail "man does not find $page"
    done
    ok "completions, documents and manual pages"
}

dependencies() {
    local said
    if command -v dpkg-shlibdeps >/dev/null; then
        mkdir -p "$work/shlibs/debian"
        printf 'Source: nzbpipe\n\nPackage: nzbpipe\nArchitecture: any\n' >"$work/shlibs/debian/control"
        said=$(cd "$work/shlibs" && dpkg-shlibdeps -O "$bin"/* 2>"$work/shlibs.log") ||
            { cat "$work/shlibs.log" >&2; fail dpkg-shlibdeps; }
        [ "${said#shlibs:Depends=}" = "$(dpkg-deb -f "$package" Depends)" ] ||
            fail "Depends is not what dpkg-shlibdeps says: $said"
        ok "Depends as by dpkg-shlibdeps: ${said#*=}"
    fi
    if command -v lintian >/dev/null; then
        lintian --allow-root --fail-on error,warning "$package" || fail lintian
        ok lintian
    fi
}

same_programs() {
    local program
    for program in "$bin"/*; do
        strip --strip-all --remove-section=.comment --remove-section=.note \
            -o "$work/stripped" "$same_as/${program##*/}"
        cmp "$work/stripped" "$program" || fail "${program##*/} is not the one of $same_as"
    done
    ok "the programs are those of $same_as"
}

# --- what it does ---------------------------------------------------------------------

answers() { # folder with programs
    local program name
    for program in "$1"/*; do
        name=${program##*/}
        [ "$("$program" --version)" = "$name $version" ] || fail "$name --version: $("$program" --version)"
        "$program" --help | grep -q '^Usage: ' || fail "$name --help"
    done
}

start_server() { # folder with programs, where to write
    "$1/nntp-serve" --files "$work/files" --nzb-out "$2" --listen 127.0.0.1:0 \
        --servers-out "$2/servers.toml" 2>"$2/server.log" &
    server=$!
    local tries=600
    until [ -e "$2/servers.toml" ]; do
        tries=$((tries - 1))
        [ $tries != 0 ] && kill -0 "$server" 2>/dev/null || { cat "$2/server.log" >&2; fail "no server"; }
        sleep 0.1
    done
}

# Prints the kernels that nzbpipe and yenc-decode say they took.
plain() { # folder with programs, name of the run
    local at=$work/$2 copy
    mkdir -p "$at"
    start_server "$1" "$at"
    "$1/nzbpipe" -v --servers "$at/servers.toml" -d "$at/fused" "$at/film.mkv.nzb" 2>"$at/fused.log" ||
        { cat "$at/fused.log" >&2; fail "$2: nzbpipe"; }
    "$1/nzb-split" "$at/film.mkv.nzb" | "$1/nntp-fetch" --servers "$at/servers.toml" |
        "$1/yenc-decode" -v 2>"$at/piped.log" | "$1/seg-write" -q -d "$at/piped" ||
        fail "$2: the pipeline"
    for copy in fused piped; do
        cmp "$work/files/film.mkv" "$at/$copy/film.mkv/film.mkv" || fail "$2: $copy"
    done
    kernels=$(sed -n 's/.*(kernel \([a-z0-9]*\)).*/\1/p' "$at/fused.log" "$at/piped.log" | sort -u | xargs)
    # The example for timers, with the same server.
    mkdir -p "$at/nzb" "$XDG_CONFIG_HOME/nzbpipe"
    cp "$at/servers.toml" "$XDG_CONFIG_HOME/nzbpipe/servers.toml"
    cp "$at/film.mkv.nzb" "$at/nzb/"
    PATH=$1:$PATH "$examples/nzbpipe-watch" "$at/nzb" "$at/watched" || fail "$2: nzbpipe-watch"
    [ -e "$at/nzb/done/film.mkv.nzb" ] && cmp "$work/files/film.mkv" "$at/watched/film.mkv/film.mkv" ||
        fail "$2: nzbpipe-watch"
    rm -r "${XDG_CONFIG_HOME:?}"
    stop_server
}

works() { # folder with programs, name of the run
    answers "$1"
    sh "$examples/demo.sh" --programs "$1" >"$work/demo.log" 2>&1 ||
        { cat "$work/demo.log" >&2; fail "$2: demo"; }
    plain "$1" "$2"
    ok "$2: --version, --help, demo with TLS, plain, nzbpipe-watch; kernel $kernels"
}

# All programs under an emulator that has what every amd64 has, and SSE3: no SSSE3, AVX,
# AES-NI. That it refuses the rest is tried first.
baseline() {
    local program emulator=(qemu-x86_64 -cpu qemu64) wrapped=$work/baseline-bin
    [ "$architecture" = amd64 ] || { skip "the least processor: only for amd64"; return; }
    command -v qemu-x86_64 >/dev/null || { skip "the least processor: no qemu-x86_64"; return; }
    if command -v cc >/dev/null; then
        for program in 'pshufb %%xmm0, %%xmm1' 'vpxor %%xmm0, %%xmm0, %%xmm1' 'aesenc %%xmm0, %%xmm1'; do
            echo "int main(void) { __asm__ volatile(\"$program\" : : : \"xmm1\"); return 0; }" |
                cc -x c -o "$work/canary" -
            ! { (ulimit -c 0; "${emulator[@]}" "$work/canary"); } 2>/dev/null ||
                fail "the emulator lets ${program%% *} through; the test means nothing"
        done
    fi
    mkdir "$wrapped"
    for program in "$bin"/*; do
        printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${emulator[*]}" "$program" >"$wrapped/${program##*/}"
        chmod 755 "$wrapped/${program##*/}"
    done
    works "$wrapped" baseline
    [ "$kernels" = sse2 ] || fail "baseline: kernel $kernels, not sse2"
}

native() {
    works "$bin" native
    # Otherwise nothing is chosen at run time.
    [ "$architecture" != amd64 ] || ! grep -qw avx2 /proc/cpuinfo || [[ $kernels =~ ^avx ]] ||
        fail "native: kernel $kernels, though there is AVX2"
}

# --- how it goes ----------------------------------------------------------------------

purge_there() {
    local left
    dpkg_there --purge nzbpipe
    left=$(find "$root" -mindepth 1 -not -path "$root/var*")
    [ -z "$left" ] || fail "left after purge: $left"
    ok "purge leaves nothing"
}

on_the_system() {
    local files left=()
    [ "$(id -u)" = 0 ] || { skip "apt-get: not root"; return; }
    ! dpkg -s nzbpipe >/dev/null 2>&1 || { skip "apt-get: nzbpipe is installed here"; return; }
    # From here: what _apt may read.
    install -D -m 644 "$package" "$work/apt/${package##*/}"
    chmod 755 "$work" "$work/apt"
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
        "$work/apt/${package##*/}" >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "apt-get install"; }
    mapfile -t files < <(dpkg -L nzbpipe)
    [ "$(/usr/bin/nzbpipe --version)" = "nzbpipe $version" ] || fail "/usr/bin/nzbpipe"
    apt-get -qq -y purge nzbpipe >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; fail "apt-get purge"; }
    local file
    for file in "${files[@]}"; do
        [ -d "$file" ] && [[ $file != *nzbpipe* ]] || [ ! -e "$file" ] || left+=("$file")
    done
    [ ${#left[@]} = 0 ] || fail "left after purge: ${left[*]}"
    ok "apt-get install and purge"
}

tools
install_there
documents
dependencies
[ -z "$same_as" ] || same_programs
mkdir "$work/files"
head -c 3000000 /dev/urandom >"$work/files/film.mkv"
native
baseline
purge_there
[ -z "$system" ] || on_the_system
