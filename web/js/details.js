// What is known of a hit, and what can be done with it.
import { html, useEffect, useState } from './html.js';
import { Icon } from './icons.js';
import { ApiError, call, events } from './api.js';
import { bytes, date, number, score, span, time } from './format.js';
import { caption, grade, hitKey, media, modality, name, why } from './hits.js';
import { copyText, picked } from './selection.js';
import { useStore } from './store.js';

const SHOWN = { bytes, duration_ms: (ms) => time(ms, true), mtime: date, captured_at: date, fps: (rate) => `${Number(rate.toFixed(3))} a second`, sample_rate_hz: (rate) => `${number(rate)} Hz` };
const TITLES = { bytes: 'size', duration_ms: 'duration', mtime: 'changed', captured_at: 'captured', fps: 'frames', sample_rate_hz: 'sample rate' };
const HIDDEN = ['path', 'name', 'modality'];

/** A payload as rows of plain text. */
function rows(payload) {
  const list = [];
  if (payload.width && payload.height) list.push(['pixels', `${payload.width} × ${payload.height}`]);
  for (const [field, value] of Object.entries(payload)) {
    if (field.startsWith('_') || HIDDEN.includes(field) || value === null || value === '' || (Array.isArray(value) && value.length === 0) || ((field === 'width' || field === 'height') && payload.width && payload.height)) continue;
    let text;
    try {
      text = SHOWN[field]?.(value);
    } catch {
      // A field of the user's own by that name, of another type.
    }
    text ??= typeof value === 'object' ? (Array.isArray(value) && value.every((one) => typeof one !== 'object') ? value.join(', ') : JSON.stringify(value)) : String(value);
    list.push([TITLES[field] ?? field.replace(/_/g, ' '), text]);
  }
  return list;
}

function Captions({ hit, asset, collection, seek }) {
  const [made, setMade] = useState({ text: '', busy: false, error: '' });
  useEffect(() => setMade({ text: '', busy: false, error: '' }), [hitKey(hit)]);
  const parts = (asset?.payload?._captions?.parts ?? []).filter(({ text }) => text);
  const kind = modality(hit);
  const describe = async () => {
    setMade({ text: '', busy: true, error: '' });
    try {
      const point = hit.moment && hit.point?.track === 'TRACK_VIDEO' ? { point: { asset_id: hit.asset_id, track: hit.point.track, ordinal: hit.point.ordinal ?? 0 } } : { asset_id: hit.asset_id };
      for await (const event of events('v1/caption', { params: { collection }, body: { input: point } })) {
        if (event.piece) setMade((before) => ({ ...before, text: before.text + event.piece }));
        if (event.finished) setMade({ text: event.finished.text, busy: false, error: '' });
      }
      setMade((before) => ({ ...before, busy: false }));
    } catch (error) {
      setMade({ text: '', busy: false, error: error.message });
    }
  };
  if (kind !== 'image' && kind !== 'video' && parts.length === 0) return null;
  const one = caption(hit);
  return html`<section aria-label="Captions"><h3>In words</h3>
    ${parts.length > 1
      ? html`<ol class="captions">${parts.map((part) => html`<li>${part.start_ms !== undefined && html`<button type="button" class="text-button" onClick=${() => seek(part.start_ms)}>${span(part.start_ms, part.end_ms)}</button> `}${String(part.text ?? '')}</li>`)}</ol>`
      : (parts[0]?.text || one) && html`<p>“${String(parts[0]?.text || one)}”</p>`}
    ${made.text && html`<p aria-live="polite">“${made.text.trim()}”</p>`}
    ${made.error && html`<p class="bad">${made.error}</p>`}
    ${parts.length === 0 && !one && html`<button type="button" class="button small" disabled=${made.busy} onClick=${describe}><${Icon} name="caption" size=${15} />${made.busy ? 'Looking…' : 'Put into words'}</button>`}
  </section>`;
}

export function Details({ hit, collection, act, seek }) {
  const [asset, setAsset] = useState(null);
  const [missing, setMissing] = useState('');
  const chosen = useStore(picked, (value) => value.hits).has(hitKey(hit));
  useEffect(() => {
    let gone = false;
    setAsset(null);
    setMissing('');
    call('GET', `v1/assets/${encodeURIComponent(hit.asset_id)}`, { params: { collection } }).then(
      (found) => !gone && setAsset(found.asset ?? found.assets?.[0] ?? found),
      (error) => !gone && setMissing(error instanceof ApiError && error.status === 404 ? 'This asset is no longer stored.' : error.message),
    );
    return () => {
      gone = true;
    };
  }, [hit.asset_id, collection]);
  const paths = hit.paths?.length ? hit.paths : asset?.paths ?? [];
  const asked = hit.score !== undefined || hit.cosine !== undefined;
  return html`<aside class="details" tabindex="0" aria-label="Details">
    ${missing && html`<p class="bad" role="alert">${missing}</p>`}
    ${asked && html`<section aria-label="Why"><h3>Why it is here</h3>
      <p class="why">${hit.score !== undefined && html`<span class=${`score large ${grade(hit.score)}`}>${score(hit.score)}</span>`}<span>${why(hit) || 'the whole of it'}<small>${hit.score !== undefined && `${grade(hit.score)}: ${hit.score.toFixed(1)} deviations above chance · `}cosine ${(hit.cosine ?? 0).toFixed(3)}</small></span></p></section>`}
    <div class="acts" role="group" aria-label="Actions">
      <button type="button" class="button" onClick=${() => act.more(hit)} title="m"><${Icon} name="more" size=${16} />More like this</button>
      <button type="button" class="button" onClick=${() => act.less(hit)} title="l"><${Icon} name="less" size=${16} />Less like this</button>
      <button type="button" class="button" onClick=${() => act.combine(hit)} title="c"><${Icon} name="combine" size=${16} />Combine</button>
      <button type="button" class="button" onClick=${() => act.link(hit)} title="y"><${Icon} name="link" size=${16} />Copy link</button>
      <button type="button" class="button" aria-pressed=${chosen} onClick=${() => act.select(hit)} title="x"><${Icon} name="check" size=${16} />${chosen ? 'Selected' : 'Select'}</button>
      <a class="button" href=${media(hit.asset_id, collection)} download=${name(hit)}><${Icon} name="download" size=${16} />Original</a>
    </div>
    <${Captions} hit=${hit} asset=${asset} collection=${collection} seek=${seek} />
    ${paths.length > 0 && html`<section aria-label="Files"><h3>${paths.length > 1 ? `${paths.length} files` : 'File'}</h3>
      ${paths.map((path) => html`<div class="path"><code>${path}</code><button type="button" class="icon-button" aria-label=${`Copy path ${path}`} title="Copy path" onClick=${() => copyText(path, 'Path')}><${Icon} name="copy" size=${16} /></button></div>`)}</section>`}
    <section aria-label="Fields"><h3>Fields</h3><dl>${rows(asset?.payload ?? hit.payload ?? {}).map(([field, value]) => html`<div><dt>${field}</dt><dd>${value}</dd></div>`)}
      <div><dt>asset</dt><dd><code>${hit.asset_id}</code></dd></div></dl></section>
  </aside>`;
}
