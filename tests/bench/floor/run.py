"""Running things and measuring them: the load server, and clients of one or more
processes. What is run, and what the figures mean, is decided elsewhere."""
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib


@dataclasses.dataclass
class Used:
    """What a client used, all its processes together."""
    cpu: float
    user: float
    wall: float
    peak: int  # KiB, of the largest process
    peak_sum: int  # KiB
    calls: int | None = None


DEVNULL = subprocess.DEVNULL


class Failed(Exception):
    """A program did not do what it should."""


CHILDREN: list[subprocess.Popen] = []


def start(command, cores, **more):
    """Starts a command on some cores. It ends when we do."""
    child = subprocess.Popen(["taskset", "-c", ",".join(map(str, cores)), *command], **more)
    CHILDREN.append(child)
    return child


def stop_all():
    """Ends everything that was started and still runs."""
    for child in CHILDREN:
        if child.returncode is None:
            child.terminate()
    for child in CHILDREN:
        if child.returncode is None:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    CHILDREN.clear()


def progress(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Server:
    """A load server; what it offers is in `offer`."""

    def __init__(self, env, size, delay=0, rate=0):
        self.nzb = os.path.join(env.work, f"job{delay}.nzb")
        self.ca = os.path.join(env.work, f"ca{delay}.pem")
        ready = os.path.join(env.work, f"ready{delay}.json")
        command = [f"{env.bin}/examples/load", "--listen-port-file", ready, "--nzb", self.nzb,
                   "--bytes", str(size), "--tls", "--ca-out", self.ca,
                   "--delay", str(delay), "--rate", str(rate)]
        self.child = start(command, env.server_cores)
        ended = time.monotonic() + 60
        while not os.path.exists(ready):
            if self.child.poll() is not None or time.monotonic() > ended:
                raise Failed("the load server did not start")
            time.sleep(0.02)
        with open(ready, encoding="ascii") as file:
            self.offer = json.load(file)
        self.delay = delay

    def port(self, scheme):
        return self.offer["tls_port" if scheme == "tls" else "port"]

    def url(self, scheme, query):
        return f"{'nntps' if scheme == 'tls' else 'nntp'}://127.0.0.1:{self.port(scheme)}/?{query}"

    def stop(self):
        self.child.terminate()
        self.child.wait()
        os.remove(os.path.join(os.path.dirname(self.nzb), f"ready{self.delay}.json"))


class Watched:
    """A process that is waited for, and what the kernel says about it at its end."""

    def __init__(self, child):
        self.child = child
        self.peak = 0
        self.thread = threading.Thread(target=self.wait)
        self.thread.start()

    def wait(self):
        _, status, self.usage = os.wait4(self.child.pid, 0)
        self.ended = time.monotonic()
        self.child.returncode = os.waitstatus_to_exitcode(status)

    def look(self):
        """Takes note of the peak memory. What wait4 says includes our own from before exec."""
        try:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii", errors="replace") as file:
                for line in file:
                    if line.startswith("VmHWM:"):
                        self.peak = int(line.split()[1])
        except OSError:
            pass


def measure(env, stages):
    """Runs the stages of a pipe, of which there may be one, until all have ended."""
    began = time.monotonic()
    watched, before = [], subprocess.DEVNULL
    for n, command in enumerate(stages):
        last = n + 1 == len(stages)
        child = start(command, env.client_cores, stdin=before,
                      stdout=subprocess.DEVNULL if last else subprocess.PIPE)
        if before is not subprocess.DEVNULL:
            before.close()
        before = child.stdout
        watched.append(Watched(child))
    while any(each.thread.is_alive() for each in watched):
        for each in watched:
            each.look()
        time.sleep(0.01)
    for each in watched:
        each.thread.join()
        CHILDREN.remove(each.child)
        if each.child.returncode != 0:
            raise Failed(f"{each.child.args[3]}: exit code {each.child.returncode}")
    return Used(
        cpu=sum(each.usage.ru_utime + each.usage.ru_stime for each in watched),
        user=sum(each.usage.ru_utime for each in watched),
        wall=max(each.ended for each in watched) - began,
        peak=max(each.peak for each in watched),
        peak_sum=sum(each.peak for each in watched))


def count_calls(env, stages):
    """All system calls of such a run, which strace makes slow."""
    logs = [os.path.join(env.work, f"calls{n}") for n in range(len(stages))]
    measure(env, [["strace", "-f", "-c", "-qq", "-o", log, *command]
                  for log, command in zip(logs, stages)])
    total = 0
    for log in logs:
        with open(log, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file if line.rstrip().endswith(" total")]
        os.remove(log)
        total += int(lines[-1][3])
    return total


def floor(env, arguments):
    """Runs the floor program and gives what it says about itself."""
    child = start([f"{env.bin}/examples/floor", *arguments], env.client_cores,
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    out = child.communicate()[0]
    CHILDREN.remove(child)
    if child.returncode != 0:
        raise Failed(f"floor {' '.join(arguments)}: exit code {child.returncode}")
    return json.loads(out)


def verify(directory, offer):
    """Whether the files below `directory` are those that the server offers."""
    wanted = {file["name"]: (file["size"], file["crc32"]) for file in offer["files"]}
    for parent, _, names in os.walk(directory):
        for name in names:
            if name in wanted:
                crc, size = checksum(os.path.join(parent, name))
                if (size, crc) != wanted.pop(name):
                    raise Failed(f"{name} is damaged")
    if wanted:
        raise Failed(f"not written: {', '.join(wanted)}")


def checksum(path):
    crc, size = 0, 0
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
    return f"{crc:08x}", size


def end_on_signals():
    """SIGTERM ends us like an error does: what was started is stopped."""
    def end(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
