#!/bin/bash
# Runs Debian's INN (innd and nnrpd) on loopback, without installing anything: the
# packages are unpacked below DIR, and INNCONF and LD_LIBRARY_PATH point there. Ports
# are free ones; stop.sh ends what runs.
#
#   setup.sh DIR     then: . DIR/env.sh
#
# DIR/env.sh has INN_PORT, INN_TLS_PORT, INN_CA, INN_USER, INN_PASSWORD_FILE,
# INN_GROUP and as_news. Exits 77 where INN cannot run, with the reason as its last
# line on standard error, and 1 if it should have run and did not.
set -euo pipefail

[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 64; }
mkdir -p "$1"
root=$(cd "$1" && pwd -P)
etc=$root/etc/news
var=$root/data
bin=$root/usr/lib/news/bin
user=tester
group=alt.binaries.test

cannot() { printf '%s\n' "$*" >&2; exit 77; }

requirements() {
    [ "$(uname -s)" = Linux ] || cannot "INN is taken from Debian's packages, this is $(uname -s)"
    # innd refuses to run as root; root is needed to become the user news.
    [ "$(id -u)" = 0 ] || cannot "root is needed to run INN as the user news"
    local tool
    for tool in apt-get apt-cache dpkg-deb dpkg-query setpriv openssl python3; do
        command -v "$tool" >/dev/null || cannot "$tool is not there"
    done
    id news >/dev/null 2>&1 || cannot "there is no user news, as Debian has one"
    chmod 711 "$root"
    local dir=$root
    while [ "$dir" != / ]; do
        dir=$(dirname "$dir")
        as_news test -x "$dir" || cannot "the user news cannot enter $dir"
    done
}

as_news() { setpriv --reuid=news --regid=news --clear-groups --inh-caps=-all -- "$@"; }

# The two packages and those of their libraries that this machine lacks. Only the
# libraries: what else INN depends on is a mail server and cron.
unpack() {
    mkdir -p "$root/debs"
    cd "$root/debs"
    apt-cache show inn2 >/dev/null 2>&1 || apt-get -qq update >/dev/null ||
        cannot "apt-get update failed"
    download inn2 inn2-inews || { apt-get -qq update >/dev/null && download inn2 inn2-inews; } ||
        cannot "Debian's package inn2 cannot be downloaded"
    local libraries missing=() name
    libraries=$(dpkg-deb -f inn2_*.deb Pre-Depends Depends | tr ',' '\n' |
        sed -n 's/^\([A-Za-z-]*: *\)\? *\(\(lib\|zlib\)[a-z0-9.+-]*\).*/\2/p')
    # shellcheck disable=SC2086
    for name in $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances $libraries | grep '^[a-z]' | sort -u); do
        installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] || download "${missing[@]}" ||
        cannot "INN's libraries cannot be downloaded: ${missing[*]}"
    local deb
    for deb in *.deb; do dpkg-deb -x "$deb" "$root"; done
    cd /
    rm -rf "$root/debs"
}

download() { apt-get -qq -o APT::Sandbox::User=root download "$@" 2>"$root/apt.log"; }

installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

free_ports() {
    python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in held))'
}

configure() {
    mkdir -p "$etc/filter" "$var"/{db,log,run,http,tmp} \
        "$var"/spool/{articles,archive,overview,incoming/bad,incoming/tmp,outgoing}
    inn_conf >"$etc/inn.conf"
    printf 'method tradspool {\n    newsgroups: *\n    class: 0\n}\n' >"$etc/storage.conf"
    printf '/remember/:1\n*:A:never:never:never\n' >"$etc/expire.ctl"
    printf 'ME:*::\n' >"$etc/newsfeeds"
    printf 'all:*:*:drop\n' >"$etc/control.ctl"
    printf 'streaming: true\nmax-connections: 8\n' >"$etc/incoming.conf"
    local file
    for file in control.ctl.local moderators distrib.pats distributions subscriptions \
        passwd.nntp nnrpd.track; do : >"$etc/$file"; done
    readers_conf >"$etc/readers.conf"
    login
    certificate
    for file in control control.cancel junk; do echo "$file 0000000000 0000000001 n"; done \
        >"$var/db/active"
    echo "$group 0000000000 0000000001 y" >>"$var/db/active"
    printf '%s\ttests\n' "$group" >"$var/db/newsgroups"
    # makedbz wants the history it indexes to be there, be it empty.
    : >"$var/db/active.times"
    : >"$var/db/history"
    chown -R news:news "$root/etc" "$var"
    chmod 600 "$etc/key.pem" "$var/db/newsusers"
}

