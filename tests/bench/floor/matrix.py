"""All rows, all shapes of the floor and its parts, each once in every round, in an order
that moves on from round to round."""
import itertools
import os
import shutil
import statistics

import peers
import run

READS = [64 << 10, 256 << 10, 1 << 20]
ALLOCATED = ["none", "sparse", "full"]
# After the first round only so many shapes of the floor are still in it, of each number of
# connections.
KEPT = 3


class Variant:
    """Something that is run once a round. `key` is what it is known by in the results."""

    def __init__(self, key, work):
        self.key, self.work = key, work
        self.samples = []

    def median(self, name="cpu"):
        return statistics.median(sample[name] for sample in self.samples)


def stages(env, kind, server, scheme, connections, out):
    """The commands of a client of ours."""
    options = ["--cacert", server.ca, "-s", server.url(scheme, f"connections={connections}")]
    if kind == "fused":
        return [[f"{env.bin}/nzbpipe", "-q", *options, "-d", out, server.nzb]]
    return [[f"{env.bin}/nzb-split", server.nzb],
            [f"{env.bin}/nntp-fetch", "-q", *options],
            [f"{env.bin}/yenc-decode"],
            [f"{env.bin}/seg-write", "-q", "-d", out]]


def client(env, kind, server, scheme, connections, counted):
    """One run of a client; in the first round its system calls are counted, too."""
    def work(first):
        out = os.path.join(env.work, "out")
        commands = stages(env, kind, server, scheme, connections, out)
        used = run.measure(env, commands)
        run.verify(out, server.offer)
        shutil.rmtree(out)
        sample = vars(used)
        if first and counted:
            sample["calls"] = run.count_calls(env, commands)
            shutil.rmtree(out)
        return sample
    return work


def peer(env, program, server, scheme, connections):
    def work(_first):
        out = os.path.join(env.work, "peer")
        sample = vars(program.download(env, server, scheme, connections, out))
        run.verify(out, server.offer)
        shutil.rmtree(out)
        return sample
    return work


def connect(server, scheme):
    tls = ["--tls", "--ca", server.ca] if scheme == "tls" else []
    return [server.nzb, "--connect", f"127.0.0.1:{server.port(scheme)}", *tls]


def shape(env, server, scheme, connections, read, allocated, in_place):
    def work(first):
        # One directory, so that it may be verified like the others.
        out = os.path.join(env.work, "floor")
        os.makedirs(out)
        file = os.path.join(out, server.offer["files"][0]["name"])
        arguments = [*connect(server, scheme), "--connections", str(connections),
                     "--read", str(read), "--preallocate", allocated, "--out", file]
        sample = run.floor(env, arguments + (["--in-place"] if in_place else []))
        if first:
            run.verify(out, server.offer)
        shutil.rmtree(out)
        return sample
    return work


def part(env, server, only, connections=None, read=None, allocated=None):
    def work(_first):
        arguments = [server.nzb, "--only", only]
        if only == "recv":
            arguments = [*connect(server, "plain"), "--only", only]
        if only == "tls":
            arguments = [*connect(server, "tls"), "--only", only, "--in-place"]
        for flag, value in (("--connections", connections), ("--read", read),
                            ("--preallocate", allocated)):
            arguments += [flag, str(value)] if value else []
        file = os.path.join(env.work, "alone")
        if only == "write":
            arguments += ["--out", file]
        sample = run.floor(env, arguments)
        if only == "write":
            os.remove(file)
        return sample
    return work


def variants(env, servers, programs):
    """All that is to be run."""
    near = servers[0]
    counted = shutil.which("strace") is not None
    if not counted:
        run.progress("no strace: system calls are not counted")
    for delay, scheme, connections in itertools.product(env.delays, env.schemes, env.connections):
        case = (delay, scheme, connections)
        for kind in ("fused", "piped"):
            work = client(env, kind, servers[delay], scheme, connections, counted)
            yield Variant((kind, *case), work)
        for program in programs:
            yield Variant((program.NAME, *case),
                          peer(env, program, servers[delay], scheme, connections))
    reads = READS[1:2] if env.quick else READS
    allocated = ["sparse", "full"] if env.quick else ALLOCATED
    for scheme in env.schemes:
        shapes = [(*each, scheme == "tls") for each in itertools.product((1, 8), reads, allocated)]
        if scheme == "tls":
            # Through rustls' own connection, to see what its copy costs.
            shapes += [(1, READS[1], "full", False), (8, READS[1], "full", False)]
        for each in shapes:
            yield Variant(("floor", scheme, *each), shape(env, near, scheme, *each))
        only = "tls" if scheme == "tls" else "recv"
        for connections, read in itertools.product((1, 8), reads):
            yield Variant((only, connections, read), part(env, near, only, connections, read))
        # With TLS it is decoded record by record.
        for read in ([16 << 10] if scheme == "tls" else reads):
            yield Variant(("decode", read), part(env, near, "decode", read=read))
    for each in allocated:
        yield Variant(("write", each), part(env, near, "write", allocated=each))


def measure(env):
    """Runs all, and gives every variant with its samples."""
    size = env.mib << 20
    # The floor has no delay.
    servers = {delay: run.Server(env, size, delay, env.rate) for delay in sorted({0, *env.delays})}
    programs = peers.installed() if env.peers else []
    todo = list(variants(env, servers, programs))
    for number in range(env.runs):
        start = number * len(todo) // env.runs
        for n, variant in enumerate(todo[start:] + todo[:start]):
            sample = variant.work(number == 0)
            variant.samples.append(sample)
            name = " ".join(map(str, variant.key))
            run.progress(f"round {number + 1}/{env.runs}, {n + 1}/{len(todo)}: {name}: "
                         f"{sample['cpu'] / size * 1e9:.3f} CPU-s/GB, {sample['wall']:.2f} s")
        lost = losers(env, todo)
        todo = [variant for variant in todo if variant not in lost]
    for server in servers.values():
        server.stop()
    return todo


def losers(env, todo):
    """Shapes of the floor that need not run again."""
    lost = []
    for scheme in env.schemes:
        shapes = [variant for variant in todo if variant.key[:2] == ("floor", scheme)]
        # Those through rustls' connection are there for comparison.
        ours = [variant for variant in shapes if variant.key[-1] == (scheme == "tls")]
        for connections in (1, 8):
            same = [variant for variant in ours if variant.key[2] == connections]
            lost += sorted(same, key=Variant.median)[KEPT:]
    return lost
