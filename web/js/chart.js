// Draws the score of a query through the time of an asset: a line for each track, its moments, and its loudness behind.
import { bare } from './format.js';

const PAD = { top: 14, bottom: 4, side: 1 };
const COLOURS = { video: '--seen', audio: '--heard', caption: '--said', fused: '--accent' };

/** Points of one track as (time in ms, score), in order of time. */
export function lines(points) {
  const tracks = new Map();
  for (const { point, cosine, score } of points ?? []) {
    if (!point?.time) continue;
    const track = bare(point.track);
    if (!tracks.has(track)) tracks.set(track, []);
    tracks.get(track).push({ at: (point.time.start_ms + point.time.end_ms) / 2, from: point.time.start_ms, to: point.time.end_ms, value: score ?? cosine ?? 0 });
  }
  for (const line of tracks.values()) line.sort((one, other) => one.at - other.at);
  return tracks;
}

/** Lowest and highest value of a chart; chance, which is 0, is always in it. */
export function bounds(tracks) {
  const values = [...tracks.values()].flat().map(({ value }) => value);
  return { low: Math.min(0, ...values) - 0.4, high: Math.max(1, ...values) + 0.4 };
}

function band(ctx, box, moments, duration, colour) {
  ctx.fillStyle = colour;
  for (const { start_ms: start, end_ms: end } of moments) {
    const left = (start / duration) * box.width;
    const wide = Math.max(3, ((end - start) / duration) * box.width);
    ctx.globalAlpha = 0.14;
    ctx.fillRect(left, 0, wide, box.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, 0, wide, 4);
  }
}

function wave(ctx, box, peaks, colour) {
  const step = box.width / peaks.length;
  const middle = box.height / 2 + 2;
  ctx.fillStyle = colour;
  peaks.forEach((peak, at) => {
    const reach = Math.max(0.6, Math.min(1, peak) * (box.height / 2 - 8));
    ctx.fillRect(at * step, middle - reach, Math.max(1, step - 0.8), reach * 2);
  });
}

function curve(ctx, box, line, duration, y, colour) {
  const path = new Path2D();
  const x = (ms) => PAD.side + (ms / duration) * (box.width - 2 * PAD.side);
  // From the start of the first part to the end of the last, through the middle of each.
  path.moveTo(x(line[0].from), y(line[0].value));
  for (const { at, value } of line) path.lineTo(x(at), y(value));
  const last = line[line.length - 1];
  path.lineTo(x(last.to), y(last.value));
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2.2;
  ctx.lineJoin = 'round';
  ctx.stroke(path);
  ctx.fillStyle = colour;
  if (line.length <= 60) {
    for (const { at, value } of line) {
      ctx.beginPath();
      ctx.arc(x(at), y(value), 2.6, 0, Math.PI * 2);
      ctx.fill();
    }
  }
}

/** Draws all of it on a canvas that is as large as it is shown. */
export function draw(canvas, { tracks, moments, peaks, duration }) {
  const box = { width: canvas.clientWidth, height: canvas.clientHeight };
  if (box.width === 0 || duration <= 0) return;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  const ctx = canvas.getContext('2d');
  ctx.scale(scale, scale);
  // A colour of the page that is light or dark is known only once something has it.
  const colour = (name) => {
    canvas.style.color = `var(${name})`;
    return getComputedStyle(canvas).color;
  };
  if (peaks?.length > 0) wave(ctx, box, peaks, colour('--wave'));
  band(ctx, box, moments ?? [], duration, colour('--accent'));
  const { low, high } = bounds(tracks);
  const y = (value) => PAD.top + (1 - (value - low) / (high - low)) * (box.height - PAD.top - PAD.bottom);
  if (tracks.size > 0) {
    ctx.strokeStyle = colour('--line-strong');
    ctx.setLineDash([3, 4]);
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(0, y(0));
    ctx.lineTo(box.width, y(0));
    ctx.stroke();
    ctx.setLineDash([]);
  }
  for (const [track, line] of tracks) curve(ctx, box, line, duration, y, colour(COLOURS[track] ?? '--accent'));
}
