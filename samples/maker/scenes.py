"""The images: one function each, which paints and returns a canvas."""

import math

from paint import Canvas, mix


def beach():
    c = Canvas(480, 320, 1)
    c.sky("#2f7fd0", "#cfe9f7", 0.45)
    c.circle((1.2, 0.13), 0.11, "#fff6c8", soft=0.05, alpha=0.7)
    c.circle((1.2, 0.13), 0.055, "#fffbe6", soft=0.004)
    c.clouds(4, 0.08, 0.3, size=0.06)
    c.ground(0.43, "#1c5f93", "#39a6b8")
    c.ripples(0.44, 0.66, 160, "#7fd0da", "#14517f")
    c.blob([(-0.1, 0.68), (0.4, 0.64), (0.9, 0.7), (1.6, 0.65), (1.7, 1.2), (-0.1, 1.2)], "#f4f8f6", soft=0.006, alpha=0.9)
    c.blob([(-0.1, 0.71), (0.4, 0.665), (0.9, 0.73), (1.6, 0.68), (1.7, 1.2), (-0.1, 1.2)], "#e8cf9c", shade="#d3b076", grain=18)
    c.ellipse((0.34, 0.885), 0.24, 0.028, "#8f774c", soft=0.012, alpha=0.6)
    c.line([(0.36, 0.88), (0.3, 0.52)], 0.012, "#e9e4da")
    top, rim = (0.3, 0.49), [(0.05 + 0.06 * k, 0.66 - 0.012 * k + 0.03 * math.sin(k * math.pi / 8)) for k in range(9)]
    for k in range(8):
        c.polygon([top, rim[k], rim[k + 1]], "#d8342c" if k % 2 else "#f6f1e6")
    c.polygon([(0.72, 0.9), (1.12, 0.8), (1.26, 0.86), (0.86, 0.97)], "#2f6fb5", shade="#245a96", grain=8)
    for k in range(3):
        c.line([(0.78 + 0.12 * k, 0.89 - 0.03 * k), (0.92 + 0.12 * k, 0.955 - 0.03 * k)], 0.012, "#f3f3ef")
    return c


def palm_sunset():
    c = Canvas(400, 300, 2)
    c.sky("#3b2a6b", "#f58a3c", 0.62)
    c.circle((0.8, 0.52), 0.2, "#ffcf6b", soft=0.08, alpha=0.7)
    c.circle((0.8, 0.52), 0.1, "#fff0b0", soft=0.004)
    c.ground(0.6, "#d9713a", "#2a1d3f")
    c.ripples(0.61, 0.98, 190, "#ffd08a", "#3a2348")
    c.blob([(-0.1, 0.98), (0.3, 0.86), (0.6, 0.95), (0.7, 1.2), (-0.1, 1.2)], "#150d18")
    c.curve([(0.26, 0.9), (0.3, 0.65), (0.38, 0.42), (0.46, 0.26)], 0.026, "#150d18")
    for angle in (-200, -165, -130, -95, -55, -20, 15, 40):
        a = math.radians(angle)
        tip = (0.46 + 0.24 * math.cos(a), 0.27 + 0.16 * math.sin(a) + 0.07)
        mid = (0.46 + 0.13 * math.cos(a), 0.25 + 0.12 * math.sin(a) - 0.02)
        c.polygon([(0.46, 0.25), (mid[0], mid[1] - 0.02), tip, (mid[0], mid[1] + 0.03)], "#150d18")
    return c


def dog_on_grass():
    c = Canvas(420, 320, 3)
    c.sky("#8fc3ea", "#d8ecf5", 0.42)
    for x in (0.0, 0.22, 0.5, 0.85, 1.1, 1.3):
        c.foliage((x, 0.33), 0.19, 0.15, ("#1f4a22", "#6f9e4a"), 300, 0.016)
    c.ground(0.42, "#6fa545", "#3f7f2a", 10)
    c.blades(0.44, 1.0, 1500, ("#5f9c38", "#7fb84c", "#3f7a28"), 0.05)
    fur, dark, light = "#b5793c", "#84521f", "#e2b67c"
    c.ellipse((0.64, 0.87), 0.34, 0.035, "#234f18", soft=0.015, alpha=0.7)
    c.curve([(0.34, 0.56), (0.25, 0.48), (0.22, 0.36)], 0.045, fur, soft=0.004)
    for x, tone in ((0.43, dark), (0.83, dark), (0.37, fur), (0.77, fur)):
        c.blob([(x - 0.035, 0.58), (x + 0.045, 0.58), (x + 0.035, 0.74), (x + 0.04, 0.87), (x - 0.035, 0.87), (x - 0.03, 0.74)], tone, soft=0.003, grain=10)
        c.ellipse((x + 0.012, 0.865), 0.042, 0.02, light)
    c.blob([(0.31, 0.52), (0.45, 0.455), (0.65, 0.47), (0.84, 0.44), (0.9, 0.56), (0.8, 0.67), (0.6, 0.66), (0.42, 0.69), (0.32, 0.63)], mix(fur, light, 0.3), shade=dark, soft=0.004, grain=14)
    c.blob([(0.76, 0.5), (0.8, 0.33), (0.93, 0.3), (0.98, 0.42), (0.9, 0.58), (0.82, 0.62)], fur, soft=0.004, grain=12)
    c.ellipse((0.94, 0.3), 0.115, 0.1, fur, soft=0.003, grain=12)
    c.ellipse((1.04, 0.345), 0.08, 0.05, light, turn=10, soft=0.003, grain=8)
    c.ellipse((1.11, 0.325), 0.024, 0.019, "#17120f")
    c.curve([(1.1, 0.35), (1.06, 0.378), (1.0, 0.372)], 0.008, "#3a2415")
    c.blob([(1.035, 0.375), (1.075, 0.375), (1.07, 0.44), (1.045, 0.44)], "#e0707c")
    c.circle((0.975, 0.272), 0.017, "#20140b")
    c.circle((0.98, 0.267), 0.005, "#ffffff")
    c.blob([(0.855, 0.22), (0.91, 0.22), (0.915, 0.33), (0.87, 0.42), (0.825, 0.36)], dark, soft=0.004, grain=10)
    c.curve([(0.8, 0.43), (0.86, 0.46), (0.95, 0.42)], 0.022, "#c62f2f")
    c.blades(0.86, 1.0, 260, ("#6fae44", "#8fc85c"), 0.045)
    return c


