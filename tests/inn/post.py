#!/usr/bin/env python3
"""Posts files to a news server and writes the NZB that names them.

    post.py --port N --user NAME --password-file FILE --nzb OUT.nzb FILE...

yEnc, NNTP and the NZB are written here from their specifications (yEnc 1.3,
RFC 3977, RFC 4643) with nothing but Python's own library, and share no code with
what they test.
"""
import argparse
import os
import socket
import sys
import time
import zlib
from xml.sax.saxutils import escape, quoteattr

LINE = 128
SHIFTED = bytes((byte + 42) % 256 for byte in range(256))
POSTER = "post.py <post@example.test>"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--group", default="alt.binaries.test")
    parser.add_argument("--article-size", type=int, default=500_000)
    parser.add_argument("--nzb", required=True)
    parser.add_argument("files", nargs="+")
    return parser.parse_args()


def yenc_lines(data):
    """The encoded lines of `data`, without line ends."""
    encoded = data.translate(SHIFTED)
    # "=" first: the others bring new ones.
    for plain, escaped in (b"=", b"=}"), (b"\0", b"=@"), (b"\n", b"=J"), (b"\r", b"=M"):
        encoded = encoded.replace(plain, escaped)
    at = 0
    while at < len(encoded):
        end = at + LINE
        # A line may be one longer rather than end within an escape.
        if encoded[end - 1 : end] == b"=":
            end += 1
        yield encoded[at:end]
        at = end


def yenc_body(name, data, offset, size, part, total, file_crc):
    """The body of the article with `data`, as lines without line ends."""
    name = name.encode()
    crc = zlib.crc32(data)
    if total == 1:
        yield b"=ybegin line=%d size=%d name=%s" % (LINE, size, name)
        yield from yenc_lines(data)
        yield b"=yend size=%d crc32=%08x" % (len(data), crc)
        return
    yield b"=ybegin part=%d total=%d line=%d size=%d name=%s" % (part, total, LINE, size, name)
    yield b"=ypart begin=%d end=%d" % (offset + 1, offset + len(data))
    yield from yenc_lines(data)
    yield b"=yend size=%d part=%d pcrc32=%08x crc32=%08x" % (len(data), part, crc, file_crc)


class Server:
    """One session of RFC 3977."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.replies = self.socket.makefile("rb")
        self.expect(b"200", b"201")

    def expect(self, *codes):
        reply = self.replies.readline()
        if reply[:3] not in codes:
            sys.exit(f"post.py: the server said {reply!r}, expected {codes!r}")

    def command(self, line, *codes):
        self.socket.sendall(line.encode() + b"\r\n")
        self.expect(*codes)

    def login(self, user, password):
        self.command(f"AUTHINFO USER {user}", b"381")
        self.command(f"AUTHINFO PASS {password}", b"281")

    def post(self, lines):
        self.command("POST", b"340")
        stuffed = (b"." + line if line.startswith(b".") else line for line in lines)
        self.socket.sendall(b"\r\n".join(stuffed) + b"\r\n.\r\n")
        self.expect(b"240")


def message_id():
    return f"{time.time_ns():x}.{os.urandom(8).hex()}@post.example.test"


def post_file(server, args, path, index):
    """Posts one file; returns its `<file>` element."""
    name = os.path.basename(path)
    with open(path, "rb") as file:
        data = file.read()
    size = args.article_size
    pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    crc = zlib.crc32(data)
    segments = []
    for number, piece in enumerate(pieces, 1):
        message = message_id()
        subject = f'[{index}/{len(args.files)}] - "{name}" yEnc ({number}/{len(pieces)}) {len(data)}'
        headers = [
            f"From: {POSTER}",
            f"Newsgroups: {args.group}",
            f"Subject: {subject}",
            f"Message-ID: <{message}>",
            "",
        ]
        offset = (number - 1) * size
        body = list(yenc_body(name, piece, offset, len(data), number, len(pieces), crc))
        server.post([line.encode() for line in headers] + body)
        encoded = sum(len(line) + 2 for line in body)
        segments.append((encoded, number, message))
    return file_element(args.group, name, index, len(args.files), segments)


def file_element(group, name, index, files, segments):
    subject = f'[{index}/{files}] - "{name}" yEnc (1/{len(segments)})'
    rows = "".join(
        f'   <segment bytes="{size}" number="{number}">{escape(message)}</segment>\n'
        for size, number, message in segments
    )
    return (
        f" <file poster={quoteattr(POSTER)} date=\"{int(time.time())}\""
        f" subject={quoteattr(subject)}>\n"
        f"  <groups><group>{escape(group)}</group></groups>\n"
        f"  <segments>\n{rows}  </segments>\n </file>\n"
    )


def main():
    args = arguments()
    with open(args.password_file, encoding="utf-8") as file:
        password = file.readline().rstrip("\n")
    server = Server(args.host, args.port)
    server.login(args.user, password)
    files = [post_file(server, args, path, i) for i, path in enumerate(args.files, 1)]
    server.command("QUIT", b"205")
    with open(args.nzb, "w", encoding="utf-8") as nzb:
        nzb.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        nzb.write('<nzb xmlns="http://www.newzbin.com/DTD/2003/nzb">\n')
        nzb.writelines(files)
        nzb.write("</nzb>\n")


if __name__ == "__main__":
    main()
