#!/usr/bin/env python3
"""Compares the programs with sabctools, both ways. See oracle.sh.

    oracle.py [SEED]

Articles are made here from a seed, which is printed; the program that fails and what
it was given are left in a folder that is named.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib

import sabctools

VARIABLE = "NZBPIPE_YENC_KERNEL"
# What both take the same way. Left out is where they are known to differ on what no
# encoder writes: "=" before CR or LF, dots after a bare LF, "=y" at a line's start.
TOKENS = [
    b"\r\n", b"\r\n..", b"\r\n...", b"\r\n.a", b"\r\n\r\n", b"\r\n..\r\n", b"\r\r\n", b"\rk",
    b"\nk", b"\n\nk", b"\0", b"\t", b" ", b".", b"=y", b"==", b"===k", b"=.", b"=@", b"=}",
    b"=J", b"=M", b"=\0", b"=\xff", b"\r\n=n", b"\r\n.=nk", b"a\rb\rc", b"yend", b"\xff\xfe",
]  # fmt: skip


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
    print(f"sabctools {sabctools.__version__} ({sabctools.simd}), seed {seed}", flush=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="nzbpipe-oracle."))
    rng = random.Random(seed)
    articles = [encoded(rng, number) for number in range(200)]
    articles += [malformed(rng, number) for number in range(200, 500)]
    files = make_files(rng, work / "files")
    for kernel in kernels():
        decode(kernel, articles, work)
        serve(kernel, files, rng, work)
        print(f"{kernel}: {len(articles)} articles decoded, {len(files)} files served", flush=True)
    shutil.rmtree(work)


def kernels():
    """What the message about an unknown one lists."""
    env = dict(os.environ, **{VARIABLE: "?"})
    run = subprocess.run(["yenc-decode", "--raw", "/dev/null"], env=env, capture_output=True)
    return re.search(r"can run: (.*)\n", run.stderr.decode()).group(1).split(", ")


def shape(rng, size):
    """Data of one of several kinds."""
    kind = rng.randrange(6)
    if kind == 0:
        return bytes([rng.choice([4, 0xD6, 0xE0, 0xE3, 0x13, 0xDF, 0xF6])]) * size
    if kind == 1:
        return bytes(rng.choice(b"\x04\xd6\xe0\xe3\x13\xdf\xf6k") for _ in range(size))
    if kind == 2:
        return (b"\x04" + rng.randbytes(127)) * (size // 128) + b"\x04" * (size % 128)
    if kind == 3:
        return bytes(range(256)) * (size // 256) + bytes(size % 256)
    return rng.randbytes(size)


def size(rng):
    return rng.choice([rng.randrange(300), rng.randrange(5000), rng.randrange(100_000)])


def article(lines, offset, data):
    """A body as it goes over the wire, dot-stuffed, without the final dot."""
    begin, end = offset + 1, offset + len(data)
    return (
        b"=ybegin part=2 total=3 line=128 size=%d name=x\r\n=ypart begin=%d end=%d\r\n"
        b"%s\r\n=yend size=%d part=2 pcrc32=%08x\r\n"
        % (end + 9, begin, end, lines, len(data), zlib.crc32(data))
    )


def encoded(rng, number):
    """What sabctools makes of some data."""
    data = shape(rng, 1 + size(rng))
    lines, crc = sabctools.yenc_encode(data)
    assert crc == zlib.crc32(data)
    stuffed = b"\r\n".join(b"." + x if x.startswith(b".") else x for x in lines.split(b"\r\n"))
    return data, number * 1000, article(stuffed, number * 1000, data)


def malformed(rng, number):
    """What no encoder writes, and what sabctools takes it for."""
    while True:
        lines = b""
        for _ in range(rng.randrange(1, 200)):
            token = rng.choice([rng.choice(TOKENS), b"k" * rng.randrange(140), junk(rng)])
            # An escape must not reach into the next token, nor a bare LF to a dot.
            lines += token + (b"k" if token[-1:] in b"=\n\r" and token != b"\r\n" else b"")
        # An end, a control line, or what TOKENS leaves out.
        if re.search(rb"\n\.\r\n|\n\.?=y|[^\r]\n\.|=[\r\n]", b"\r\n" + lines):
            continue
        lines += b"k"
        [response] = responses([article(lines, 0, b"")], rng)
        data = bytes(response.data or b"")
        offset = number * 1000
        if data:
            return data, offset, article(lines, offset, data)


def junk(rng):
    return rng.randbytes(rng.randrange(30)).translate(None, b"\r\n=.")


def responses(bodies, rng):
    """What sabctools makes of the bodies, as answers that come in pieces."""
    decoder = sabctools.Decoder(1 << 16)
    for number in range(len(bodies)):
        decoder.expect(number)
    stream = b"".join(b"222 0 <a@b>\r\n" + body + b".\r\n" for body in bodies)
    found = []
    while stream:
        buffer = memoryview(decoder)
        taken = min(len(buffer), len(stream), rng.choice([1 << 16, rng.randrange(1, 3000)]))
        buffer[:taken] = stream[:taken]
        buffer.release()
        decoder.process(taken)
        stream = stream[taken:]
        found += decoder
    assert len(found) == len(bodies)
    return found


def decode(kernel, articles, work):
    """yenc-decode on articles whose data are known."""
    stream = work / "bodies"
    with stream.open("wb") as out:
        out.write(b'{"type":"stream","v":1,"by":"oracle"}\n')
        for number, (_, _, body) in enumerate(articles, 1):
            header = {"len": len(body), "type": "body", "stuffed": True, "name": "x"}
            header |= {"number": number, "of": len(articles), "id": f"{number}@oracle"}
            out.write(json.dumps(header, separators=(",", ":")).encode() + b"\n" + body + b"\n")
        out.write(b'{"type":"end","status":"ok","code":0}\n')
    with stream.open("rb") as bodies, (work / "parts").open("wb") as out:
        env = dict(os.environ, **{VARIABLE: kernel})
        command = ["yenc-decode", "-v"]
        run = subprocess.run(command, stdin=bodies, stdout=out, stderr=subprocess.PIPE, env=env)
    check(run.returncode == 0, work, f"{kernel}: yenc-decode ended with {run.returncode}")
    check(f"(kernel {kernel})" in run.stderr.decode(), work, f"{kernel}: another kernel is in use")
    parts = [(header, data) for header, data in records(work / "parts") if header["type"] == "part"]
    check(len(parts) == len(articles), work, f"{kernel}: {len(parts)} parts")
    for (header, found), (data, offset, body) in zip(parts, articles):
        what = f"{kernel}: article {header['number']} of bodies"
        check(header["crc"] == "ok" and header["offset"] == offset, work, f"{what}: {header}")
        check(found == data, work, f"{what}: other bytes than sabctools")


def records(path):
    with path.open("rb") as stream:
        for line in stream:
            header = json.loads(line)
            yield header, stream.read(header["len"]) if "len" in header else None
            if "len" in header:
                stream.readline()


def make_files(rng, folder):
    """Files of all kinds, in one to a few articles each."""
    folder.mkdir()
    sizes = [1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257] + [1 + size(rng) for _ in range(90)]
    files = {f"{number}.bin": shape(rng, size) for number, size in enumerate(sizes)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


def serve(kernel, files, rng, work):
    """sabctools on what nntp-serve sends."""
    for name in "nzb", "servers.toml":
        path = work / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    command = ["nntp-serve", "--files", "files", "--nzb-out", "nzb", "--article-size", "40000"]
    command += ["--listen", "127.0.0.1:0", "--servers-out", "servers.toml", "-q"]
    env = dict(os.environ, **{VARIABLE: kernel})
    server = subprocess.Popen(command, env=env, cwd=work)
    try:
        until = time.monotonic() + 20
        while not (work / "servers.toml").exists():
            check(server.poll() is None and time.monotonic() < until, work, "no server")
            time.sleep(0.01)
        port = int(re.search(r"port = (\d+)", (work / "servers.toml").read_text()).group(1))
        for name, data in files.items():
            nzb = (work / "nzb" / f"{name}.nzb").read_text()
            ids = re.findall(r">([^<>\s]+@[^<>\s]+)</segment>", nzb)
            found = bytearray(len(data))
            for response in responses(fetch(port, ids), rng):
                what = f"{kernel}: {name} at {response.part_begin}"
                check(response.crc is not None, work, f"{what}: sabctools says the CRC is wrong")
                begin = response.part_begin
                found[begin : begin + len(response.data)] = response.data
            check(bytes(found) == data, work, f"{kernel}: {name} comes back with other bytes")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def fetch(port, ids):
    """The bodies, without the final dot."""
    bodies = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rwb")
        stream.readline()
        for message_id in ids:
            stream.write(f"BODY <{message_id}>\r\n".encode())
        stream.flush()
        for message_id in ids:
            status = stream.readline()
            assert status.startswith(b"222 "), status
            lines = []
            while (line := stream.readline()) != b".\r\n":
                assert line, "the server hung up"
                lines.append(line)
            bodies.append(b"".join(lines))
    return bodies


def check(good, work, what):
    if not good:
        sys.exit(f"FAILED: {what}\nsee {work}")


if __name__ == "__main__":
    main()