def cat_on_sofa():
    c = Canvas(360, 300, 4)
    c.sky("#d9cbb4", "#c4b294", 1.0)
    c.rectangle(0.05, 0.28, 1.15, 0.98, "#3f6f78", 0.09, shade="#27505a", grain=9)
    c.rectangle(-0.05, 0.45, 0.13, 0.98, "#376570", 0.06, shade="#234852", grain=9)
    c.rectangle(1.07, 0.45, 1.25, 0.98, "#376570", 0.06, shade="#234852", grain=9)
    c.rectangle(0.1, 0.72, 1.1, 0.92, "#4c8089", 0.05, shade="#2f5c66", grain=9)
    fur, dark = "#d98f45", "#a35f22"
    c.ellipse((0.6, 0.76), 0.3, 0.035, "#1a3940", soft=0.015, alpha=0.7)
    c.curve([(0.82, 0.7), (0.97, 0.72), (1.0, 0.6), (0.94, 0.52)], 0.05, fur, grain=8)
    c.blob([(0.4, 0.74), (0.42, 0.54), (0.55, 0.44), (0.75, 0.48), (0.86, 0.64), (0.84, 0.76)], fur, shade=dark, soft=0.003, grain=12)
    for k in range(5):
        c.curve([(0.56 + 0.06 * k, 0.47 + 0.012 * k), (0.6 + 0.055 * k, 0.56), (0.59 + 0.055 * k, 0.64)], 0.014, dark, soft=0.003)
    for x in (0.46, 0.57):
        c.blob([(x - 0.045, 0.56), (x + 0.045, 0.56), (x + 0.04, 0.76), (x - 0.04, 0.76)], fur, soft=0.003, grain=10)
        c.ellipse((x, 0.76), 0.05, 0.028, "#f7e8d2")
    c.polygon([(0.36, 0.33), (0.37, 0.15), (0.5, 0.25)], fur)
    c.polygon([(0.68, 0.33), (0.67, 0.15), (0.54, 0.25)], fur)
    c.polygon([(0.39, 0.29), (0.395, 0.19), (0.46, 0.25)], "#eaa9a0")
    c.polygon([(0.65, 0.29), (0.645, 0.19), (0.58, 0.25)], "#eaa9a0")
    c.ellipse((0.52, 0.37), 0.17, 0.14, fur, soft=0.003, grain=12)
    for x in (0.47, 0.52, 0.57):
        c.line([(x, 0.24), (x + (0.52 - x) * 0.3, 0.31)], 0.014, dark, soft=0.002)
    for x in (0.455, 0.585):
        c.ellipse((x, 0.36), 0.034, 0.03, "#b9d65a")
        c.ellipse((x, 0.36), 0.009, 0.027, "#141408")
    c.ellipse((0.52, 0.44), 0.065, 0.045, "#f7e8d2", soft=0.004)
    c.polygon([(0.502, 0.412), (0.538, 0.412), (0.52, 0.432)], "#c96a66")
    c.curve([(0.52, 0.432), (0.5, 0.455), (0.48, 0.45)], 0.006, "#6b3d2a")
    c.curve([(0.52, 0.432), (0.54, 0.455), (0.56, 0.45)], 0.006, "#6b3d2a")
    for side in (-1, 1):
        for k in (-1, 0, 1):
            c.line([(0.52 + side * 0.06, 0.44 + 0.008 * k), (0.52 + side * 0.22, 0.43 + 0.035 * k)], 0.004, "#fbf6ee")
    return c


def red_car():
    c = Canvas(480, 300, 5)
    c.sky("#7db4e0", "#dcebf2", 0.5)
    c.ridge(0.5, 0.2, 0.55, "#7d9a86", 4, soft=0.003)
    c.ground(0.5, "#86a35a", "#6d8b45", 10)
    c.polygon([(-0.1, 0.62), (1.7, 0.62), (1.7, 1.0), (-0.1, 1.0)], "#5c5d60", shade="#46474a", grain=14)
    for k in range(6):
        c.rectangle(0.05 + 0.3 * k, 0.9, 0.2 + 0.3 * k, 0.92, "#eee7c8")
    c.ellipse((0.8, 0.835), 0.55, 0.035, "#1d1d1f", soft=0.012, alpha=0.8)
    red = "#cf1f1f"
    c.blob([(0.46, 0.56), (0.58, 0.41), (0.72, 0.375), (0.92, 0.38), (1.04, 0.46), (1.13, 0.565)], "#b31818")
    c.blob([(0.27, 0.62), (0.42, 0.56), (0.7, 0.545), (1.05, 0.55), (1.26, 0.57), (1.33, 0.66), (1.32, 0.77), (0.8, 0.79), (0.28, 0.77), (0.25, 0.7)], "#e23a32", shade="#9c1212")
    c.polygon([(0.53, 0.555), (0.61, 0.435), (0.77, 0.415), (0.77, 0.55)], "#9fc3d8", shade="#37505f")
    c.polygon([(0.8, 0.55), (0.8, 0.415), (0.92, 0.42), (1.03, 0.5), (1.06, 0.55)], "#9fc3d8", shade="#37505f")
    c.line([(0.785, 0.56), (0.79, 0.77)], 0.005, "#7c0f0f")
    c.rectangle(0.83, 0.6, 0.89, 0.612, "#5d0b0b")
    c.ellipse((0.285, 0.65), 0.022, 0.026, "#fff5cf")
    c.rectangle(1.295, 0.62, 1.325, 0.67, "#ff8a5a", 0.01)
    c.line([(0.3, 0.6), (0.7, 0.575), (1.2, 0.59)], 0.008, "#ff9a90", soft=0.004)
    for x in (0.49, 1.09):
        c.circle((x, 0.765), 0.092, "#141416")
        c.circle((x, 0.765), 0.056, "#c6cacf")
        for k in range(5):
            a = 2 * math.pi * k / 5
            c.line([(x, 0.765), (x + 0.05 * math.cos(a), 0.765 + 0.05 * math.sin(a))], 0.013, "#5a5d62")
        c.circle((x, 0.765), 0.015, "#3a3c40")
    return c


def snow_mountain():
    c = Canvas(400, 400, 6)
    c.sky("#2566b0", "#bcdcf0", 0.8)
    c.clouds(4, 0.12, 0.3, size=0.05)
    c.ridge(0.72, 0.34, 0.55, "#8fa9c6", 11, soft=0.004)
    peak = [(-0.05, 0.8), (0.12, 0.6), (0.22, 0.55), (0.36, 0.33), (0.44, 0.24), (0.5, 0.16), (0.56, 0.25), (0.66, 0.36), (0.72, 0.48), (0.86, 0.57), (1.05, 0.78)]
    c.polygon([*peak, (1.05, 1), (-0.05, 1)], "#66758c", shade="#3c4a60", grain=16)
    c.polygon([(0.36, 0.33), (0.44, 0.24), (0.5, 0.16), (0.56, 0.25), (0.66, 0.36), (0.72, 0.48), (0.8, 0.6), (0.7, 0.57), (0.64, 0.64), (0.58, 0.52), (0.53, 0.6), (0.48, 0.47), (0.42, 0.58), (0.38, 0.45), (0.28, 0.57), (0.22, 0.55)], "#f7fafd", shade="#dde8f2", grain=6)
    c.polygon([(0.5, 0.16), (0.56, 0.25), (0.66, 0.36), (0.72, 0.48), (0.8, 0.6), (0.7, 0.57), (0.66, 0.45), (0.57, 0.35)], "#b7c9de", alpha=0.8, soft=0.004)
    c.ridge(0.86, 0.14, 0.5, "#eef4f9", 5, shade="#cfdde9", grain=5)
    for k in range(26):
        x, tall = (k * 0.041 + 0.012 * ((k * 7) % 5)) % 1.0, 0.1 + 0.05 * ((k * 13) % 7) / 7
        base = 0.9 + 0.07 * ((k * 11) % 9) / 9
        for step in range(4):
            w = tall * (0.12 + 0.1 * step)
            y = base - tall + tall * 0.26 * step
            c.polygon([(x, y - tall * 0.05), (x - w, y + tall * 0.28), (x + w, y + tall * 0.28)], mix("#1f4436", "#0e2a22", step / 4))
            c.polygon([(x, y - tall * 0.05), (x - w * 0.6, y + tall * 0.12), (x + w * 0.3, y + tall * 0.08)], "#f4f8fb", alpha=0.8)
    return c


