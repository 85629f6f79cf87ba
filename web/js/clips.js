// Parts that the server converts for this browser. They come whole, so that they can be gone through in any order, and
// the conversion ends where nobody waits for it any more.
import { request } from './api.js';

/** Longest part that the server converts, in milliseconds. */
export const CLIP_MS = 60_000;

/** An address of the converted part, good until `release` of it is called. */
export async function convertedPart(id, collection, start, end, signal) {
  const from = Math.max(0, Math.floor(start));
  const params = { collection, start_ms: from, end_ms: Math.min(Math.ceil(end), from + CLIP_MS) };
  const response = await request('GET', `v1/assets/${encodeURIComponent(id)}/clip`, { params, signal });
  return URL.createObjectURL(await response.blob());
}

/** Lets go of what an address of this kind holds. */
export function release(address) {
  if (address.startsWith('blob:')) URL.revokeObjectURL(address);
}