# Zero or off are INN's defaults that a test on a busy machine would trip over:
# connections refused by load, articles refused by size or age, silence cut at 10 s.
inn_conf() {
    cat <<CONF
mta:                 "/bin/true"
mailcmd:             /bin/true
organization:        "INN under test"
ovmethod:            tradindexed
hismethod:           hisv6
pathhost:            news.example.test
domain:              example.test
fromhost:            example.test
server:              127.0.0.1
runasuser:           news
runasgroup:          news
bindaddress:         127.0.0.1
port:                $transit_port
artcutoff:           0
maxartsize:          0
localmaxartsize:     0
nnrpdloadlimit:      0
initialtimeout:      60
clienttimeout:       600
maxconnections:      100
icdsynccount:        1
wireformat:          true
nnrpdcheckart:       true
pgpverify:           false
docancels:           none
doinnwatch:          false
htmlstatus:          false
rlimitnofile:        -1
addinjectionpostinghost: false
tlscertfile:         $etc/cert.pem
tlskeyfile:          $etc/key.pem
tlscapath:           $etc
pathnews:            $root/usr/lib/news
pathbin:             $bin
pathcontrol:         $bin/control
pathetc:             $etc
pathfilter:          $etc/filter
pathdb:              $var/db
pathrun:             $var/run
pathlog:             $var/log
pathhttp:            $var/http
pathtmp:             $var/tmp
pathspool:           $var/spool
patharticles:        $var/spool/articles
patharchive:         $var/spool/archive
pathoverview:        $var/spool/overview
pathincoming:        $var/spool/incoming
pathoutgoing:        $var/spool/outgoing
CONF
}

# Nobody may do anything before the login (480), then everything.
readers_conf() {
    cat <<CONF
auth "users" {
    hosts: "127.0.0.1, localhost"
    auth: "ckpasswd -f $var/db/newsusers"
}
access "users" {
    users: "*"
    newsgroups: "*"
    access: "RPA"
    addcanlockuser: none
}
CONF
}

# On standard input, so that no other user sees the password in a process list.
login() {
    (umask 077; openssl rand -hex 12 >"$root/password")
    printf '%s:%s\n' "$user" "$(openssl passwd -6 -stdin <"$root/password")" \
        >"$var/db/newsusers"
}

# An authority and a certificate signed by it: strict clients take no authority's
# certificate for a server's.
certificate() {
    local key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    # shellcheck disable=SC2086
    {
        openssl req -x509 $key -days 2 -subj '/CN=INN test authority' \
            -keyout "$etc/ca-key.pem" -out "$root/ca.pem"
        openssl req $key -subj /CN=localhost -keyout "$etc/key.pem" -out "$etc/request.pem"
        printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' 'basicConstraints=CA:FALSE' \
            'extendedKeyUsage=serverAuth' >"$etc/extensions"
        openssl x509 -req -in "$etc/request.pem" -CA "$root/ca.pem" -CAkey "$etc/ca-key.pem" \
            -CAcreateserial -days 2 -extfile "$etc/extensions" -out "$etc/cert.pem"
    } 2>"$root/openssl.log" || { cat "$root/openssl.log" >&2; exit 1; }
}

environment() {
    cat >"$root/env.sh" <<CONF
export INNCONF='$etc/inn.conf'
INN_BIN='$bin' INN_RUN='$var/run' INN_LIBRARIES='$root/usr/lib/news:$libraries'
INN_PORT=$port INN_TLS_PORT=$tls_port INN_CA='$root/ca.pem'
INN_USER='$user' INN_PASSWORD_FILE='$root/password' INN_GROUP='$group'
as_news() {
    setpriv --reuid=news --regid=news --clear-groups --inh-caps=-all -- \\
        env LD_LIBRARY_PATH="\$INN_LIBRARIES" "\$@"
}
CONF
}

start() {
    as_news "$bin/makedbz" -i -o -s 30000 -f "$var/db/history"
    as_news "$bin/innd" </dev/null >"$var/log/innd.out" 2>&1 || failed
    as_news "$bin/nnrpd" -D -n -4 127.0.0.1 -p "$port" </dev/null >"$var/log/nnrpd.out" 2>&1
    as_news "$bin/nnrpd" -D -n -S -4 127.0.0.1 -p "$tls_port" </dev/null \
        >"$var/log/nnrpd-tls.out" 2>&1
    local _
    for _ in $(seq 100); do
        if as_news "$bin/ctlinnd" -t 5 mode >/dev/null 2>&1 && answers "$port" &&
            answers "$tls_port"; then
            return
        fi
        sleep 0.1
    done
    failed
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

failed() {
    tail -n 20 "$var"/log/*.out >&2
    "$here/stop.sh" "$root"
    # INN logs to syslog only; `innd -d` says it on the terminal.
    echo "INN did not come up; to see why: . $root/env.sh; as_news $bin/innd -d" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd -P)
requirements
unpack
libraries=$(printf '%s:' "$root"/usr/lib/*-linux-gnu*)
read -r transit_port port tls_port < <(free_ports)
configure
environment
# Now with the libraries unpacked above.
# shellcheck source=/dev/null
. "$root/env.sh"
cd /
start
echo "INN: nntp://127.0.0.1:$INN_PORT and nntps://127.0.0.1:$INN_TLS_PORT, user $INN_USER"