def daisies():
    c = Canvas(400, 300, 7)
    c.sky("#8cc5ee", "#dff0f6", 0.4)
    c.ground(0.36, "#7eb24a", "#2f6b22", 10)
    c.blades(0.36, 1.0, 1700, ("#5fa03a", "#86bf52", "#3c7c28"), 0.08)
    spots = [(c.random.uniform(0.02, 1.3), c.random.uniform(0.42, 0.92)) for _ in range(46)]
    for x, y in sorted(spots, key=lambda p: p[1]):
        r = 0.018 + 0.1 * (y - 0.4)
        c.line([(x, y), (x + 0.01, min(1.0, y + 2.2 * r))], r * 0.12, "#3f7f2b")
        for k in range(13):
            a = 2 * math.pi * k / 13 + x
            c.ellipse((x + 0.62 * r * math.cos(a), y + 0.5 * r * math.sin(a)), r * 0.42, r * 0.13, "#fbfbf6" if k % 2 else "#e9edec", turn=math.degrees(a))
        c.ball((x, y), r * 0.3, "#f2b51d")
    return c


def sunflower():
    c = Canvas(300, 400, 8)
    c.sky("#4f9ee0", "#d5ecf7", 1.0)
    c.clouds(3, 0.1, 0.5, size=0.06)
    c.curve([(0.38, 0.98), (0.36, 0.7), (0.375, 0.45)], 0.028, "#4f8a2c")
    for side, y in ((-1, 0.78), (1, 0.7), (-1, 0.92)):
        c.blob([(0.365, y), (0.365 + side * 0.12, y - 0.09), (0.365 + side * 0.25, y - 0.03), (0.365 + side * 0.13, y + 0.03)], "#5d9a34", shade="#2f6a1f", grain=8)
    for ring, (count, far, tone) in enumerate(((22, 0.185, "#e59a12"), (20, 0.165, "#f7bd1c"), (18, 0.145, "#ffd53a"))):
        for k in range(count):
            a = 2 * math.pi * (k + 0.35 * ring) / count
            c.ellipse((0.375 + far * math.cos(a), 0.35 + far * math.sin(a)), 0.078, 0.021, tone, turn=math.degrees(a))
    c.circle((0.375, 0.35), 0.125, "#4a2a10", grain=20)
    for k in range(260):
        far, a = 0.12 * math.sqrt(k / 260), 2.39996 * k
        c.circle((0.375 + far * math.cos(a), 0.35 + far * math.sin(a)), 0.0038, mix("#7a4a1a", "#caa04a", (k % 7) / 7))
    return c


def city_at_night():
    c = Canvas(480, 320, 9)
    c.sky("#070b22", "#2b2a57", 0.75)
    for _ in range(120):
        c.circle((c.random.uniform(0, 1.5), c.random.uniform(0, 0.45)), c.random.uniform(0.001, 0.003), "#cfd8ff")
    c.circle((1.25, 0.14), 0.05, "#f4efd4", soft=0.002)
    for base, low, high, tone in ((0.74, 0.2, 0.42, "#191c3c"), (0.76, 0.12, 0.52, "#0d1028")):
        x = -0.02
        while x < 1.52:
            w, tall = c.random.uniform(0.06, 0.13), c.random.uniform(low, high)
            c.rectangle(x, base - tall, x + w, base, tone)
            y = base - tall + 0.02
            while y < base - 0.02:
                wx = x + 0.01
                while wx < x + w - 0.012:
                    if c.random.random() < 0.55:
                        c.rectangle(wx, y, wx + 0.008, y + 0.012, c.random.choice(("#ffd97a", "#ffe9b0", "#f2b54a", "#bcd6ff")))
                    wx += 0.016
                y += 0.026
            x += w + c.random.uniform(0.0, 0.012)
    c.ground(0.75, "#15183a", "#05060f")
    for _ in range(240):
        x, y = c.random.uniform(0, 1.5), c.random.uniform(0.77, 0.98)
        c.rectangle(x, y, x + 0.004, y + c.random.uniform(0.01, 0.05), c.random.choice(("#ffcf6a", "#ffe9b0", "#a9c4ff")), alpha=0.55)
    return c


def football():
    c = Canvas(400, 320, 10)
    c.sky("#5f93c2", "#a9c6da", 0.24)
    for _ in range(900):
        c.circle((c.random.uniform(0, 1.3), c.random.uniform(0.05, 0.22)), 0.008, c.random.choice(("#c23b3b", "#e9e4d8", "#3b4fa0", "#d8b04a", "#444444")))
    for k in range(8):
        c.ground(0.24 + 0.012 * k * k, "#4c9a3c" if k % 2 else "#3f8a31", "#2f7526", 8)
    c.blades(0.5, 1.0, 900, ("#58a846", "#2f7a28"), 0.025)
    c.line([(0.0, 0.47), (1.3, 0.47)], 0.012, "#f2f5ef")
    for x in (0.33, 0.93):
        c.line([(x, 0.47), (x, 0.1)], 0.016, "#fafafa")
    c.line([(0.325, 0.1), (0.935, 0.1)], 0.016, "#fafafa")
    for k in range(1, 16):
        c.line([(0.33 + 0.0375 * k, 0.11), (0.33 + 0.0375 * k, 0.46)], 0.003, "#e7ecec", alpha=0.6)
    for k in range(1, 10):
        c.line([(0.33, 0.1 + 0.036 * k), (0.93, 0.1 + 0.036 * k)], 0.003, "#e7ecec", alpha=0.6)
    at, r = (0.64, 0.72), 0.17
    c.ellipse((0.67, 0.885), 0.19, 0.03, "#173f14", soft=0.012, alpha=0.75)
    c.ball(at, r, "#d9dcdf", 0.9)
    patches = [(0, 0, 0.36)] + [(0.78 * math.cos(a), 0.78 * math.sin(a), 0.26) for a in (math.radians(d) for d in (-90, -18, 54, 126, 198))]
    for dx, dy, size in patches:
        base = math.atan2(dy, dx) + math.pi if dx or dy else -math.pi / 2
        squeeze = 1.0 if not (dx or dy) else 0.62
        pts = []
        for k in range(5):
            a = base + 2 * math.pi * k / 5
            ux, uy = size * math.cos(a), size * math.sin(a)
            along = ux * math.cos(base) + uy * math.sin(base)
            across = -ux * math.sin(base) + uy * math.cos(base)
            along *= squeeze
            pts.append((at[0] + r * (dx + along * math.cos(base) - across * math.sin(base)), at[1] + r * (dy + along * math.sin(base) + across * math.cos(base))))
        c.polygon(pts, "#1b1c1f")
        if dx or dy:
            c.line([(at[0] + r * 0.34 * dx / 0.78, at[1] + r * 0.34 * dy / 0.78), (at[0] + r * (dx - 0.16 * dx / 0.78), at[1] + r * (dy - 0.16 * dy / 0.78))], 0.006, "#3a3c40")
    return c


