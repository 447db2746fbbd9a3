"""What the samples say: a table, JSON, and the figures for the plot."""
import json
import os
import platform
import statistics

import plot


def publish(env, variants):
    size = env.mib * 1048576 / 1e9
    floors = {scheme: floor(variants, scheme, size) for scheme in env.schemes}
    rows = [row(variant, floors[variant.key[2]], size) for variant in variants
            if variant.key[0] not in ("floor", "recv", "tls", "decode", "write")]
    rows.sort(key=lambda row: (row["delay"], row["scheme"], row["connections"]))
    results = {"mib": env.mib, "runs": env.runs, "spread": env.spread, "load": env.loads,
               "machine": machine(), "floors": floors, "rows": rows}
    text = table(env, results)
    print(text, end="")
    write(env, "floor.txt", text)
    write(env, "floor.json", json.dumps(results, indent=1) + "\n")
    write(env, "floor.svg", plot.svg(results))


def write(env, name, text):
    with open(os.path.join(env.results, name), "w", encoding="utf-8") as file:
        file.write(text)


def machine():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{name}, {os.cpu_count()} cores, Linux {platform.release()}"


def row(variant, base, size):
    kind, delay, scheme, connections = variant.key
    cpu = variant.median() / size
    counted = [sample["calls"] for sample in variant.samples if sample["calls"] is not None]
    return {"kind": kind, "delay": delay, "scheme": scheme, "connections": connections,
            "cpu": cpu, "best": min(sample["cpu"] for sample in variant.samples) / size,
            "user": variant.median("user") / size, "wall": variant.median("wall"),
            "ratio": cpu / base["cpu"],
            "peak_mib": max(sample["peak"] for sample in variant.samples) / 1024,
            "peak_sum_mib": max(sample["peak_sum"] for sample in variant.samples) / 1024,
            "calls": counted[0] / size if counted else None}


def floor(variants, scheme, size):
    """The fastest shape, and what its parts cost alone."""
    shapes = [variant for variant in variants if variant.key[:2] == ("floor", scheme)]
    best = min(shapes, key=lambda variant: variant.median())
    _, _, connections, read, allocated, in_place = best.key
    own = {variant.key: variant.median() / size for variant in variants}
    receive = "tls" if scheme == "tls" else "recv"
    parts = {receive: own[receive, connections, read],
             "decode": own["decode", 16 << 10 if scheme == "tls" else read],
             "write": own["write", allocated]}
    cpu = best.median() / size
    eight = [variant for variant in shapes if variant.key[2] == 8]
    return {"cpu": cpu, "best": min(sample["cpu"] for sample in best.samples) / size,
            "wall": best.median("wall"), "connections": connections, "read": read,
            "preallocate": allocated, "in_place": in_place,
            "calls": statistics.median(sample["calls"] for sample in best.samples) / size,
            "peak_mib": max(sample["peak_kib"] for sample in best.samples) / 1024,
            "eight": min(variant.median() for variant in eight) / size if eight else None,
            "shapes": [{"connections": each.key[2], "read": each.key[3],
                        "preallocate": each.key[4], "in_place": each.key[5],
                        "cpu": each.median() / size} for each in shapes],
            "parts": parts, "sum": sum(parts.values()), "over_sum": cpu / sum(parts.values())}


def table(env, results):
    cores = "all cores" if env.spread else "one core"
    lines = [f"{env.mib} MiB, parts of 716800 bytes, {env.runs} runs, client on {cores}; "
             f"load {results['load'][0]:.1f} before, {results['load'][-1]:.1f} after",
             results["machine"], "",
             "scheme conns delay          CPU-s/GB   best  user  x floor   wall s   MiB (sum)    calls/GB"]
    for each in results["rows"]:
        calls = f"{each['calls']:11,.0f}" if each["calls"] is not None else "          -"
        lines.append(
            f"{each['scheme']:6} {each['connections']:5} {each['delay']:3} ms {each['kind']:8}"
            f" {each['cpu']:8.3f} {each['best']:6.3f} {each['user']:5.2f}  {each['ratio']:7.2f}"
            f"  {each['wall']:7.2f}  {each['peak_mib']:4.0f} ({each['peak_sum_mib']:4.0f}) {calls}")
    for scheme, base in results["floors"].items():
        lines += ["", *floor_lines(scheme, base)]
    return "\n".join(lines) + "\n"


def floor_lines(scheme, base):
    how = ", decrypted in place" if base["in_place"] else ""
    if scheme == "tls" and not how:
        how = ", decrypted by rustls' connection"
    yield (f"floor, {scheme}: {base['cpu']:.3f} CPU-s/GB (best {base['best']:.3f}), "
           f"{base['wall']:.2f} s, {base['peak_mib']:.0f} MiB, {base['calls']:,.0f} calls/GB: "
           f"{base['connections']} connection{'s' * (base['connections'] > 1)}, reads of "
           f"{base['read'] >> 10} KiB, preallocation {base['preallocate']}{how}")
    if base["eight"]:
        yield f"  best with 8 connections: {base['eight']:.3f}"
    parts = " + ".join(f"{name} {cpu:.3f}" for name, cpu in base["parts"].items())
    yield f"  parts alone: {parts} = {base['sum']:.3f}; the floor is {base['over_sum']:.2f} of that"
    if base["over_sum"] > plot.VOID:
        yield f"  VOID: over {plot.VOID}, so the ratios of this run mean nothing"
    if base["over_sum"] < 1 / plot.VOID:
        yield "  the parts alone were disturbed: they cannot cost more than the whole"
    for each in sorted(base["shapes"], key=lambda each: each["cpu"])[:4]:
        yield (f"  shape: {each['cpu']:.3f}  {each['connections']} x {each['read'] >> 10} KiB, "
               f"{each['preallocate']}{', in place' if each['in_place'] else ''}")
