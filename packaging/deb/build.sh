#!/bin/bash
# Makes a Debian package of the programs, nzbpipe_VERSION_ARCHITECTURE.deb, and prints its
# path as the last line:
#
#   packaging/deb/build.sh [--out DIR] [--no-build | --clean]
#
#   --out DIR    where to put it (default: target/deb)
#   --no-build   of the programs that are in target/release, whatever they are
#   --clean      of a build of its own in target/clean, in which no path of this machine
#                is left: for a package that others get
#
# The programs run on every processor of the architecture; faster instructions are chosen
# when they start. Options that would change that (target-cpu, -march) are refused.
# The same sources, toolchain and SOURCE_DATE_EPOCH (default: the last commit) make the
# same bytes; without --clean the same cargo home is needed as well.
# The package needs the glibc of the system it is built on, or a newer one: build on the
# oldest that it is for. DEBFULLNAME and DEBEMAIL say who made it.
#
# Needs cargo, a C compiler, python3, binutils and dpkg-deb.
set -euo pipefail
export LC_ALL=C
umask 022

fail() { echo "build.sh: $*" >&2; exit 1; }
usage() { sed -n '5,10s/^# *//p' "$here/build.sh" >&2; exit 64; }

here=$(cd "$(dirname "$0")" && pwd -P)
out='' build=default
while [ $# != 0 ]; do
    case $1 in
        --out)
            [ -n "${2:-}" ] || usage
            mkdir -p "$2"
            out=$(cd "$2" && pwd -P)
            shift ;;
        --no-build) [ $build = default ] || usage; build=none ;;
        --clean) [ $build = default ] || usage; build=clean ;;
        *) usage ;;
    esac
    shift
done
cd "$here/../.."
root=$PWD
programs=(nzb-split nntp-fetch yenc-decode seg-write seg-cat nzbpipe nntp-serve)
for tool in cargo rustc python3 strip objdump dpkg dpkg-deb; do
    command -v $tool >/dev/null || fail "$tool is needed"
done

# --- the programs ---------------------------------------------------------------------

# Not `-C opt-level` and the like: those do not keep a program from running elsewhere.
pinned='target-cpu|target-feature|-march=|-mcpu=|-mtune=|-mavx|-msse|-mssse|-maes|-mbmi'

