#!/usr/bin/env python3
"""One slow file among others: each write to one file takes 200 ms more (strace does that),
and the other files of the job are timed with and without. Prints the rate that the others
keep.

    tests/bench/slow.py [BIN]

BIN has the programs (target/release). Five files of 25 MiB come in turns, so that what waits
for the slow one stays within the writer's budget. Both runs are under strace, which costs
each write some microseconds. Needs strace.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
bin_dir = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../target/release")
FILES, SEGMENTS, SIZE = 5, 100, 256 << 10


def others_done(work, stream, delay):
    """Seconds until all files but the first are complete, and until the first is."""
    out = tempfile.mkdtemp(dir=work)
    slow = os.path.join(out, "many", "f00000.bin.000000000000.part")
    inject = ["-e", "inject=pwritev,pwrite64:delay_enter=200000"] if delay else []
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", slow]
    command += ["-e", "trace=pwritev,pwrite64"] + inject
    command += [os.path.join(bin_dir, "seg-write"), "-q", "--json", "-d", out]
    with open(stream, "rb") as records:
        began = time.monotonic()
        run = subprocess.Popen(command, stdin=records, stdout=subprocess.PIPE)
        times = {}
        for line in run.stdout:
            record = json.loads(line)
            if record["type"] == "file" and record["status"] == "complete":
                times[record["file"]] = time.monotonic() - began
        if run.wait() != 0 or len(times) != FILES:
            sys.exit(f"seg-write failed: {run.returncode}, {len(times)} files")
    return max(t for file, t in times.items() if file != 0), times[0]


with tempfile.TemporaryDirectory() as work:
    stream = os.path.join(work, "parts")
    with open(stream, "wb") as parts:
        environment = dict(os.environ, SIZE=str(SIZE))
        generator = [sys.executable, os.path.join(here, "parts.py"), str(FILES), str(SEGMENTS)]
        subprocess.run(generator, stdout=parts, env=environment, check=True)
    rates = []
    for _ in range(5):
        plain, _ = others_done(work, stream, False)
        slowed, last = others_done(work, stream, True)
        rates.append(plain / slowed)
        print(f"the others after {plain:.2f} s, with the slow one {slowed:.2f} s, it after {last:.2f} s")
    print(f"rate kept: {statistics.median(rates):.2f} (median of {len(rates)})")
