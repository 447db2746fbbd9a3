"""Windows that size themselves against windows set by hand, and against a client that
throws away what it receives: wall time at some distance."""
import os
import shutil
import statistics

import run

CONNECTIONS = 20
DEPTHS = [2, 4, 8, 16, 32]
NAME = {"auto": "nzbpipe, no tuning", "sink": "a sink that only receives"}


def measure(env):
    results = []
    for delay in env.delays:
        server = run.Server(env, env.mib << 20, delay, env.rate)
        walls = {name: [] for name in ["auto", *DEPTHS, "sink"]}
        names = list(walls)
        for number in range(env.runs):
            start = number * len(names) // env.runs
            for name in names[start:] + names[:start]:
                wall = once(env, server, name)
                walls[name].append(wall)
                run.progress(f"round {number + 1}/{env.runs}: {delay} ms, {name}: {wall:.2f} s")
        server.stop()
        results.append((delay, {name: statistics.median(all) for name, all in walls.items()}))
    return results


def once(env, server, name):
    if name == "sink":
        arguments = [server.nzb, "--connect", f"127.0.0.1:{server.port('plain')}",
                     "--connections", str(CONNECTIONS), "--only", "recv"]
        return run.floor(env, arguments)["wall"]
    out = os.path.join(env.work, "out")
    query = f"connections={CONNECTIONS}" + ("" if name == "auto" else f"&pipeline={name}")
    used = run.measure(env, [[f"{env.bin}/nzbpipe", "-q", "-s", server.url("plain", query),
                              "-d", out, server.nzb]])
    run.verify(out, server.offer)
    shutil.rmtree(out)
    return used.wall


def publish(env, results):
    limit = f", {env.rate} B/s each" if env.rate else ""
    lines = [f"{env.mib} MiB, {CONNECTIONS} connections{limit}, {env.runs} runs; seconds"]
    for delay, walls in results:
        auto, sink = walls["auto"], walls["sink"]
        best = min(DEPTHS, key=lambda depth: walls[depth])
        lines += ["", f"{delay} ms"]
        for name, wall in walls.items():
            label = NAME.get(name, f"nzbpipe, pipeline={name}")
            lines.append(f"  {label:28} {wall:7.2f}  {wall / auto:5.2f} of no tuning")
        lines.append(f"  no tuning is {auto / walls[best]:.2f} of the best depth by hand ({best}), "
                     f"{auto / sink:.2f} of the sink")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with open(os.path.join(env.results, "depths.txt"), "w", encoding="utf-8") as file:
        file.write(text)
