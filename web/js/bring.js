// Where files are dropped to be brought in, and what became of each.
import { html, useEffect, useMemo, useRef, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { bytes, number, plural } from './format.js';
import { bringIn, cancel, queue, retry, tidy } from './ingest.js';
import { collections, server } from './server.js';
import { droppedFiles } from './files.js';
import { linkTo } from './address.js';
import { say } from './say.js';
import { useStore } from './store.js';

const STATES = { waiting: 'waiting', sending: 'sending', reading: 'being read', indexed: 'in', unchanged: 'was there already', failed: 'failed', cancelled: 'cancelled' };
/** Rows that are drawn; the rest is counted. */
const ROWS = 200;

function Row({ item }) {
  const busy = item.state === 'sending' || item.state === 'reading';
  return html`<li class=${`job ${item.state}`}>
    <span class="job-name" title=${item.name}>${item.asset && (item.state === 'indexed' || item.state === 'unchanged') ? html`<a href=${linkTo({ view: 'search', collection: item.collection, q: '', terms: [], filter: '', modalities: [], min: null, hit: item.asset, at: '' })}>${item.name}</a>` : item.name}</span>
    <span class="job-size">${bytes(item.size)}</span>
    <span class="job-state">${STATES[item.state]}${item.state === 'indexed' && item.points > 0 ? `, ${plural(item.points, 'point')}` : ''}</span>
    <span class="job-act">
      ${item.state === 'failed' && html`<${IconButton} name="retry" size=${16} label=${`Try ${item.name} again`} onClick=${() => retry(item.id)} />`}
      ${(busy || item.state === 'waiting') && html`<${IconButton} name="close" size=${16} label=${`Cancel ${item.name}`} onClick=${() => cancel(item.id)} />`}
    </span>
    ${busy && html`<progress aria-label=${`Progress of ${item.name}`} max="1" value=${item.state === 'reading' ? undefined : item.progress}></progress>`}
    ${item.message && html`<p class=${item.state === 'indexed' ? 'job-reason warned' : 'job-reason'}>${item.message}</p>`}
  </li>`;
}

export function Ingest({ collection, onChange }) {
  const { items, changed } = useStore(queue);
  const known = useStore(collections, (value) => value.list);
  const own = useStore(server, (value) => value.info?.collection_name ?? 'default');
  const [target, setTarget] = useState(collection || own);
  const [tags, setTags] = useState('');
  const [over, setOver] = useState(false);
  const some = useRef(null);
  const folder = useRef(null);
  useEffect(() => setTarget(collection || own), [collection, own]);
  useEffect(() => {
    if (changed > 0) onChange();
  }, [changed]);

  const take = (files) => {
    if (files.length === 0) return;
    const words = tags.split(',').map((word) => word.trim()).filter(Boolean);
    bringIn(files, target === own ? '' : target, words.length > 0 ? { tags: words } : undefined);
    say(`${plural(files.length, 'file')} on the way`);
  };
  // A file that misses the zone is meant for it all the same.
  useEffect(() => {
    const files = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const move = (event) => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event) => event.relatedTarget === null && setOver(false);
    const drop = async (event) => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(false);
      take(await droppedFiles(event.dataTransfer));
    };
    const all = { dragover: move, dragleave: leave, drop };
    for (const [name, fn] of Object.entries(all)) addEventListener(name, fn);
    return () => {
      for (const [name, fn] of Object.entries(all)) removeEventListener(name, fn);
    };
  });
  const counts = useMemo(() => {
    const sum = { done: 0, failed: 0, open: 0 };
    for (const { state } of items) sum[state === 'failed' ? 'failed' : ['indexed', 'unchanged', 'cancelled'].includes(state) ? 'done' : 'open'] += 1;
    return sum;
  }, [items]);
  const choose = (event) => {
    take([...event.target.files]);
    event.target.value = '';
  };
  const shown = items.length > ROWS ? [...items.filter((item) => item.state === 'failed' || item.state === 'sending' || item.state === 'reading'), ...items.filter((item) => !['failed', 'sending', 'reading'].includes(item.state)).reverse()].slice(0, ROWS) : [...items].reverse();
  return html`<section class="card" aria-labelledby="bring">
    <h2 id="bring">Bring media in</h2>
    <div class=${over ? 'zone over' : 'zone'}>
      <${Icon} name="file" size=${30} />
      <p><b>Drop files or folders here</b><br /><span class="quiet">Images, videos, audio and texts. The same bytes are never stored twice.</span></p>
      <p class="zone-acts"><button type="button" class="button primary" onClick=${() => some.current.click()}>Choose files</button>
      <button type="button" class="button" onClick=${() => folder.current.click()}>Choose a folder</button></p>
      <input ref=${some} id="bring-files" type="file" multiple class="unseen" tabindex="-1" aria-hidden="true" onChange=${choose} />
      <input ref=${folder} type="file" multiple webkitdirectory class="unseen" tabindex="-1" aria-hidden="true" onChange=${choose} />
    </div>
    <div class="bring-row">
      <label class="field"><span>Into the collection</span><select value=${target} onChange=${(event) => setTarget(event.target.value)}>
        ${[...new Set([own, ...known.map(({ name }) => name)])].map((name) => html`<option value=${name} selected=${name === target}>${name}</option>`)}</select></label>
      <label class="field wide"><span>Tags for all of them, by commas</span><input value=${tags} onInput=${(event) => setTags(event.target.value)} placeholder="interview, rushes, 2026" autocomplete="off" /></label>
    </div>
    ${items.length > 0 && html`<div class="jobs-head"><p role="status">${[counts.open > 0 && `${number(counts.open)} to go`, counts.done > 0 && `${number(counts.done)} done`, counts.failed > 0 && `${number(counts.failed)} failed`].filter(Boolean).join(', ')}</p>
      <button type="button" class="text-button" onClick=${tidy}>clear what is done</button></div>
    <ul class="jobs" aria-label="Files brought in">${shown.map((item) => html`<${Row} key=${item.id} item=${item} />`)}</ul>
    ${items.length > shown.length && html`<p class="quiet">and ${number(items.length - shown.length)} more</p>`}`}
  </section>`;
}