def sailing_boat():
    c = Canvas(400, 400, 11)
    c.sky("#4f94d4", "#e1eff6", 0.6)
    c.clouds(5, 0.1, 0.45, size=0.06)
    c.ridge(0.6, 0.08, 0.5, "#7f9b96", 8, soft=0.003)
    c.ground(0.58, "#2a6f9e", "#123f63")
    c.ripples(0.59, 0.99, 260, "#6fb3d2", "#0e3350")
    c.ellipse((0.5, 0.79), 0.27, 0.03, "#0b2c44", soft=0.012, alpha=0.7)
    c.blob([(0.27, 0.7), (0.5, 0.712), (0.78, 0.68), (0.7, 0.775), (0.5, 0.795), (0.34, 0.78)], "#f5f5f0", shade="#b9bfc4")
    c.curve([(0.28, 0.712), (0.5, 0.726), (0.765, 0.697)], 0.014, "#b6312b")
    c.line([(0.5, 0.71), (0.5, 0.12)], 0.012, "#6a4a2c")
    c.polygon([(0.512, 0.14), (0.512, 0.66), (0.76, 0.655), (0.66, 0.42)], "#ffffff", shade="#d9dfe6")
    c.polygon([(0.488, 0.2), (0.488, 0.66), (0.29, 0.675), (0.36, 0.47)], "#f3f4f2", shade="#c9d0d8")
    c.polygon([(0.5, 0.12), (0.5, 0.075), (0.57, 0.1)], "#d8342c")
    return c


def balloons():
    c = Canvas(300, 420, 12)
    c.sky("#4e9be0", "#f6dcc0", 1.0)
    c.ridge(0.95, 0.1, 0.5, "#587d55", 3, soft=0.003, grain=8)

    def balloon(x, y, r, tones):
        for k in range(len(tones) * 2 - 1):
            half = r * (1 - k / (len(tones) * 2 - 1))
            c.ellipse((x, y), half, r * 1.05, tones[k % len(tones)])
        c.polygon([(x - r * 0.62, y + r * 0.78), (x + r * 0.62, y + r * 0.78), (x + r * 0.2, y + r * 1.5), (x - r * 0.2, y + r * 1.5)], tones[0], shade=mix(tones[0], "#000000", 0.35))
        c.ellipse((x - r * 0.35, y - r * 0.3), r * 0.3, r * 0.45, "#ffffff", soft=r * 0.2, alpha=0.35)
        for side in (-0.17, 0.17):
            c.line([(x + r * side, y + r * 1.5), (x + r * side * 0.8, y + r * 1.85)], 0.003, "#4a3a2a")
        c.rectangle(x - r * 0.18, y + r * 1.82, x + r * 0.18, y + r * 2.1, "#7a4f24", 0.005, grain=10)

    balloon(0.3, 0.3, 0.2, ("#d8342c", "#f5c02c", "#2f6fb5"))
    balloon(0.57, 0.53, 0.085, ("#7a3fa0", "#f2f2ee", "#e88a2a"))
    balloon(0.1, 0.66, 0.05, ("#2f9a5a", "#f5e04a"))
    return c


def rainbow():
    c = Canvas(420, 280, 13)
    c.sky("#5d7fa3", "#c6d8e3", 0.72)
    c.clouds(7, 0.05, 0.3, "#cfd8e0", 0.7, 0.08)
    for k, tone in enumerate(("#e2402f", "#f08a2a", "#f5dd3a", "#54b04a", "#3a7fd0", "#4a4ab0", "#8a45b0")):
        c.curve([(0.75 + (0.62 - 0.018 * k) * math.cos(a), 0.78 - (0.66 - 0.018 * k) * math.sin(a)) for a in (math.pi * s / 24 for s in range(25))], 0.02, tone, soft=0.006, alpha=0.75)
    c.ridge(0.78, 0.12, 0.5, "#4f7a4a", 9, soft=0.003, grain=8)
    c.ground(0.76, "#7fae4a", "#4a7f2c", 10)
    c.blades(0.78, 1.0, 700, ("#86b850", "#5c9636"), 0.04)
    for x, s in ((0.3, 0.9), (1.15, 1.2)):
        c.rectangle(x - 0.008, 0.72, x + 0.008, 0.82, "#5a3d24")
        c.foliage((x, 0.67), 0.08 * s, 0.085 * s, ("#1f4a20", "#69a044"), 240, 0.013)
    return c


def goldfish():
    c = Canvas(360, 300, 14)
    c.sky("#1f7fae", "#0b3f66", 1.0)
    for k in range(5):
        c.polygon([(0.1 + 0.25 * k, 0), (0.18 + 0.25 * k, 0), (0.02 + 0.3 * k, 1), (-0.12 + 0.3 * k, 1)], "#9fdcf0", alpha=0.14, soft=0.02)
    c.blob([(-0.1, 0.9), (0.3, 0.86), (0.8, 0.91), (1.3, 0.87), (1.3, 1.1), (-0.1, 1.1)], "#cdb78a", shade="#8f7a52", grain=26)
    for x in (0.08, 0.16, 1.02, 1.1):
        c.curve([(x, 0.92), (x + 0.03, 0.75), (x - 0.02, 0.6), (x + 0.03, 0.45)], 0.024, "#3f8a3c", shade="#6fc05a")

    def fish(x, y, s, tone):
        c.blob([(x + 0.2 * s, y), (x + 0.42 * s, y - 0.18 * s), (x + 0.36 * s, y), (x + 0.43 * s, y + 0.19 * s)], mix(tone, "#ffe0a0", 0.3), alpha=0.9, soft=0.003)
        c.blob([(x - 0.08 * s, y - 0.12 * s), (x + 0.03 * s, y - 0.26 * s), (x + 0.16 * s, y - 0.1 * s)], mix(tone, "#ffd080", 0.2), alpha=0.9)
        c.blob([(x - 0.26 * s, y), (x - 0.13 * s, y - 0.13 * s), (x + 0.08 * s, y - 0.12 * s), (x + 0.25 * s, y), (x + 0.08 * s, y + 0.13 * s), (x - 0.12 * s, y + 0.13 * s)], mix(tone, "#ffffff", 0.12), shade=mix(tone, "#c03010", 0.4), soft=0.002)
        for row in range(3):
            for k in range(5):
                c.circle((x - 0.07 * s + 0.055 * k * s, y - 0.05 * s + 0.05 * row * s), 0.022 * s, mix(tone, "#ffe9b0", 0.45), alpha=0.35)
        c.blob([(x - 0.03 * s, y + 0.04 * s), (x + 0.08 * s, y + 0.16 * s), (x + 0.06 * s, y + 0.05 * s)], mix(tone, "#ffe0a0", 0.4))
        c.circle((x - 0.17 * s, y - 0.03 * s), 0.025 * s, "#fff6dc")
        c.circle((x - 0.175 * s, y - 0.03 * s), 0.014 * s, "#101010")

    fish(0.52, 0.42, 1.0, "#f07a1c")
    fish(0.9, 0.68, 0.55, "#f59a2a")
    for x, y, r in ((0.2, 0.3, 0.018), (0.23, 0.22, 0.013), (0.18, 0.15, 0.01), (0.62, 0.68, 0.012)):
        c.circle((x, y), r, "#d8f2fb", alpha=0.7)
    return c