refuse_pinned() {
    local name config dir=$root
    for name in $(compgen -e); do
        case $name in
            *RUSTFLAGS | *CFLAGS* | CC | CC_* | *_CC)
                [[ ! ${!name} =~ $pinned ]] || fail "$name pins the processor: ${!name}" ;;
        esac
    done
    # Cargo reads those of all folders above, too.
    local configs=("${CARGO_HOME:-$HOME/.cargo}"/config{,.toml})
    while :; do
        configs+=("$dir"/.cargo/config{,.toml})
        [ -n "$dir" ] || break
        dir=${dir%/*}
    done
    for config in "${configs[@]}"; do
        [ ! -f "$config" ] || ! grep -Ev '^[[:space:]]*#' "$config" | grep -Eq -- "$pinned" ||
            fail "$config pins the processor"
    done
    [ -z "${CARGO_BUILD_TARGET:-}" ] || fail "CARGO_BUILD_TARGET is set; build on the architecture itself"
}

target_directory() {
    cargo metadata --format-version 1 --no-deps --locked |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

# So that neither messages of panics nor build ids tell where it was built.
build_clean() {
    local sources=${CARGO_HOME:-$HOME/.cargo}/registry/src
    env -u RUSTFLAGS \
        CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$root=/nzbpipe"$'\x1f'"--remap-path-prefix=$sources=/cargo" \
        CFLAGS="-ffile-prefix-map=$root=/nzbpipe -ffile-prefix-map=$sources=/cargo" \
        CARGO_TARGET_DIR="$1" cargo build --release --locked --bins
}

refuse_pinned
target=$(target_directory)
out=${out:-$target/deb}
case $build in
    default) cargo build --release --locked --bins ;;
    clean) target+=/clean; build_clean "$target" ;;
esac
release=$target/release
for program in "${programs[@]}"; do
    [ -x "$release/$program" ] || fail "$release/$program is not there"
done

# --- facts ----------------------------------------------------------------------------

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
architecture=$(dpkg --print-architecture)
case $architecture in
    amd64) format=elf64-x86-64 ;;
    arm64) format=elf64-littleaarch64 ;;
    *) format='' ;;
esac
[ -z "$format" ] || objdump -f "$release/nzbpipe" | grep -q "format $format" ||
    fail "the programs are not for $architecture, the architecture of this system"
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) || {
        echo "build.sh: no SOURCE_DATE_EPOCH and no git: the time of Cargo.lock is taken" >&2
        SOURCE_DATE_EPOCH=$(stat -c %Y Cargo.lock)
    }
fi
export SOURCE_DATE_EPOCH
# There is no address that takes mail for the project; .invalid (RFC 2606) says so.
maintainer="${DEBFULLNAME:-nzbpipe authors} <${DEBEMAIL:-nobody@nzbpipe.invalid}>"

# What dpkg-shlibdeps would say (test.sh compares), but the same with every version of it:
# the newest symbols of glibc that are used, and the unwinder of GCC.
depends() {
    local libraries unknown newest
    libraries=$(objdump -p "$@" | awk '$1 == "NEEDED" { print $2 }' | sort -u)
    unknown=$(grep -Ev '^(lib(c|m|dl|pthread|rt)\.so\.[0-9]|libgcc_s\.so\.1|ld-linux.*)$' <<<"$libraries") || :
    [ -z "$unknown" ] || fail "no package is known for $unknown"
    newest=$(objdump -T "$@" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
    printf 'libc6 (>= %s)' "${newest#GLIBC_}"
    [[ ! $libraries =~ libgcc_s ]] || printf ', libgcc-s1 (>= 4.2)'
}

# --- the package ----------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/nzbpipe-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tree=$work/tree
doc=$tree/usr/share/doc/nzbpipe

file() { install -D -m "$1" "$2" "$3"; } # mode, from, to
packed() { file 644 "$1" "$2"; gzip -9n "$2"; }

put_programs() {
    local program page
    for program in "${programs[@]}"; do
        file 755 "$release/$program" "$tree/usr/bin/$program"
        strip --strip-all --remove-section=.comment --remove-section=.note "$tree/usr/bin/$program"
        file 644 "completions/$program.bash" "$tree/usr/share/bash-completion/completions/$program"
        file 644 "completions/_$program" "$tree/usr/share/zsh/vendor-completions/_$program"
        file 644 "completions/$program.fish" "$tree/usr/share/fish/vendor_completions.d/$program.fish"
    done
    for page in man/*.[1-8]; do
        packed "$page" "$tree/usr/share/man/man${page##*.}/${page##*/}"
    done
}

put_documents() {
    local example
    python3 "$here/copyright.py" "$work"
    file 644 "$work/copyright" "$doc/copyright"
    packed "$work/third-party-notices" "$doc/third-party-notices"
    python3 "$here/changelog.py" "$maintainer" "$SOURCE_DATE_EPOCH" >"$work/changelog"
    packed "$work/changelog" "$doc/changelog"
    packed README.md "$doc/README.md"
    for example in packaging/systemd/* tests/demo.sh; do
        file "$([ -x "$example" ] && echo 755 || echo 644)" "$example" "$doc/examples/${example##*/}"
    done
}

# In kibibytes, as dpkg-gencontrol counts: every file rounded up, one for all else.
installed_size() {
    find "$tree" -path "$tree/DEBIAN" -prune -o -type f -printf '%s\n' -o -printf '1\n' |
        awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }'
}

put_control() {
    local size
    size=$(installed_size)
    mkdir -p "$tree/DEBIAN"
    (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$work/md5sums"
    file 644 "$work/md5sums" "$tree/DEBIAN/md5sums"
    cat >"$tree/DEBIAN/control" <<END
Package: nzbpipe
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $size
Depends: $(depends "$tree"/usr/bin/*)
Recommends: ca-certificates
Suggests: jq, par2, 7zip | p7zip-full, unrar | unrar-free
Section: net
Priority: optional
Description: small Unix programs that download binaries from Usenet
 An NZB file goes in at one end of a pipe, verified files come out at the
 other; what flows between is one line of JSON for each piece, so that jq, grep,
 tee and scripts can stand anywhere in it. Several servers, TLS, a checksum for
 every byte, and an exit code that tells the truth. No daemon, no web page.
 .
 The stages are nzb-split, nntp-fetch, yenc-decode and seg-write; nzbpipe is
 all of them in one process. seg-cat looks into a stream, and nntp-serve is a
 news server to try the others with.
END
}

put_programs
put_documents
put_control
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$out"
package=$out/nzbpipe_${version}_$architecture.deb
# One thread: what several write depends on how many there are.
DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz --build "$tree" "$package" >/dev/null
echo "$package"
