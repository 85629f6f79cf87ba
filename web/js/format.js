// Numbers and times as people read them.

export function bytes(count) {
  if (count === undefined || count === null) return '';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = count;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** 1:02:03.4; tenths only where asked for. */
export function time(ms, tenths = false) {
  const total = Math.max(0, ms) / 1000;
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  const rest = total % 60;
  const seconds = tenths ? (Math.floor(rest * 10) / 10).toFixed(1).padStart(4, '0') : String(Math.floor(rest)).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

/** A stretch of time; tenths where whole seconds would hide it. */
export function span(start, end) {
  const tenths = end - start < 2000;
  return `${time(start, tenths)}–${time(end, tenths)}`;
}

export function number(count) {
  return Number(count ?? 0).toLocaleString('en');
}

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

export function score(value) {
  return value === undefined || value === null ? '' : value.toFixed(1);
}

export function date(text) {
  const when = new Date(text);
  return Number.isNaN(when.getTime()) ? String(text) : when.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/** MODALITY_IMAGE to image, TRACK_AUDIO to audio. */
export function bare(name) {
  return String(name ?? '').replace(/^[A-Z]+(_KIND|_STATE)?_/, '').toLowerCase().replace(/_/g, ' ');
}
