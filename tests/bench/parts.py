#!/usr/bin/env python3
"""Writes a stream of `part` records (nzbpipe-records(5)) to standard output: FILES files
of SEGMENTS segments of SIZE bytes (1024 if SIZE is not set), those of a hundred files in turn.

    [SIZE=BYTES] parts.py FILES SEGMENTS [--files DIR]

With --files the same files are written to DIR instead.
"""
import os
import sys
import zlib

SIZE, TURN = int(os.environ.get("SIZE", 1024)), 100
files, segments = int(sys.argv[1]), int(sys.argv[2])
noise = os.urandom(max(1 << 16, 2 * SIZE))


def payload(file, segment):
    at = (file * 131 + segment * 977) % (len(noise) - SIZE)
    return noise[at : at + SIZE]


def header(file, segment, data):
    name = f"f{file:05}.bin"
    return (
        f'{{"len":{SIZE},"type":"part","job":"{0:032x}","job_name":"many","file":{file},'
        f'"file_id":"{file:032x}","name":"{name}","name_from":"subject-quoted",'
        f'"number":{segment + 1},"of":{segments},"id":"{segment}.{file}@many.example",'
        f'"offset":{segment * SIZE},"size":{segments * SIZE},"crc":"ok",'
        f'"crc32":"{zlib.crc32(data):08x}","yenc_name":"{name}","yenc_part":{segment + 1},'
        f'"total":{segments}}}\n'
    )


if len(sys.argv) == 5 and sys.argv[3] == "--files":
    os.makedirs(sys.argv[4])
    for file in range(files):
        with open(f"{sys.argv[4]}/f{file:05}.bin", "wb") as out:
            out.write(b"".join(payload(file, segment) for segment in range(segments)))
    sys.exit()
out = sys.stdout.buffer
out.write(b'{"type":"stream","v":1,"by":"parts.py"}\n')
for first in range(0, files, TURN):
    for segment in range(segments):
        for file in range(first, min(first + TURN, files)):
            data = payload(file, segment)
            out.write(header(file, segment, data).encode() + data + b"\n")
out.write(b'{"type":"end","by":"parts.py","status":"ok","code":0}\n')
