// What a hit says of itself.
import { assetAddress } from './api.js';
import { bare, score, span, time } from './format.js';

const SEEN = { video: 'seen', image: 'seen', audio: 'heard', text: 'read', caption: 'captioned', fused: 'as a whole' };
const NAMES = { image: 'Image', video: 'Video', audio: 'Audio', text: 'Text' };

export function modality(hit) {
  return bare(hit.modality);
}

export function modalityName(hit) {
  return NAMES[modality(hit)] ?? 'Asset';
}

/** Tells one hit from the others of its list. */
export function hitKey(hit) {
  return `${hit.asset_id}@${place(hit)}`;
}

/** Where in its asset a hit lies, as the address has it. */
export function place(hit) {
  return hit.moment ? String(hit.moment.start_ms) : hit.range ? String(hit.range.from) : '';
}

export function name(hit) {
  const title = hit.payload?.name || hit.path?.split(/[/\\]/).pop();
  return typeof title === 'string' && title ? title : hit.asset_id;
}

/** Width by height of what a tile shows, within what a grid can bear. */
export function aspect(hit) {
  const { width, height } = hit.payload ?? {};
  const kind = modality(hit);
  if ((kind === 'image' || kind === 'video') && width > 0 && height > 0) return Math.min(3.2, Math.max(0.45, width / height));
  return { audio: 1.7, text: 1.25, video: 16 / 9 }[kind] ?? 4 / 3;
}

/** The tracks that matched, in words: "seen and heard". */
export function tracks(hit) {
  const found = hit.moment?.tracks?.length ? hit.moment.tracks : hit.point?.track ? [hit.point.track] : [];
  return [...new Set(found.map((track) => SEEN[bare(track)]).filter(Boolean))].join(' and ');
}

export function caption(hit) {
  const made = hit.payload?._caption;
  return typeof made?.text === 'string' ? made.text : '';
}

/** Why the hit is here, in a line. */
export function why(hit) {
  const parts = [];
  if (hit.score !== undefined || hit.cosine) parts.push(tracks(hit));
  if (hit.moment) parts.push(span(hit.moment.start_ms, hit.moment.end_ms));
  else if (hit.range) parts.push(`characters ${hit.range.from}–${hit.range.to}`);
  else if (hit.payload?.duration_ms) parts.push(time(hit.payload.duration_ms));
  if (hit.bridged) parts.push('by texts: no model here knows both');
  return parts.filter(Boolean).join(' · ');
}

/** How good a calibrated score is, in a word. */
export function grade(value) {
  if (value === undefined || value === null) return '';
  return value >= 4 ? 'strong' : value >= 2.5 ? 'good' : value >= 1 ? 'faint' : 'chance';
}

/** A hit in one sentence, for who does not see it. */
export function spoken(hit, index) {
  const parts = [`${index + 1}: ${name(hit)}`, modalityName(hit).toLowerCase()];
  if (hit.score !== undefined) parts.push(`score ${score(hit.score)}, ${grade(hit.score)}`);
  parts.push(why(hit), caption(hit));
  return parts.filter(Boolean).join(', ');
}

/** The track and place whose thumbnail shows the hit. */
function shown(hit) {
  const track = bare(hit.point?.track);
  const ordinal = hit.point?.ordinal ?? 0;
  if (track === 'caption') return { ordinal };
  if (!track || track === 'fused' || track === 'text') return {};
  // What was heard in a video is shown by one of its frames rather than by a waveform.
  if (track === 'audio' && modality(hit) === 'video') return {};
  return { track: hit.point.track, ordinal };
}

export function thumbnail(hit, collection) {
  return assetAddress(collection, hit.asset_id, 'thumbnail', shown(hit));
}

export function media(id, collection) {
  return assetAddress(collection, id, 'media');
}

/** Types of images that every browser of today shows. */
const SHOWN = /^image\/(jpeg|png|apng|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon)$/;

/** Whether a browser shows an image of this type as it is; one of an unknown type is tried. */
export function shows(mime) {
  return typeof mime !== 'string' || SHOWN.test(mime);
}

/** An image as a JPEG, which the server makes of it. */
export function preview(id, collection) {
  return assetAddress(collection, id, 'preview');
}

/** A stored asset as a hit that nothing was asked for. */
export function hitOf(asset) {
  const path = asset.paths?.[0] ?? '';
  return { rank: 0, asset_id: asset.asset_id, modality: asset.modality, path, paths: asset.paths ?? [], payload: asset.payload ?? {} };
}

/** The term that asks for more of a hit: its moment of a video, else the whole. */
export function termOf(hit, weight) {
  const track = bare(hit.point?.track);
  if (hit.moment && (track === 'video' || track === 'audio')) return { kind: 'point', weight, id: hit.asset_id, track, ordinal: hit.point.ordinal ?? 0 };
  return { kind: 'asset', weight, id: hit.asset_id };
}
