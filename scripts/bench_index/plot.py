"""A plot of QPS by recall as SVG. Plain Python."""

import math

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 860, 460, 60, 30, 200, 45
RECALLS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
COLOURS = ("#d1495b", "#1f77b4", "#4aa3df", "#2ca02c", "#8bc34a", "#9467bd", "#c5a3e0", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")


def across(recall):
    """Where a recall lies, 0 to 1: each halving of what is missing is as wide as the last."""
    low, high = -math.log(1 - RECALLS[0]), -math.log(1 - 0.9975)
    return (-math.log(1 - min(max(recall, RECALLS[0]), 0.9975)) - low) / (high - low)


def svg(title, curves):
    """`curves` is {name: [(recall, qps), ...]}; the first is drawn thickest."""
    everything = [q for points in curves.values() for r, q in points if r >= RECALLS[0]]
    if not everything:
        return ""
    low, high = math.floor(math.log10(min(everything))), math.ceil(math.log10(max(everything)))
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(recall):
        return LEFT + wide * across(recall)

    def y(qps):
        return TOP + tall * (high - math.log10(qps)) / (high - low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{title}</text>',
    ]
    for recall in RECALLS:
        out.append(f'<path d="M{x(recall):.1f} {TOP}V{TOP + tall}" stroke="#ddd"/>')
        out.append(f'<text x="{x(recall):.1f}" y="{TOP + tall + 16}" text-anchor="middle">{recall}</text>')
    for power in range(low, high + 1):
        for step in (1, 2, 5) if power < high else (1,):
            qps = step * 10**power
            out.append(f'<path d="M{LEFT} {y(qps):.1f}H{LEFT + wide}" stroke="#ddd"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y(qps) + 4:.1f}" text-anchor="end">{qps:,}</text>')
    out.append(f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">recall@10</text>')
    out.append(f'<text x="14" y="{TOP + tall / 2}" transform="rotate(-90 14 {TOP + tall / 2})" text-anchor="middle">'
               "queries a second of processor time</text>")  # fmt: skip
    for n, (name, points) in enumerate(curves.items()):
        colour, width = COLOURS[n % len(COLOURS)], 3 if n == 0 else 1.5
        line = " ".join(f"{x(r):.1f},{y(q):.1f}" for r, q in points if r >= RECALLS[0])
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        height = TOP + 14 + 18 * n
        out.append(f'<path d="M{LEFT + wide + 12} {height - 4}h22" stroke="{colour}" stroke-width="{width}"/>')
        out.append(f'<text x="{LEFT + wide + 40}" y="{height}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])
