#!/bin/bash
# The yEnc crate's tests for AArch64, run by QEMU on another machine: the NEON kernel and
# all that must hold of every kernel.
#
#   bash tests/cross/aarch64.sh [ARGUMENTS OF cargo test]
#
# Needs Debian's packages, and root to install them. The compiler is rustup's if it has the
# target, else Debian's rustc-web, which is unpacked into target/cross and not installed: it
# does not go together with other compilers. Elsewhere it says that it was skipped and why.
set -euo pipefail
cd "$(dirname "$0")/../.."

triple=aarch64-unknown-linux-gnu
cross=$PWD/target/cross
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

skipped() {
    echo "SKIPPED: AArch64: $1" >&2
    exit 0
}

installed() { # packages...: installs those that are not there
    local missing=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    [ "$(id -u)" = 0 ] || skipped "to be installed by hand: ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
        "${missing[@]}" >/dev/null || skipped "not to be had: ${missing[*]}"
}

depends() { # package, pattern: the first package that it needs and that looks so
    apt-cache depends "$1" | sed -n "s/^ *Depends: \($2\)$/\1/p" | head -n 1
}

# Unpacks Debian's compiler with the standard library for both machines.
unpacked() {
    local here std llvm root=$cross/rustc version
    here=$(dpkg --print-architecture)
    if ! dpkg --print-foreign-architectures | grep -qx arm64; then
        [ "$(id -u)" = 0 ] || skipped "by hand: dpkg --add-architecture arm64"
        dpkg --add-architecture arm64
        apt-get -qq update
    fi
    version=$(apt-cache policy rustc-web | sed -n 's/^ *Candidate: //p')
    dpkg --compare-versions "${version:-0}" ge "$oldest" ||
        skipped "neither rustup's target $triple nor a rustc-web from $oldest on"
    std=$(depends libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
    llvm=$(depends "$std" 'libllvm[0-9]*')
    rm -rf "$root" "$cross/deb"
    mkdir -p "$root" "$cross/deb"
    (cd "$cross/deb" && apt-get -qq -o APT::Sandbox::User=root download rustc-web \
        "$std:$here" "libstd-rust-web-dev:$here" libstd-rust-web-dev:arm64 "$llvm:$here") ||
        skipped "Debian's compiler cannot be downloaded"
    for package in "$cross"/deb/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -r "$cross/deb"
    local libs
    libs=$(dirname "$(find "$root/usr/lib/$(gcc -dumpmachine)" -name 'librustc_driver-*.so')")
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libs" "$root/usr/bin/rustc" \
        >"$cross/rustc.sh"
    chmod +x "$cross/rustc.sh"
}

[ "$(uname -m)" != aarch64 ] || exec cargo test -p nzbpipe-yenc --locked "$@"
command -v apt-get >/dev/null || skipped "no Debian system"
installed gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
if ! [ -d "$(rustc --print target-libdir --target $triple)" ]; then
    "$cross/rustc.sh" --version >/dev/null 2>&1 || unpacked
    export RUSTC=$cross/rustc.sh
fi
"${RUSTC:-rustc}" --version

export CARGO_TARGET_DIR=$cross/build
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu'
cargo test -p nzbpipe-yenc --locked --lib --tests --target $triple "$@"