def butterfly():
    c = Canvas(360, 320, 15)
    c.sky("#b7d98a", "#4f8a3a", 1.0)
    for _ in range(26):
        c.circle((c.random.uniform(0, 1.1), c.random.uniform(0, 1)), c.random.uniform(0.04, 0.12), c.random.choice(("#cfe9a4", "#6fa84c", "#e7f2c4", "#3f7a34")), soft=0.04, alpha=0.5)
    for k in range(16):
        a = 2 * math.pi * k / 16
        c.ellipse((0.56 + 0.17 * math.cos(a), 0.82 + 0.1 * math.sin(a)), 0.1, 0.04, "#b65fc2" if k % 2 else "#d488dd", turn=math.degrees(a))
    c.ellipse((0.56, 0.82), 0.1, 0.06, "#e9b13a", grain=20)
    for side in (-1, 1):
        x = 0.56
        upper = [(x + side * 0.02, 0.5), (x + side * 0.14, 0.24), (x + side * 0.36, 0.16), (x + side * 0.44, 0.3), (x + side * 0.32, 0.48), (x + side * 0.12, 0.54)]
        lower = [(x + side * 0.02, 0.54), (x + side * 0.2, 0.52), (x + side * 0.34, 0.6), (x + side * 0.28, 0.74), (x + side * 0.14, 0.74), (x + side * 0.04, 0.62)]
        for wing in (lower, upper):
            middle = (sum(p[0] for p in wing) / 6, sum(p[1] for p in wing) / 6)
            c.blob(wing, "#1a1310")
            c.blob([(middle[0] + (px - middle[0]) * 0.86, middle[1] + (py - middle[1]) * 0.86) for px, py in wing], "#f08a1e", shade="#d8600f", grain=8)
            for px, py in wing[1:5]:
                c.line([(x + side * 0.02, 0.52), (px, py)], 0.006, "#1a1310")
            for t in (0.12, 0.3, 0.5, 0.7, 0.88):
                edge = wing[1:5]
                k = min(2, int(t * 3))
                f = t * 3 - k
                px, py = edge[k][0] + (edge[k + 1][0] - edge[k][0]) * f, edge[k][1] + (edge[k + 1][1] - edge[k][1]) * f
                c.circle((middle[0] + (px - middle[0]) * 0.97, middle[1] + (py - middle[1]) * 0.97), 0.009, "#fbf7ea")
        c.curve([(x + side * 0.008, 0.42), (x + side * 0.05, 0.33), (x + side * 0.1, 0.28)], 0.006, "#1a1310")
        c.circle((x + side * 0.1, 0.28), 0.009, "#1a1310")
    c.ellipse((0.56, 0.55), 0.02, 0.13, "#241a14")
    c.circle((0.56, 0.42), 0.024, "#241a14")
    return c


def fruit_bowl():
    c = Canvas(400, 320, 16)
    c.sky("#cfd6d2", "#e8e4d8", 0.62)
    c.ground(0.6, "#a8713c", "#7a4d24", 14)
    c.ellipse((0.63, 0.9), 0.42, 0.045, "#3f2610", soft=0.015, alpha=0.7)
    for x, y, r, tone in ((0.4, 0.5, 0.115, "#f08a1e"), (0.86, 0.5, 0.115, "#cf2a22"), (0.62, 0.44, 0.12, "#8fb82e"), (0.5, 0.56, 0.11, "#d8342c"), (0.75, 0.56, 0.11, "#f5961e")):
        c.ball((x, y), r, tone, 0.6)
        c.curve([(x, y - r * 0.85), (x + 0.012, y - r * 1.15)], 0.01, "#4f3517")
    for shift in (0.0, 0.05):
        c.blob([(0.3, 0.32 - shift), (0.42, 0.42 - shift), (0.62, 0.44 - shift), (0.82, 0.36 - shift), (0.92, 0.22 - shift), (0.9, 0.36 - shift), (0.76, 0.5 - shift), (0.55, 0.54 - shift), (0.36, 0.46 - shift)], "#f7dc4a", shade="#d9ae24")
        c.ellipse((0.92, 0.22 - shift), 0.016, 0.02, "#5a4a1c")
    c.blob([(0.2, 0.58), (0.63, 0.62), (1.06, 0.58), (0.98, 0.78), (0.8, 0.89), (0.46, 0.89), (0.28, 0.78)], "#e9eef2", shade="#8fa6b8")
    c.curve([(0.2, 0.585), (0.63, 0.625), (1.06, 0.585)], 0.02, "#ffffff")
    c.curve([(0.25, 0.69), (0.63, 0.73), (1.01, 0.69)], 0.022, "#3a66a8")
    return c


def traffic_light():
    c = Canvas(240, 360, 17)
    c.sky("#7f9fc0", "#dfe6ea", 1.0)
    for x, w, top, tone in ((0.0, 0.2, 0.3, "#a8988a"), (0.2, 0.16, 0.42, "#8f7f78"), (0.45, 0.25, 0.25, "#9c8f88")):
        c.rectangle(x, top, x + w, 0.92, tone, grain=8)
        for row in range(7):
            for k in range(3):
                c.rectangle(x + 0.025 + k * w / 3.3, top + 0.04 + row * 0.075, x + 0.055 + k * w / 3.3, top + 0.085 + row * 0.075, "#5f6f80")
    c.ground(0.9, "#6a6a6c", "#4a4a4c", 14)
    c.rectangle(0.32, 0.6, 0.36, 1.0, "#3a3d3f")
    c.rectangle(0.2, 0.1, 0.48, 0.66, "#1d1f20", 0.03)
    c.rectangle(0.21, 0.11, 0.47, 0.65, "#2a2d2e", 0.03)
    for y, on, tone in ((0.2, True, "#ff2a1c"), (0.38, False, "#6b5a14"), (0.56, False, "#14521f")):
        if on:
            c.circle((0.34, y), 0.13, tone, soft=0.05, alpha=0.6)
        c.ball((0.34, y), 0.07, tone, 0.7 if on else 0.1)
        c.curve([(0.265, y - 0.02), (0.3, y - 0.085), (0.38, y - 0.085), (0.415, y - 0.02)], 0.014, "#121314")
    return c


