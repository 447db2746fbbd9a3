#!/usr/bin/env python3
"""Runs a command and appends one line to a file: name, CPU-seconds, wall seconds,
peak memory in KiB, exit code.

    rusage.py FILE NAME COMMAND [ARGUMENT...]

Standard input and output are the command's own.
"""
import os
import sys
import time

out, name, command = sys.argv[1], sys.argv[2], sys.argv[3:]
began = time.monotonic()
pid = os.fork()
if pid == 0:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error}\n")
        os._exit(127)
# The command's ends of the pipes are its own: ours would keep them open.
os.close(0)
os.close(1)
_, status, used = os.wait4(pid, 0)
code = os.waitstatus_to_exitcode(status)
line = f"{name} {used.ru_utime + used.ru_stime:.3f} {time.monotonic() - began:.3f} {used.ru_maxrss} {code}\n"
with open(out, "a", encoding="ascii") as file:
    file.write(line)
sys.exit(code if code >= 0 else 128 - code)
