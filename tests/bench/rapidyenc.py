"""The codec of sabctools beside memcpy: random data, articles of 716,800 bytes.

Decoding includes what its Decoder does in one go: the framing of NNTP replies, the headers,
the CRC32, and a new bytearray for each article.
"""

import os
import statistics
import time
import zlib

import sabctools

LEN, ARTICLES, ROUNDS = 716_800, 60, 5


def main():
    parts = [os.urandom(LEN) for _ in range(ARTICLES)]
    encoded = [sabctools.yenc_encode(part) for part in parts]
    replies = [reply(part, lines) for part, (lines, _) in zip(parts, encoded)]
    buffer, target = bytearray(max(map(len, replies))), bytearray(max(map(len, replies)))
    chunks = {"whole": 1 << 20, "256K": 256 << 10, "64K": 64 << 10}
    times = {name: [] for name in ["memcpy", *chunks, "encode"]}
    for _ in range(ROUNDS):
        for part, data in zip(parts, replies):
            view = memoryview(buffer)[: len(data)]
            view[:] = data
            times["memcpy"].append(timed(copy, view, target) / len(data))
            for name, size in chunks.items():
                times[name].append(decode(data, size) / len(data))
            times["encode"].append(timed(sabctools.yenc_encode, bytes(bytearray(part))) / LEN)
    print(f"sabctools {sabctools.__version__} ({sabctools.simd}), random, 128 columns, with CRC32")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        name = f"decode {name}" if name in chunks else name
        print(f"{name:16}{1e-9 / median:7.2f} {medians['memcpy'] / median:.3f}")


def reply(part, lines):
    head = f"222 0 <a@b>\r\n=ybegin line=128 size={LEN} name=x\r\n".encode()
    crc = zlib.crc32(part)
    return head + lines + f"\r\n=yend size={LEN} crc32={crc:08x}\r\n.\r\n".encode()


def timed(function, *args):
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began


def copy(source, target):
    memoryview(target)[: len(source)] = source


def decode(data, size):
    """Seconds for one reply that comes through a receive buffer of `size`."""
    decoder = sabctools.Decoder(size)
    decoder.expect(0)
    spent, done, offset = 0.0, [], 0
    while offset < len(data):
        with memoryview(decoder) as room:
            taken = min(len(room), len(data) - offset)
            room[:taken] = data[offset : offset + taken]
        offset += taken
        began = time.perf_counter()
        decoder.process(taken)
        done += decoder
        spent += time.perf_counter() - began
    (response,) = done
    assert response.crc is not None and len(response.data) == LEN, "not decoded"
    return spent


if __name__ == "__main__":
    main()