def school_bus():
    c = Canvas(460, 300, 18)
    c.sky("#86b9e2", "#e2eff4", 0.6)
    for x in (0.1, 0.45, 1.1, 1.45):
        c.rectangle(x - 0.01, 0.4, x + 0.01, 0.65, "#5a3d24")
        c.foliage((x, 0.33), 0.15, 0.14, ("#2a5a26", "#7fb04e"), 260, 0.016)
    c.ground(0.62, "#8fae5c", "#6f8f44", 10)
    c.ground(0.7, "#5f6063", "#4a4b4e", 14)
    c.ellipse((0.75, 0.86), 0.6, 0.035, "#1d1d1f", soft=0.012, alpha=0.8)
    c.rectangle(0.14, 0.22, 1.2, 0.8, "#f7b51c", 0.05, shade="#dd9410")
    c.rectangle(1.12, 0.5, 1.4, 0.8, "#f2ac18", 0.05, shade="#d68c0e")
    for k in range(6):
        c.rectangle(0.2 + 0.15 * k, 0.3, 0.325 + 0.15 * k, 0.46, "#33424c", 0.012, shade="#7d97a6")
    c.polygon([(1.1, 0.3), (1.19, 0.3), (1.21, 0.5), (1.1, 0.5)], "#33424c", shade="#8fa8b6")
    for y in (0.52, 0.58, 0.7):
        c.rectangle(0.14, y, 1.2, y + 0.014, "#1d1a12")
    c.rectangle(0.45, 0.235, 0.9, 0.275, "#1d1a12", 0.01)
    c.rectangle(1.36, 0.6, 1.4, 0.66, "#fff4c8", 0.01)
    c.rectangle(1.34, 0.76, 1.44, 0.8, "#2a2a2c", 0.01)
    for x in (0.4, 1.22):
        c.circle((x, 0.8), 0.085, "#161618")
        c.circle((x, 0.8), 0.042, "#a9adb2")
        c.circle((x, 0.8), 0.015, "#4a4c50")
    return c


def umbrella_in_rain():
    c = Canvas(300, 400, 19)
    c.sky("#5a6878", "#8f9ba6", 0.78)
    for x, w, top in ((-0.02, 0.2, 0.2), (0.56, 0.2, 0.15)):
        c.rectangle(x, top, x + w, 0.78, "#4a5360", soft=0.01, grain=6)
    c.ground(0.76, "#565f69", "#3a424b", 10)
    for _ in range(36):
        c.ellipse((c.random.uniform(0, 0.75), c.random.uniform(0.8, 0.99)), c.random.uniform(0.02, 0.05), 0.006, "#a9b6c2", alpha=0.5)
    c.polygon([(0.32, 0.84), (0.43, 0.84), (0.44, 0.93), (0.31, 0.93)], "#22262b")
    c.blob([(0.29, 0.5), (0.46, 0.5), (0.5, 0.72), (0.48, 0.86), (0.27, 0.86), (0.25, 0.72)], "#2a5a96", shade="#1a3a66", grain=8)
    c.circle((0.375, 0.45), 0.05, "#c79a78")
    c.line([(0.41, 0.62), (0.41, 0.2)], 0.01, "#2a2a2c")
    top, rim = (0.4, 0.14), [(0.1 + 0.1 * k, 0.37 + (0.02 if k % 2 else 0.0) - 0.005 * (3 - abs(k - 3))) for k in range(7)]
    c.blob([(0.1, 0.37), (0.16, 0.24), (0.28, 0.16), (0.4, 0.14), (0.53, 0.16), (0.65, 0.24), (0.7, 0.37), (0.55, 0.36), (0.4, 0.375), (0.25, 0.36)], "#e03a30", shade="#a81c18")
    for p in rim[1:6]:
        c.curve([top, ((top[0] + p[0]) / 2 + (p[0] - 0.4) * 0.12, 0.23), p], 0.004, "#7f1210")
    c.line([(0.4, 0.14), (0.4, 0.11)], 0.01, "#2a2a2c")
    for _ in range(300):
        x, y = c.random.uniform(0, 0.78), c.random.uniform(0, 1)
        c.line([(x, y), (x - 0.008, y + 0.035)], 0.0025, "#d6e2ec", alpha=0.55)
    return c


def desert_pyramid():
    c = Canvas(420, 300, 20)
    c.sky("#4f9ad8", "#f2dfb8", 0.66)
    c.circle((1.15, 0.15), 0.06, "#fff8d8", soft=0.01)
    c.polygon([(0.62, 0.16), (0.2, 0.68), (0.74, 0.7)], "#e0b878", shade="#cda25e", grain=14)
    c.polygon([(0.62, 0.16), (0.74, 0.7), (1.06, 0.66)], "#a97a42", shade="#8f6433", grain=14)
    for k in range(1, 14):
        t = k / 14
        c.line([(0.62 - 0.42 * t, 0.16 + 0.52 * t), (0.62 + 0.12 * t, 0.16 + 0.54 * t), (0.62 + 0.44 * t, 0.16 + 0.5 * t)], 0.003, "#7a5526", alpha=0.5)
    c.polygon([(1.12, 0.4), (0.95, 0.66), (1.18, 0.67)], "#dcb273", grain=12)
    c.polygon([(1.12, 0.4), (1.18, 0.67), (1.34, 0.65)], "#a2743e", grain=12)
    for base, tone, shade, seed in ((0.7, "#e3be7e", "#cfa35f", 2), (0.84, "#dbb06c", "#b9874a", 5)):
        c.ridge(base, 0.12, 0.35, tone, seed, shade=shade, grain=14)
    return c


def forest_path():
    c = Canvas(300, 400, 21)
    c.sky("#e4efc4", "#7fa85a", 0.6)
    c.circle((0.38, 0.3), 0.22, "#fdfbe0", soft=0.09, alpha=0.8)
    c.ground(0.55, "#5f8a3c", "#33591f", 14)
    c.blob([(0.34, 0.53), (0.42, 0.53), (0.46, 0.66), (0.4, 0.78), (0.62, 1.1), (0.1, 1.1), (0.24, 0.8), (0.36, 0.66)], "#b8946a", shade="#8a6641", grain=18)
    for row in range(3):
        scale = (0.5, 0.75, 1.15)[row]
        for k in range(8):
            x = (k * 0.107 + row * 0.05 + c.random.uniform(-0.02, 0.02)) % 0.78
            if abs(x - 0.38) < (0.04, 0.1, 0.2)[row]:
                continue
            base, w = 0.55 + 0.16 * row + c.random.uniform(0, 0.05), 0.014 * scale + 0.004
            c.polygon([(x - w, base), (x - w * 0.6, -0.05), (x + w * 0.6, -0.05), (x + w, base)], mix("#7a6a4c", "#2f2416", row / 2), grain=14)
    for _ in range(22):
        c.foliage((c.random.uniform(-0.05, 0.8), c.random.uniform(-0.02, 0.25)), 0.13, 0.07, ("#1f4a1a", "#a9cf5a"), 90, 0.013)
    for x in (0.02, 0.12, 0.66, 0.74):
        c.foliage((x, 0.78), 0.1, 0.07, ("#1f4a1a", "#7fb04a"), 140, 0.013)
    c.blades(0.7, 1.0, 300, ("#5f9638", "#3f7426"), 0.035)
    c.blob([(0.34, 0.62), (0.42, 0.62), (0.44, 0.7), (0.4, 0.78), (0.62, 1.1), (0.1, 1.1), (0.24, 0.8), (0.36, 0.7)], "#b8946a", shade="#8a6641", grain=18)
    return c


