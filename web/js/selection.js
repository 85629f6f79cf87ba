// Hits that a person picked, and what they become.
import { ApiError, request } from './api.js';
import { route } from './address.js';
import { hitKey } from './hits.js';
import { store } from './store.js';
import { say } from './say.js';

export const FORMATS = [
  { format: 'csv', name: 'CSV', about: 'a table' },
  { format: 'm3u', name: 'M3U', about: 'a playlist' },
  { format: 'vtt', name: 'WebVTT', about: 'cues' },
  { format: 'edl', name: 'EDL', about: 'CMX 3600, for an editor' },
  { format: 'otio', name: 'OTIO', about: 'OpenTimelineIO, for an editor' },
];

/** Picked hits by key, and whether the server can export. */
export const picked = store({ hits: new Map(), exports: null });

let last = -1;

/** Picks a hit or lets it go; with `through`, all from the last one on. */
export function pick(list, index, through = false) {
  const hits = new Map(picked.get().hits);
  const key = hitKey(list[index]);
  if (through && last >= 0 && last < list.length) {
    for (let at = Math.min(last, index); at <= Math.max(last, index); at += 1) hits.set(hitKey(list[at]), list[at]);
  } else if (!hits.delete(key)) {
    hits.set(key, list[index]);
  }
  last = index;
  picked.set({ hits });
  if (picked.get().exports === null && hits.size > 0) probe();
}

export function clearPicked() {
  last = -1;
  picked.set({ hits: new Map() });
}

/** Asks once whether there is an export. */
async function probe() {
  picked.set({ exports: false });
  try {
    await request('POST', 'v1/export', { params: { collection: route.get().collection }, body: { format: 'csv', hits: [] } });
  } catch (error) {
    if (!(error instanceof ApiError) || [0, 404, 405, 501].includes(error.status)) return;
  }
  picked.set({ exports: true });
}

/** Hands the picked hits to the browser as a file. */
export async function exportPicked(format) {
  const hits = [...picked.get().hits.values()];
  const answer = await request('POST', 'v1/export', { params: { collection: route.get().collection }, body: { format, hits } });
  const blob = await answer.blob();
  const given = /filename="?([^";]+)"?/.exec(answer.headers.get('content-disposition') ?? '')?.[1];
  save(blob, given ?? `sensorium.${format === 'm3u' ? 'm3u8' : format}`);
  say(`${hits.length} exported`);
}

function save(blob, name) {
  const anchor = document.createElement('a');
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** Copies a text, and says so. */
export async function copyText(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard to write to, only the old way.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  say(`${what} copied`);
}
