"""The plot: for each delay a panel, in it for each scheme and number of connections a group
of bars, and across the groups of a scheme its floor."""
import math
from xml.sax.saxutils import escape

COLORS = {"fused": "#2b6cb0", "piped": "#90b4d8", "nzbget": "#b7791f", "sabnzbd": "#d9b36a"}
NAMES = {"fused": "nzbpipe, one process", "piped": "four programs and pipes",
         "nzbget": "NZBGet", "sabnzbd": "SABnzbd"}
FLOOR = "#c53030"
# More of the sum of its parts, and a floor was measured on a machine too busy to say anything.
VOID = 1.15
BAR, GAP, PANEL, LEFT, TOP, BETWEEN = 46, 52, 250, 64, 96, 92


def svg(results):
    rows = results["rows"]
    kinds = [kind for kind in COLORS if any(row["kind"] == kind for row in rows)]
    delays = sorted({row["delay"] for row in rows})
    groups = sorted({(row["scheme"], row["connections"]) for row in rows})
    step = BAR * len(kinds) + GAP
    width = max(LEFT + step * len(groups) + 30, 660)
    height = TOP + len(delays) * (PANEL + BETWEEN) - 44
    scale = ticks(max([row["cpu"] for row in rows] +
                    [base["cpu"] for base in results["floors"].values()]) * 1.1)
    runs = f"medians of {results['runs']} runs" if results["runs"] > 1 else "one run"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif" '
           'font-size="12" fill="#1a202c">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           text(LEFT, 26, "CPU-seconds per decoded GB, all processes of the client", size=16,
                weight="bold"),
           text(LEFT, 45, f"{results['mib']} MiB, {runs}; {results['machine']}",
                fill="#4a5568", size=11), *legend(kinds)]
    for n, delay in enumerate(delays):
        top = TOP + n * (PANEL + BETWEEN)
        out += panel(results, kinds, groups, delay, top, width, step, scale)
    return "\n".join([*out, "</svg>"]) + "\n"


def legend(kinds):
    x = LEFT
    for kind in kinds:
        yield f'<rect x="{x}" y="58" width="12" height="12" fill="{COLORS[kind]}"/>'
        yield text(x + 17, 68, NAMES[kind])
        x += 42 + 6.2 * len(NAMES[kind])
    yield f'<line x1="{x}" y1="64" x2="{x + 18}" y2="64" stroke="{FLOOR}" stroke-width="2"/>'
    yield text(x + 23, 68, "floor")


def panel(results, kinds, groups, delay, top, width, step, scale):
    bottom = top + PANEL

    def y(value):
        return bottom - value / scale[-1] * PANEL

    yield text(LEFT, top - 8, f"{delay} ms from command to answer", weight="bold")
    for value in scale:
        yield (f'<line x1="{LEFT}" y1="{y(value):.1f}" x2="{width - 20}" y2="{y(value):.1f}" '
               f'stroke="{"#4a5568" if value == 0 else "#e2e8f0"}"/>')
        yield text(LEFT - 8, y(value) + 4, f"{value:g}", anchor="end", fill="#4a5568")
    middle = top + PANEL / 2
    yield text(18, middle, "CPU-s/GB", anchor="middle", fill="#4a5568",
               turn=f"rotate(-90 18 {middle})")
    for n, (scheme, connections) in enumerate(groups):
        x = LEFT + GAP / 2 + n * step
        cases = [row for row in results["rows"] if (row["delay"], row["scheme"], row["connections"])
                 == (delay, scheme, connections)]
        for case in cases:
            at = x + kinds.index(case["kind"]) * BAR
            yield (f'<rect x="{at + 2:.1f}" y="{y(case["cpu"]):.1f}" width="{BAR - 4}" '
                   f'height="{bottom - y(case["cpu"]):.1f}" fill="{COLORS[case["kind"]]}"/>')
            yield text(at + BAR / 2, y(case["cpu"]) - 17, f'{case["cpu"]:.2f}', anchor="middle")
            yield text(at + BAR / 2, y(case["cpu"]) - 5, f'×{case["ratio"]:.2f}', anchor="middle",
                       fill="#4a5568", size=10)
        center = x + (step - GAP) / 2
        plural = "s" if connections > 1 else ""
        yield text(center, bottom + 17, f"{connections} connection{plural}", anchor="middle")
        yield text(center, bottom + 32, "TLS" if scheme == "tls" else scheme, anchor="middle",
                   fill="#4a5568")
    for scheme, base in results["floors"].items():
        own = [n for n, group in enumerate(groups) if group[0] == scheme]
        if own:
            first, last = LEFT + own[0] * step + 6, LEFT + (own[-1] + 1) * step + 8
            yield (f'<line x1="{first}" y1="{y(base["cpu"]):.1f}" x2="{last}" '
                   f'y2="{y(base["cpu"]):.1f}" stroke="{FLOOR}" stroke-width="2"/>')
            # In the gap behind the last bar.
            yield text(last, y(base["cpu"]) - 5, f'{base["cpu"]:.2f}', anchor="end", fill=FLOOR)
            if base["over_sum"] > VOID:
                yield text(last, y(base["cpu"]) - 18, "void", anchor="end", fill=FLOOR)


def text(x, y, words, anchor="start", fill="#1a202c", size=12, weight="normal", turn=None):
    more = f' transform="{turn}"' if turn else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" '
            f'font-size="{size}" font-weight="{weight}"{more}>{escape(words)}</text>')


def ticks(value):
    """The ends of some four to six steps with one digit, the last not below `value`."""
    power = 10 ** math.floor(math.log10(value))
    step = next(power * part for part in (0.1, 0.2, 0.5, 1, 2, 5) if power * part * 6 >= value)
    return [n * step for n in range(math.ceil(value / step) + 1)]