def planet():
    c = Canvas(360, 360, 22)
    c.sky("#03030c", "#0a0a24", 1.0)
    for _ in range(300):
        c.circle((c.random.uniform(0, 1), c.random.uniform(0, 1)), c.random.uniform(0.0008, 0.003), c.random.choice(("#ffffff", "#cfd8ff", "#ffe9c8")))
    c.ellipse((0.5, 0.5), 0.43, 0.115, "#d8c39a", turn=-18)
    c.ellipse((0.5, 0.5), 0.37, 0.09, "#0a0a1e", turn=-18)
    c.ellipse((0.5, 0.5), 0.355, 0.084, "#b79f78", turn=-18)
    c.ellipse((0.5, 0.5), 0.3, 0.062, "#07071a", turn=-18)
    c.ball((0.5, 0.5), 0.23, "#d2a96a", 0.45)
    for k in range(-4, 5):
        half = math.sqrt(max(0.0, 0.052 - (0.046 * k) ** 2))
        c.ellipse((0.5 + 0.014 * k, 0.5 + 0.044 * k), half * 0.98, 0.012, "#a9773c" if k % 2 else "#f0d8a8", turn=-18, alpha=0.4, soft=0.004)
    front = [(0.5 + 0.395 * math.cos(a), 0.5 + 0.1 * math.sin(a)) for a in (math.pi * s / 30 for s in range(31))]
    turn = math.radians(-18)
    front = [(0.5 + (x - 0.5) * math.cos(turn) - (y - 0.5) * math.sin(turn), 0.5 + (x - 0.5) * math.sin(turn) + (y - 0.5) * math.cos(turn)) for x, y in front]
    c.curve(front, 0.026, "#dcc8a0", alpha=0.95)
    return c


def clock():
    c = Canvas(300, 300, 23)
    c.sky("#b9c4b4", "#a4b09f", 1.0)
    c.circle((0.52, 0.53), 0.4, "#4a5246", soft=0.02, alpha=0.6)
    c.circle((0.5, 0.5), 0.41, "#5a3517")
    c.circle((0.5, 0.5), 0.385, "#8a5a2c")
    c.circle((0.5, 0.5), 0.35, "#fbf8ef")
    for k in range(60):
        a = 2 * math.pi * k / 60
        inner = 0.28 if k % 5 == 0 else 0.315
        c.line([(0.5 + inner * math.sin(a), 0.5 - inner * math.cos(a)), (0.5 + 0.33 * math.sin(a), 0.5 - 0.33 * math.cos(a))], 0.014 if k % 5 == 0 else 0.005, "#1b1b1d")
    for angle, length, width in ((305, 0.19, 0.022), (60, 0.28, 0.015)):
        a = math.radians(angle)
        c.line([(0.5 - 0.04 * math.sin(a), 0.5 + 0.04 * math.cos(a)), (0.5 + length * math.sin(a), 0.5 - length * math.cos(a))], width, "#1b1b1d")
    a = math.radians(200)
    c.line([(0.5 - 0.06 * math.sin(a), 0.5 + 0.06 * math.cos(a)), (0.5 + 0.3 * math.sin(a), 0.5 - 0.3 * math.cos(a))], 0.006, "#c62f2f")
    c.circle((0.5, 0.5), 0.02, "#1b1b1d")
    return c


def piano():
    c = Canvas(460, 240, 24)
    c.sky("#2a1c14", "#120c08", 1.0)
    c.rectangle(0.0, 0.0, 1.92, 0.28, "#1b1210", shade="#3a2a22")
    c.rectangle(0.0, 0.28, 1.92, 0.3, "#8a1f1f")
    for k in range(22):
        x = 0.04 + 0.084 * k
        c.rectangle(x, 0.3, x + 0.081, 0.93, "#ffffff", 0.008, shade="#dcd8cc")
        if k % 7 not in (2, 6):
            c.rectangle(x + 0.058, 0.3, x + 0.11, 0.7, "#050505", 0.006)
            c.rectangle(x + 0.064, 0.3, x + 0.104, 0.67, "#34343a", 0.006, shade="#141416")
    return c


def toadstool():
    c = Canvas(320, 360, 25)
    c.sky("#9fbf7a", "#3a5a2c", 1.0)
    for _ in range(22):
        c.circle((c.random.uniform(0, 0.9), c.random.uniform(0, 0.6)), c.random.uniform(0.03, 0.1), c.random.choice(("#c8dc9a", "#5f8a46", "#2f4f24")), soft=0.03, alpha=0.5)
    c.ground(0.78, "#4f6f2c", "#2c3f18", 22)
    c.blob([(0.38, 0.42), (0.5, 0.42), (0.51, 0.65), (0.55, 0.88), (0.33, 0.88), (0.37, 0.65)], "#f4efe0", shade="#cbbf9f", grain=10)
    c.blob([(0.36, 0.5), (0.44, 0.48), (0.53, 0.5), (0.55, 0.56), (0.44, 0.53), (0.34, 0.56)], "#efe8d4", shade="#d4c8a8")
    c.blob([(0.12, 0.46), (0.18, 0.26), (0.36, 0.13), (0.54, 0.13), (0.7, 0.26), (0.76, 0.46), (0.6, 0.5), (0.44, 0.485), (0.28, 0.5)], "#e2302a", shade="#a8140f")
    c.ellipse((0.33, 0.22), 0.09, 0.05, "#ff9a90", turn=-30, soft=0.03, alpha=0.6)
    for x, y, r in ((0.3, 0.3, 0.034), (0.45, 0.2, 0.03), (0.57, 0.3, 0.036), (0.42, 0.36, 0.03), (0.22, 0.41, 0.024), (0.67, 0.4, 0.024), (0.55, 0.43, 0.022), (0.33, 0.44, 0.02)):
        c.ellipse((x, y), r, r * 0.8, "#fbf6e6", shade="#d8cdb0")
    c.blades(0.84, 1.0, 420, ("#6f9a3c", "#8fbc54", "#4a7428"), 0.07)
    return c


def ladybird():
    c = Canvas(360, 280, 26)
    c.sky("#cfe6a4", "#7fae54", 1.0)
    for _ in range(16):
        c.circle((c.random.uniform(0, 1.3), c.random.uniform(0, 1)), c.random.uniform(0.06, 0.14), c.random.choice(("#e4f2c4", "#6f9f4a")), soft=0.05, alpha=0.5)
    c.blob([(-0.1, 0.9), (0.2, 0.5), (0.7, 0.42), (1.15, 0.5), (1.4, 0.75), (1.1, 1.0), (0.5, 1.1)], "#4f9a34", shade="#2f6a1f", grain=12)
    c.curve([(-0.05, 0.95), (0.5, 0.76), (1.35, 0.72)], 0.014, "#8fca68")
    for k in range(6):
        c.curve([(0.2 + 0.18 * k, 0.83 - 0.02 * k), (0.3 + 0.18 * k, 0.66), (0.36 + 0.18 * k, 0.5)], 0.007, "#7fbc58")
    for side in (-0.16, 0.0, 0.16):
        c.curve([(0.66 + side, 0.62), (0.64 + side * 1.3, 0.76), (0.6 + side * 1.4, 0.8)], 0.016, "#141210")
    c.ellipse((0.66, 0.75), 0.3, 0.04, "#1f4a14", soft=0.02, alpha=0.7)
    c.blob([(0.83, 0.5), (0.93, 0.42), (1.02, 0.5), (1.02, 0.64), (0.92, 0.7), (0.84, 0.66)], "#171412")
    c.circle((0.97, 0.5), 0.022, "#f4f0e4")
    c.curve([(1.0, 0.46), (1.06, 0.38), (1.1, 0.37)], 0.008, "#171412")
    c.blob([(0.36, 0.68), (0.39, 0.46), (0.52, 0.31), (0.68, 0.28), (0.83, 0.38), (0.9, 0.56), (0.87, 0.7), (0.62, 0.74)], "#ea3a22", shade="#a8160c")
    c.ellipse((0.58, 0.38), 0.1, 0.035, "#ffb0a0", turn=-20, soft=0.02, alpha=0.7)
    c.curve([(0.38, 0.7), (0.58, 0.52), (0.82, 0.37)], 0.008, "#2a0c08")
    for x, y, r in ((0.52, 0.42, 0.042), (0.68, 0.36, 0.036), (0.46, 0.58, 0.036), (0.76, 0.52, 0.042), (0.63, 0.63, 0.042), (0.83, 0.63, 0.03)):
        c.circle((x, y), r, "#171210")
    return c


