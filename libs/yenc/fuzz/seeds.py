#!/usr/bin/env python3
"""Writes the seeds: small inputs that hold every construct of the format once.

    python3 seeds.py

They are committed; run it again when the layout of a target's input changes.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent / "seeds"
BLOCK = b"klmnopqrstuvw" * 6  # More than one block of 64 bytes.
END = b"\r\n=yend size=1 pcrc32=00000000\r\n.\r\n"

BODIES = {
    "plain": BLOCK + b"\r\n" + BLOCK + END,
    "dots": b"..a\r\n..\r\n..." + BLOCK + b"\r\n..b\r\n.c\r\n.\r\n",
    "dot-ends": b"a\r\n.\r" + BLOCK + b"\n.\n" + b"b\r\n.\r\n",
    "escapes": b"=}=M=J=@" + b"=n" * 40 + b"\r\n" + BLOCK + b"=\x00" + END,
    "malformed": b"== ===a =\r\n=\n=\r" + BLOCK + b"\r\n=" + b"\r\n.=\r\n" + END,
    "control": b"=ypart begin=1 end=9\r\n" + BLOCK + b"\r\n.=yend size=1\r\n.\r\n",
    "almost-control": b"=yendl\r\n=yb\r\n=ypartx\r\n.=ye" + BLOCK + b"\r\n=y" + END,
    "line-ends": b"a\rb\nc\r\r\nd\n\re\n\n\r\n\r\n" + BLOCK + b"\n.f\n..g" + END,
    "bytes": bytes(range(256)) + END,
    "cut": BLOCK + b"\r\n=yend size=1 pcrc3",
    "second": BLOCK + b"\r\n=ybegin line=128 size=9 name=y\r\n" + BLOCK + END,
}
HEADERS = {
    "single": b"=ybegin line=128 size=3 name=a b.bin\r\nklm\r\n=yend size=3 crc32=a3830348\r\n.\r\n",
    "part": b"From: x\r\n\r\n=ybegin part=2 total=3 line=128 size=9 name=x\r\n"
    b"=ypart begin=4 end=6\r\nklm\r\n=yend size=3 part=2 pcrc32=a3830348 crc32=000000ab\r\n.\r\n",
    "uu": b"begin 644 x.bin\r\n#0V%T\r\n`\r\nend\r\n.\r\n",
    "prose": b"no such\r\n..thing\r\n=ybegin is a word\r\n.\r\n",
    "glued": b"\xef\xbb\xbf=ypart begin=1 end=3\r\n=ybegin part=1 size=3 name=x=ypart begin=1 end=3\r\nklm\r\n",
}
FULL = b"M" + b"0V%T" * 15
UU = {
    "file": b"begin 644 a b.bin\r\n" + FULL + b"\r\n#0V%T\r\n`\r\nend\r\n.\r\n",
    "piece": (FULL + b"\r\n") * 5 + b".\r\n",
    "last": (FULL + b"`\n") * 4 + b"..0V%T" * 3 + b"\n \nend\n",
    "cut-blanks": FULL + b"\r\nM0V%T\r\n#\r\n`\r\nend\r\n-- \r\nme\r\n",
    "wrong": FULL + b"\r\nM" + b"a" * 60 + b"\r\n" + FULL + b"xx\r\n`\r\n",
    "prose": b"Moving on,\r\n\r\n#ab\r\nend\r\n",
}
PLANS = {
    "whole": b"\x00",
    "cut": b"\x21\x41\x00\x05",  # Pieces of 65; rooms of 0, 5 and 1.
    "small": b"\x13\x01\x00\x07\x50",  # Pieces of 1, 0 and 7; rooms of 80 and 1.
}
DATA = {
    "all": bytes(range(256)) * 2,
    "critical": bytes([0xD6, 0xE0, 0xE3, 0x13]) * 40,
    "dots": b"\x04" * 300,
    "blanks": bytes([0xDF, 0xF6]) * 100,
    "text": b"the quick brown fox " * 20,
    "empty": b"",
}


def write(target, name, data):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


for name, body in BODIES.items():
    for plan in "whole", "small":
        write("decode", f"{name}-{plan}", b"\x03" + PLANS[plan] + body)
    write("decode", f"{name}-unstuffed", b"\x02" + PLANS["cut"] + body)
for name, article in HEADERS.items():
    for plan in "whole", "cut":
        write("decode", f"{name}-{plan}", b"\x01" + PLANS[plan] + article)
for name, data in DATA.items():
    for width in (1, 128):
        head = width.to_bytes(2, "little")
        write("encode", f"{name}-{width}", head + data)
        write("encode", f"{name}-{width}-unstuffed", (width | 1 << 15).to_bytes(2, "little") + data)
        write("round_trip", f"{name}-{width}", head + b"\x3f\x07" + data)
for name, article in UU.items():
    for flags in range(4):
        write("uu", f"{name}-{flags}", bytes([flags, 16, 8]) + article)
