#!/usr/bin/env python3
"""How fast a run starts and ends: milliseconds from exec to the first BODY and to the first
byte of a body, to the article on disk, and from the last byte to the exit.

    start.py [--bin DIR] [--dir DIR] [--runs N] [--rtt "0 20 50 100"] [--only NAME...]

The server is a script in this process. It is as far away as --rtt says, handshake and all:
what a client sends is not looked at before it could have arrived, and what it is sent leaves
half a round trip late. So one connection that says nothing needless sends its first BODY
after 2 round trips (2 more with a login, 1 more with TLS 1.3), and has the first byte of the
body one later. Each figure is the median, with the least in brackets. NAMEs: reach, written,
whole, huge. `written` needs strace, TLS needs openssl(1).
"""
import argparse
import asyncio
import os
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SIZE = 716800
# What is behind the round trips that cannot be saved: before BODY goes out, and its answer.
TRIPS = {"plain": 2, "login": 4, "tls": 3, "tls+login": 5}


def article(number, total, size):
    """A yEnc article, dots and all, without anything to escape."""
    line = b"The quick brown fox jumps over the lazy dog, again and again. " * 2 + b"lazy"
    raw = bytes((octet - 42) % 256 for octet in line)
    data = (raw * (size // len(raw) + 1))[:size]
    text = (line * (size // len(line) + 1))[:size]
    lines = b"\r\n".join(text[at : at + 128] for at in range(0, size, 128))
    begin = (number - 1) * size + 1
    head = f"=ybegin part={number} total={total} line=128 size={total * size} name=f.bin\r\n"
    head += f"=ypart begin={begin} end={begin + size - 1}\r\n"
    tail = f"\r\n=yend size={size} part={number} pcrc32={zlib.crc32(data):08x}\r\n.\r\n"
    lines = b"\r\n".join(b"." + l if l.startswith(b".") else l for l in lines.split(b"\r\n"))
    return head.encode() + lines + tail.encode()


def nzb(path, files, segments, size=SIZE):
    """`files` files of `segments` segments in all."""
    with open(path, "w", encoding="ascii") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        out.write('<!DOCTYPE nzb PUBLIC "-//newzBin//DTD NZB 1.1//EN" ')
        out.write('"http://www.newzbin.com/DTD/nzb/nzb-1.1.dtd">\n')
        out.write('<nzb xmlns="http://www.newzbin.com/DTD/2003/nzb">\n')
        each = segments // files
        for file in range(files):
            name = "f.bin" if files == 1 else f"job.part{file:03}.rar"
            if file > 9 * files // 10 and files > 10:
                name = f"job.vol{file:03}+10.par2"
            out.write(f'<file poster="a@b (c)" date="1700000000" subject="&quot;{name}&quot; ')
            out.write(f'yEnc (1/{each})">\n<groups><group>alt.binaries.test</group></groups>\n')
            out.write("<segments>\n")
            for number in range(1, each + 1):
                ident = f"{file:04x}{number:06x}Kq7Zt0pWvXn3RbYc{number * 2654435761 % 2**32:08x}"
                out.write(f'<segment bytes="{size * 103 // 100}" number="{number}">')
                out.write(f"{ident}@news.example.invalid</segment>\n")
            out.write("</segments>\n</file>\n")
        out.write("</nzb>\n")


class Server:
    """The far end of a line, and what it saw."""

    def __init__(self, context, bodies, rtt):
        self.context, self.bodies, self.rtt = context, bodies, rtt / 1000
        self.first_body = self.first_byte = None
        self.last_byte = {}
        self.held = rtt / 1000 + 0.15

    async def serve(self):
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self, loop), "127.0.0.1", 0)


class Connection(asyncio.Protocol):
    """One connection: a delayed line, TLS if there is a context, and NNTP behind them."""

    def __init__(self, server, loop):
        self.server, self.loop = server, loop
        self.text = b""

    def connection_made(self, transport):
        self.transport = transport
        self.began = time.monotonic()
        self.tls = None
        if self.server.context:
            self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = self.server.context.wrap_bio(self.into, self.out, server_side=True)
            self.shaken = False
        else:
            self.later(self.began + 1.5 * self.server.rtt, self.say, b"200 ready\r\n")

    def later(self, at, act, *args):
        if at <= time.monotonic():
            act(*args)
        else:
            # The loop's clock is time.monotonic().
            self.loop.call_at(at, act, *args)

    def data_received(self, data):
        rtt = self.server.rtt
        self.later(max(time.monotonic(), self.began + rtt) + rtt / 2, self.arrived, data)

    def arrived(self, data):
        if not self.tls:
            return self.understand(data)
        self.into.write(data)
        if not self.shaken:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                return self.flush()
            self.shaken = True
            self.say(b"200 ready\r\n")
        try:
            while octets := self.tls.read(65536):
                self.understand(octets)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass

    def understand(self, data):
        self.text += data
        while b"\r\n" in self.text:
            line, self.text = self.text.split(b"\r\n", 1)
            self.answer(line.upper())

    def answer(self, line):
        word = line.split(b" ")[0]
        if word == b"BODY":
            return self.body(line)
        if word == b"QUIT":
            self.say(b"205 bye\r\n")
            return self.later(time.monotonic() + self.server.rtt / 2, self.transport.close)
        words = {b"AUTHINFO": b"381 password" if b" USER " in line else b"281 welcome"}
        return self.say(words.get(word, b"500 what?") + b"\r\n")

    def body(self, line):
        server, now = self.server, time.monotonic()
        number = int(line.split(b"<")[1][4:10], 16) if b"<" in line else 0
        if server.first_body is None:
            server.first_body = now
            server.first_byte = now + server.rtt / 2
        if number not in server.bodies:
            return self.say(b"430 no\r\n")
        # All but the first come late: nobody is to wait for them.
        hold = 0 if number == 1 else server.held
        return self.later(now + hold, self.send_body, number)

    def send_body(self, number):
        # Near the end an article may be asked for twice.
        self.server.last_byte.setdefault(number, time.monotonic() + self.server.rtt / 2)
        self.say(b"222 0 body\r\n" + self.server.bodies[number])

    def say(self, data):
        if self.tls:
            self.tls.write(data)
            return self.flush()
        return self.later(time.monotonic() + self.server.rtt / 2, self.transport.write, data)

    def flush(self):
        data = self.out.read()
        if data:
            self.later(time.monotonic() + self.server.rtt / 2, self.transport.write, data)

    def connection_lost(self, _):
        pass


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.context = None
        self.bodies = {n: article(n, 3, SIZE) for n in (1, 2, 3)}
        if shutil.which("openssl"):
            self.certificate()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SSL_CERT")}
        if os.path.exists(f"{work}/ca.pem"):
            self.environment["SSL_CERT_FILE"] = f"{work}/ca.pem"

    def certificate(self):
        """A certificate, in a file together with those of the system: reading those is what
        a client without --cacert does."""
        pair = ["-keyout", f"{self.work}/key.pem", "-out", f"{self.work}/cert.pem"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "3", "-subj", "/CN=localhost"] + pair
            + ["-addext", "subjectAltName=IP:127.0.0.1"]
            + ["-addext", "basicConstraints=critical,CA:FALSE"],
            check=True, stderr=subprocess.DEVNULL,
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{self.work}/cert.pem", f"{self.work}/key.pem")
        with open(f"{self.work}/ca.pem", "wb") as out:
            for name in (f"{self.work}/cert.pem", "/etc/ssl/certs/ca-certificates.crt"):
                if os.path.exists(name):
                    out.write(open(name, "rb").read())

    async def once(self, mode, rtt, list_, wrap=(), piped=False, until_body=False):
        """One run: (exec, server, exit), times of the monotonic clock."""
        server = Server(self.context if "tls" in mode else None, self.bodies, rtt)
        listening = await server.serve()
        port = listening.sockets[0].getsockname()[1]
        scheme = "nntps" if "tls" in mode else "nntp"
        # One connection: others would take the processor from the one that is timed.
        with open(f"{self.work}/servers.toml", "w", encoding="ascii") as table:
            table.write(f'[[server]]\nhost = "127.0.0.1"\nport = {port}\n')
            table.write(f"tls = {'true' if 'tls' in mode else 'false'}\n")
            table.write(f"connections = {self.args.connections}\n")
            if "login" in mode:
                table.write('username = "u"\npassword = "p"\n')
        os.chmod(f"{self.work}/servers.toml", 0o600)
        shutil.rmtree(f"{self.work}/out", ignore_errors=True)
        flags = ["--servers", f"{self.work}/servers.toml"]
        name = lambda program: os.path.join(self.args.bin, program)
        command = [*wrap, name("nzbpipe"), "-q", *flags, "-d", f"{self.work}/out", list_]
        command.append("--no-space-check")
        fetch = [name("nntp-fetch"), "-q", *flags]
        nothing = subprocess.DEVNULL
        began = time.monotonic()
        if piped:
            split = subprocess.Popen(
                [name("nzb-split"), list_], stdout=subprocess.PIPE, env=self.environment
            )
            run = subprocess.Popen(
                fetch, stdin=split.stdout, stdout=nothing, stderr=nothing, env=self.environment
            )
            split.stdout.close()
            all_ = [split, run]
        else:
            run = subprocess.Popen(command, stdout=nothing, env=self.environment)
            all_ = [run]
        watching = asyncio.get_running_loop().run_in_executor(None, run.wait)
        if until_body:
            while server.first_body is None and not watching.done():
                await asyncio.sleep(0.002)
            for process in all_:
                process.kill()
        code = await watching
        ended = time.monotonic()
        for process in all_:
            process.wait()
        listening.close()
        if server.first_body is None or (code != 0 and not until_body):
            sys.exit(f"{command}: exit {code}, first BODY: {server.first_body}")
        return began, server, ended

    def runs(self, *args, **named):
        return [asyncio.run(self.once(*args, **named)) for _ in range(self.args.runs)]

    def modes(self):
        return [m for m in TRIPS if self.context or "tls" not in m]

    def reach(self):
        nzb(f"{self.work}/three.nzb", 1, 3)
        print(f"{'way':10} {'rtt':>5} {'BODY sent':>16} {'trips':>6} {'over':>6}"
              f" {'first byte':>16} {'trips':>6} {'over':>6} {'last byte to exit':>18}")
        for mode in self.modes():
            for rtt in self.args.rtt:
                told = self.runs(mode, rtt, f"{self.work}/three.nzb")
                half = rtt / 2000
                sent = [1000 * (s.first_body - half - b) for b, s, _ in told]
                came = [1000 * (s.first_byte - b) for b, s, _ in told]
                end = [1000 * (e - max(s.last_byte.values())) for _, s, e in told]
                trips = TRIPS[mode]
                print(f"{mode:10} {rtt:5} {show(sent):>16} {trips:6}"
                      f" {statistics.median(sent) - trips * rtt:6.1f} {show(came):>16}"
                      f" {trips + 1:6} {statistics.median(came) - (trips + 1) * rtt:6.1f}"
                      f" {show(end):>18}", flush=True)

    def written(self):
        """From an article's last byte to the write that ends in its place. With an article
        after it that is not there yet."""
        if not shutil.which("strace"):
            return print("written: no strace")
        nzb(f"{self.work}/three.nzb", 1, 3)
        trace = f"{self.work}/trace"
        wrap = ["strace", "-f", "-qq", "--seccomp-bpf", "-ttt", "-o", trace]
        wrap += ["-e", "trace=pwrite64,pwritev"]
        offset = time.time() - time.monotonic()
        late = []
        for _ in range(self.args.runs):
            _, server, _ = asyncio.run(self.once("plain", 0, f"{self.work}/three.nzb", wrap))
            writes = open(trace, encoding="utf-8", errors="replace").read().splitlines()
            stamps = [float(re.search(r"(\d+\.\d{6})", line)[1]) for line in writes if "pwrite" in line]
            late.append(1000 * (min(stamps) - offset - server.last_byte[1]))
        return print(f"first article's last byte to its write (strace): {show(late)} ms")

    def huge(self):
        for files in (1, 400):
            list_ = f"{self.work}/huge{files}.nzb"
            nzb(list_, files, 300000)
            size = os.path.getsize(list_) / 1e6
            for piped in (False, True):
                told = self.runs("plain", 0, list_, piped=piped, until_body=True)
                took = [1000 * (s.first_body - b) for b, s, _ in told]
                how = "nzb-split | nntp-fetch" if piped else "nzbpipe"
                print(f"300,000 segments in {files} files ({size:.0f} MB), {how}: {show(took)} ms",
                      flush=True)

    def whole(self):
        """Ten files of 1 MB, launch to exit, from nntp-serve."""
        os.makedirs(f"{self.work}/share/job")
        for file in range(10):
            with open(f"{self.work}/share/job/{file}.bin", "wb") as out:
                out.write(os.urandom(1000000))
        command = [os.path.join(self.args.bin, "nntp-serve"), "-q"]
        command += ["--files", f"{self.work}/share", "--nzb-out", f"{self.work}/nzb"]
        command += ["--listen", "127.0.0.1:0", "--servers-out", f"{self.work}/ready"]
        server = subprocess.Popen(command)
        try:
            while not os.path.exists(f"{self.work}/ready"):
                time.sleep(0.02)
            for where in [self.work] + self.args.dir:
                self.jobs(where)
        finally:
            server.terminate()
            server.wait()

    def jobs(self, where):
        out = tempfile.mkdtemp(dir=where)
        command = [os.path.join(self.args.bin, "nzbpipe"), "-q", "--servers", f"{self.work}/ready"]
        command += [f"{self.work}/nzb/job.nzb", "-d"]
        for name, flags in [("default flags", []), ("--sync never", ["--sync", "never"])]:
            took = []
            for _ in range(self.args.runs + 1):
                shutil.rmtree(f"{out}/d", ignore_errors=True)
                began = time.monotonic()
                subprocess.run(command + [f"{out}/d"] + flags, check=True)
                took.append(1000 * (time.monotonic() - began))
            if len(os.listdir(f"{out}/d/job")) < 10:
                sys.exit("files are missing")
            kind = subprocess.run(["stat", "-f", "-c", "%T", out], stdout=subprocess.PIPE, text=True)
            print(f"10 files of 1 MB onto {kind.stdout.strip()}, {name}: {show(took[1:])} ms", flush=True)
        shutil.rmtree(out)


def show(figures):
    return f"{statistics.median(figures):.1f} ({min(figures):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin", default=os.path.join(ROOT, "target/release"))
    parser.add_argument("--dir", action="append", default=[], help="one more file system")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rtt", default="0 20 50 100")
    parser.add_argument("--only", nargs="*", default=["reach", "written", "whole", "huge"])
    args = parser.parse_args()
    args.rtt = [int(ms) for ms in args.rtt.split()]
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args, work)
        for name in args.only:
            getattr(bench, name)()


if __name__ == "__main__":
    main()