def lighthouse():
    c = Canvas(280, 400, 27)
    c.sky("#3f86c8", "#e8f1f4", 0.72)
    c.clouds(4, 0.12, 0.5, size=0.05)
    c.ground(0.7, "#2a6f94", "#174562")
    c.ripples(0.71, 0.99, 150, "#84bdd4", "#123850")
    c.blob([(0.1, 1.05), (0.16, 0.86), (0.28, 0.78), (0.46, 0.77), (0.6, 0.84), (0.75, 1.05)], "#7a7064", shade="#4a433c", grain=26)
    for k in range(6):
        y0, y1 = 0.26 + 0.09 * k, 0.26 + 0.09 * (k + 1)
        w0, w1 = 0.055 + 0.007 * k, 0.055 + 0.007 * (k + 1)
        c.polygon([(0.37 - w0, y0), (0.37 + w0, y0), (0.37 + w1, y1), (0.37 - w1, y1)], "#d8342c" if k % 2 == 0 else "#f7f5ee")
        c.polygon([(0.37 + w0 * 0.3, y0), (0.37 + w0, y0), (0.37 + w1, y1), (0.37 + w1 * 0.3, y1)], "#000000", alpha=0.18)
    c.rectangle(0.29, 0.24, 0.45, 0.262, "#2a2d30")
    c.rectangle(0.325, 0.16, 0.415, 0.24, "#fff1a8")
    for x in (0.325, 0.355, 0.385, 0.412):
        c.line([(x, 0.16), (x, 0.24)], 0.005, "#2a2d30")
    c.polygon([(0.31, 0.165), (0.43, 0.165), (0.37, 0.09)], "#b02a24")
    c.rectangle(0.345, 0.72, 0.395, 0.8, "#4a3420", 0.02)
    for y in (0.38, 0.55):
        c.rectangle(0.355, y, 0.385, y + 0.04, "#2f4458")
    return c


def volcano():
    c = Canvas(400, 300, 28)
    c.sky("#1c1526", "#7a2f22", 0.85)
    c.ground(0.84, "#2a1a1c", "#140e10", 12)
    for k in range(34):
        y = 0.3 - 0.3 * k / 34
        c.circle((0.68 + c.random.gauss(0, 0.03 + 0.1 * k / 34), y), 0.04 + 0.07 * k / 34, mix("#7a5a52", "#2c2428", k / 34), soft=0.02, alpha=0.75)
    c.circle((0.67, 0.32), 0.15, "#ff8a2a", soft=0.06, alpha=0.8)
    for k in range(90):
        a, v = c.random.uniform(-2.3, -0.85), c.random.uniform(0.05, 0.3)
        c.circle((0.67 + v * math.cos(a), 0.34 + v * math.sin(a)), c.random.uniform(0.003, 0.009), c.random.choice(("#ffd23a", "#ff8a1c", "#ff4a14")))
    c.blob([(0.0, 0.98), (0.25, 0.75), (0.46, 0.5), (0.58, 0.33), (0.67, 0.35), (0.76, 0.33), (0.9, 0.52), (1.1, 0.76), (1.4, 0.98), (0.7, 1.3)], "#3a2c2c", shade="#171214", grain=20)
    for points, w in (([(0.66, 0.35), (0.63, 0.5), (0.68, 0.65), (0.6, 0.85), (0.62, 1.0)], 0.035), ([(0.7, 0.35), (0.76, 0.52), (0.84, 0.66), (0.9, 0.86)], 0.022), ([(0.62, 0.36), (0.52, 0.55), (0.45, 0.72)], 0.016)):
        c.curve(points, w * 1.8, "#ff4a10", soft=0.012, alpha=0.7)
        c.curve(points, w, "#ff6a14")
        c.curve(points, w * 0.4, "#ffe05a")
    return c


def pizza():
    c = Canvas(320, 320, 29)
    c.sky("#9a6b3f", "#7f5430", 1.0)
    for k in range(6):
        c.line([(0, 0.17 * k + 0.05), (1, 0.17 * k + 0.04)], 0.005, "#5f3d20")
    c.circle((0.51, 0.53), 0.43, "#2f1c0c", soft=0.015, alpha=0.6)
    c.circle((0.5, 0.5), 0.425, "#d79a4c", shade="#b87430", grain=20)
    c.circle((0.5, 0.5), 0.37, "#b8321c", grain=14)
    c.circle((0.5, 0.5), 0.355, "#f4c95a", shade="#e8ae3c", grain=26)
    for _ in range(26):
        a, far = c.random.uniform(0, 6.28), 0.32 * math.sqrt(c.random.random())
        c.circle((0.5 + far * math.cos(a), 0.5 + far * math.sin(a)), c.random.uniform(0.015, 0.04), c.random.choice(("#fbe6a4", "#d9822a")), soft=0.008, alpha=0.6)
    for x, y in ((0.36, 0.32), (0.56, 0.28), (0.7, 0.42), (0.5, 0.48), (0.3, 0.52), (0.66, 0.62), (0.44, 0.68), (0.56, 0.78), (0.26, 0.68)):
        c.circle((x, y), 0.062, "#8f1f14")
        c.circle((x, y), 0.056, "#c23a24", grain=18)
    for k in range(14):
        a, far = 2.4 * k, 0.1 + 0.016 * k
        x, y = 0.5 + far * math.cos(a), 0.5 + far * math.sin(a)
        c.ellipse((x, y), 0.026, 0.011, "#3f7a2a", turn=47 * k)
    for x, y in ((0.42, 0.42), (0.62, 0.5), (0.38, 0.6), (0.52, 0.62), (0.5, 0.36)):
        c.circle((x, y), 0.02, "#1c1a18")
        c.circle((x, y), 0.008, "#e0b04a")
    for k in range(4):
        a = math.pi * k / 4
        c.line([(0.5 - 0.42 * math.cos(a), 0.5 - 0.42 * math.sin(a)), (0.5 + 0.42 * math.cos(a), 0.5 + 0.42 * math.sin(a))], 0.006, "#8a4f1c", alpha=0.8)
    return c
