"""Brushes: what every image is painted with. Coordinates are in units of the image's height, y downwards."""

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SCALE = 2  # painted larger, then reduced, so that edges are smooth


def colour(value):
    """(r, g, b) of '#rrggbb' or of a triple."""
    if isinstance(value, str):
        return tuple(int(value[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(int(v) for v in value)


def mix(a, b, share):
    return tuple(int(x + (y - x) * share) for x, y in zip(colour(a), colour(b)))


class Canvas:
    """An image being painted; every shape can be soft (blurred) and textured (grain)."""

    def __init__(self, width, height, seed):
        self.width, self.height = width * SCALE, height * SCALE
        self.image = Image.new("RGB", (self.width, self.height), "white")
        self.random = random.Random(seed)
        self.aspect = width / height

    def point(self, p):
        return (p[0] * self.height, p[1] * self.height)

    def layer(self, paint_mask, fill, soft=0.0, alpha=1.0, grain=0.0, shade=None):
        """Lays a colour (or a vertical run of two, `shade`) through a mask."""
        mask = Image.new("L", self.image.size, 0)
        paint_mask(ImageDraw.Draw(mask))
        if soft:
            mask = mask.filter(ImageFilter.GaussianBlur(soft * self.height))
        if alpha < 1:
            mask = mask.point(lambda v: int(v * alpha))
        box = mask.getbbox()
        if not box:
            return
        mask = mask.crop(box)
        body = Image.new("RGB", mask.size, colour(fill))
        if shade:
            body = ramp(mask.size, fill, shade)
        if grain:
            body = grainy(body, grain, self.random)
        self.image.paste(body, box[:2], mask)

    def sky(self, top, bottom, until=1.0):
        self.image.paste(ramp((self.width, int(until * self.height)), top, bottom), (0, 0))

    def ground(self, start, top, bottom, grain=0.0):
        size = (self.width, self.height - int(start * self.height))
        body = ramp(size, top, bottom)
        self.image.paste(grainy(body, grain, self.random) if grain else body, (0, int(start * self.height)))

    def ellipse(self, centre, rx, ry, fill, turn=0.0, **style):
        """An ellipse, turned by degrees."""
        self.polygon(
            [
                (
                    centre[0] + rx * math.cos(t) * math.cos(math.radians(turn)) - ry * math.sin(t) * math.sin(math.radians(turn)),
                    centre[1] + rx * math.cos(t) * math.sin(math.radians(turn)) + ry * math.sin(t) * math.cos(math.radians(turn)),
                )
                for t in (2 * math.pi * k / 72 for k in range(72))
            ],
            fill,
            **style,
        )

    def circle(self, centre, radius, fill, **style):
        self.ellipse(centre, radius, radius, fill, **style)

    def ball(self, centre, radius, fill, light=0.55):
        """A sphere lit from the upper left."""
        self.circle(centre, radius, mix(fill, "#000000", 0.35))
        for k in range(1, 9):
            share = k / 9
            at = (centre[0] - radius * 0.28 * share, centre[1] - radius * 0.32 * share)
            self.circle(at, radius * (1 - share) * 0.98 + 0.001, mix(mix(fill, "#000000", 0.35), mix(fill, "#ffffff", light), share), soft=radius * 0.05)

    def polygon(self, points, fill, **style):
        self.layer(lambda d: d.polygon([self.point(p) for p in points], fill=255), fill, **style)

    def rectangle(self, left, top, right, bottom, fill, radius=0.0, **style):
        box = [*self.point((left, top)), *self.point((right, bottom))]
        self.layer(lambda d: d.rounded_rectangle(box, radius * self.height, fill=255), fill, **style)

    def line(self, points, width, fill, **style):
        self.layer(
            lambda d: d.line([self.point(p) for p in points], fill=255, width=max(1, int(width * self.height)), joint="curve"),
            fill,
            **style,
        )

    def curve(self, points, width, fill, **style):
        self.line(smooth(points), width, fill, **style)

    def blob(self, points, fill, **style):
        """A closed shape with rounded outline through the points."""
        self.polygon(smooth(points, closed=True), fill, **style)

    def ridge(self, base, height, roughness, fill, seed=0, **style):
        """A range of hills or mountains from side to side."""
        noise = random.Random(seed)
        line, span = [0.0, 0.0], 1.0
        line = [noise.uniform(0, 1), noise.uniform(0, 1)]
        for _ in range(8):
            span *= roughness
            line = [v for a, b in zip(line, line[1:]) for v in (a, (a + b) / 2 + noise.uniform(-span, span) / 2)] + [line[-1]]
        points = [(k / (len(line) - 1) * self.aspect, base - height * v) for k, v in enumerate(line)]
        self.polygon([*points, (self.aspect, 1.0), (0, 1.0)], fill, **style)
        return points

    def clouds(self, count, top, bottom, fill="#ffffff", alpha=0.85, size=0.05):
        for _ in range(count):
            x, y = self.random.uniform(0, self.aspect), self.random.uniform(top, bottom)
            for _ in range(9):
                at = (x + self.random.gauss(0, size * 1.4), y + self.random.gauss(0, size * 0.28))
                self.ellipse(at, size * self.random.uniform(0.5, 1.2), size * self.random.uniform(0.25, 0.5), fill, soft=size * 0.25, alpha=alpha)

    def blades(self, start, end, count, colours, length=0.03):
        """Grass: strokes that grow towards the viewer."""
        strokes = []
        for _ in range(count):
            y = self.random.uniform(start, end)
            near = (y - start) / max(end - start, 1e-6)
            x, tall = self.random.uniform(0, self.aspect), length * (0.25 + near)
            strokes.append((x, y, tall, self.random.gauss(0, tall * 0.35)))
        draw = ImageDraw.Draw(self.image)
        for x, y, tall, lean in sorted(strokes, key=lambda s: s[1]):
            shade = mix(self.random.choice(colours), "#000000", self.random.uniform(0, 0.25))
            draw.line([self.point((x, y)), self.point((x + lean, y - tall))], fill=shade, width=max(1, int(tall * 0.1 * self.height)))

    def ripples(self, start, end, count, light, dark):
        """Waves on water: longer towards the viewer."""
        for _ in range(count):
            y = self.random.uniform(start, end)
            near = (y - start) / (end - start)
            half = 0.012 + 0.07 * near * self.random.random()
            x = self.random.uniform(0, self.aspect)
            self.ellipse((x, y), half, 0.0012 + 0.0035 * near, self.random.choice((light, dark)), alpha=0.5)

    def foliage(self, centre, rx, ry, colours, count=260, leaf=0.018):
        """A crown of leaves: dabs, dark ones first."""
        draw = ImageDraw.Draw(self.image)
        for k in range(count):
            angle, far = self.random.uniform(0, 2 * math.pi), math.sqrt(self.random.random())
            x, y = centre[0] + rx * far * math.cos(angle), centre[1] + ry * far * math.sin(angle)
            lit = 0.5 - 0.5 * (y - centre[1]) / ry
            shade = mix(colours[0], colours[1], min(1.0, max(0.0, lit * 0.6 + 0.4 * k / count + self.random.uniform(-0.15, 0.15))))
            r = leaf * self.random.uniform(0.5, 1.1)
            (px, py) = self.point((x, y))
            draw.ellipse([px - r * self.height, py - r * self.height * 0.8, px + r * self.height, py + r * self.height * 0.8], fill=shade)

    def finish(self, grain=3.0):
        """The image at its own size, with a little grain as of a camera."""
        image = self.image.resize((self.width // SCALE, self.height // SCALE), Image.Resampling.LANCZOS)
        return grainy(image, grain, self.random) if grain else image


def smooth(points, closed=False, steps=10):
    """A Catmull-Rom curve through the points."""
    n = len(points)
    out = []
    for i in range(n if closed else n - 1):
        p = [points[(i + k) % n] if closed else points[min(max(i + k, 0), n - 1)] for k in (-1, 0, 1, 2)]
        for step in range(steps):
            t = step / steps
            out.append(
                tuple(
                    0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
                    for a, b, c, d in zip(*p)
                )
            )
    return out if closed else [*out, points[-1]]


def ramp(size, top, bottom):
    """A vertical run from one colour to another."""
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, colour(bottom)), Image.new("RGB", size, colour(top)), mask)


def grainy(image, strength, rng):
    """Seeded noise of light and dark in two sizes (Pillow's own noise has no seed)."""
    width, height = image.size
    out = image
    for cell, share in ((1, 0.6), (5, 0.8)):
        small = (max(1, width // cell), max(1, height // cell))
        noise = Image.frombytes("L", small, rng.randbytes(small[0] * small[1])).resize(image.size, Image.Resampling.BILINEAR)
        scaled = noise.point(lambda v: int(128 + (v - 128) * strength * share / 64))
        out = ImageChops.add(out, Image.merge("RGB", [scaled] * 3), 1, -128)
    return out
