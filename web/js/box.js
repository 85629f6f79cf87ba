// The search box: words, files that are dropped or pasted, and terms with sign and weight.
import { html, useEffect, useLayoutEffect, useRef, useState } from './html.js';
import { assetAddress, call } from './api.js';
import { go, route, writeTerm } from './address.js';
import { keepFile, keptFile } from './files.js';
import { Icon, IconButton } from './icons.js';
import { run } from './searcher.js';
import { say } from './say.js';
import { useStore } from './store.js';

const WEIGHTS = [0.25, 0.5, 1, 2, 3, 5];
/** Largest file that a query takes; larger ones the server would refuse. */
let mostBytes = 48 * 1024 * 1024;

/** Learns from the server how large a message may be; base64 makes four bytes of three. */
export function limitQuery(maxMessageBytes) {
  if (maxMessageBytes > 0) mostBytes = Math.floor((maxMessageBytes - 4096) * 0.74);
}

/** Puts a changed query into the address and asks it. */
export function ask(patch) {
  const before = route.get();
  const next = { ...before, ...patch };
  const same = next.q === before.q && next.terms.map(writeTerm).join('\n') === before.terms.map(writeTerm).join('\n') && before.view === 'search';
  go({ view: 'search', hit: '', at: '', ...patch }, { replace: same });
  run({ force: true });
}

/** Files as terms of a query: beside what is asked already, or instead of it. */
export async function askByFiles(files, { combine = false } = {}) {
  const terms = [];
  for (const file of files.slice(0, 4)) {
    if (file.size > mostBytes) {
      say(`${file.name} is too large to search by; bring it in under Library, then use "More like this".`, { bad: true });
      continue;
    }
    terms.push({ kind: 'file', weight: 1, key: await keepFile(file), name: file.name || 'pasted' });
  }
  if (terms.length === 0) return;
  const { q, terms: before } = route.get();
  ask(combine ? { q, terms: [...before, ...terms] } : { q: '', terms });
}

const names = new Map();

function Label({ term, collection }) {
  const [seen, setSeen] = useState({ name: names.get(term.id) ?? '', url: '' });
  useEffect(() => {
    let url = '';
    let gone = false;
    if (term.kind === 'file') {
      keptFile(term.key).then((file) => {
        if (gone || !file || !/^image\//.test(file.type)) return;
        url = URL.createObjectURL(file);
        setSeen({ name: term.name, url });
      });
    } else if (term.id && !names.has(term.id)) {
      call('GET', `v1/assets/${encodeURIComponent(term.id)}`, { params: { collection } }).then((found) => {
        const asset = found.asset ?? found.assets?.[0] ?? found;
        names.set(term.id, String(asset.payload?.name ?? term.id));
        if (!gone) setSeen((before) => ({ ...before, name: names.get(term.id) }));
      }, () => {});
    }
    return () => {
      gone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [term.key, term.id]);
  const picture = term.kind === 'file' ? seen.url : term.id ? assetAddress(collection, term.id, 'thumbnail', term.track && term.track !== 'audio' ? { track: `TRACK_${term.track.toUpperCase()}`, ordinal: term.ordinal } : {}) : '';
  const title = term.kind === 'text' ? term.text : term.kind === 'file' ? term.name : seen.name || term.id;
  return html`${picture && html`<img class="chip-image" src=${picture} alt="" onError=${(event) => event.target.remove()} />`}<span class="chip-title" title=${title}>${title}</span>`;
}

/** What a term is called where it is read out. */
function termName(term) {
  return term.kind === 'text' ? term.text : term.kind === 'file' ? term.name : names.get(term.id) ?? term.id;
}

function Chip({ term, index, terms, collection }) {
  const change = (weight) => ask({ terms: terms.map((one, at) => (at === index ? { ...one, weight } : one)) });
  const size = Math.abs(term.weight);
  const sizes = WEIGHTS.includes(size) ? WEIGHTS : [...WEIGHTS, size].sort((one, other) => one - other);
  return html`<li class=${term.weight < 0 ? 'chip away' : 'chip'}>
    <button type="button" class="chip-sign" aria-label=${`${termName(term)}: ${term.weight < 0 ? 'leads away, make it lead towards' : 'leads towards, make it lead away'}`} title=${term.weight < 0 ? 'less of this' : 'more of this'} onClick=${() => change(-term.weight)}>
      <${Icon} name=${term.weight < 0 ? 'minus' : 'plus'} size=${14} /></button>
    <${Label} term=${term} collection=${collection} />
    <select class="chip-weight" aria-label=${`Weight of ${termName(term)}`} value=${String(size)} onChange=${(event) => change(Math.sign(term.weight) * Number(event.target.value))}>
      ${sizes.map((one) => html`<option value=${String(one)} selected=${one === size}>× ${one}</option>`)}</select>
    <button type="button" class="chip-gone" aria-label=${`Remove ${termName(term)}`} title="Remove" onClick=${() => {
      ask({ terms: terms.filter((_, at) => at !== index) });
      document.getElementById('box')?.focus();
    }}><${Icon} name="close" size=${14} /></button>
  </li>`;
}

export function Box({ onDown }) {
  const state = useStore(route);
  const box = useRef(null);
  const file = useRef(null);
  const [some, setSome] = useState(state.q !== '');
  // The words are the input's own while they are typed: a key press draws nothing else.
  useLayoutEffect(() => {
    if (box.current.value !== state.q) box.current.value = state.q;
    setSome(state.q !== '');
  }, [state.q]);

  const asTerm = (sign) => {
    const text = box.current.value.trim();
    if (!text) {
      box.current.focus();
      return;
    }
    box.current.value = '';
    ask({ q: '', terms: [...state.terms, { kind: 'text', weight: sign, text }] });
    box.current.focus();
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (event.shiftKey) asTerm(1);
      else ask({ q: box.current.value.trim() });
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      onDown();
    } else if (event.key === 'Backspace' && box.current.value === '' && state.terms.length > 0) {
      event.preventDefault();
      const last = state.terms[state.terms.length - 1];
      ask({ q: last.kind === 'text' ? last.text : '', terms: state.terms.slice(0, -1) });
    } else if (event.key === 'Escape') {
      box.current.blur();
      event.stopPropagation();
    }
  };
  const paste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    askByFiles(files, { combine: box.current.value.trim() !== '' || state.terms.length > 0 });
  };
  return html`<div class="asker" role="search">
    <div class="box">
      <${Icon} name="search" size=${20} />
      <input id="box" ref=${box} type="text" inputmode="search" enterkeyhint="search" autocomplete="off" spellcheck=${false} aria-label="Search by words, or paste or drop a file"
        placeholder=${state.terms.length > 0 ? 'and…' : 'Describe it, or drop an image, a sound or a video'} onKeyDown=${keys} onPaste=${paste} onInput=${(event) => setSome(event.target.value !== '')} />
      ${some && html`<${IconButton} name="close" label="Clear the words" onClick=${() => {
        box.current.value = '';
        ask({ q: '' });
        box.current.focus();
      }} />
      <${IconButton} name="plus" label="More of these words: keep them as a term" onClick=${() => asTerm(1)} />
      <${IconButton} name="minus" label="Less of these words: lead away from them" onClick=${() => asTerm(-1)} />`}
      <${IconButton} name="file" label="Search by a file" onClick=${() => file.current.click()} />
      <input ref=${file} type="file" class="unseen" tabindex="-1" aria-hidden="true" multiple accept="image/*,audio/*,video/*,.mkv,.heic,.heif,.avif,.txt,.md,.html" onChange=${(event) => {
        askByFiles([...event.target.files], { combine: true });
        event.target.value = '';
      }} />
      <button type="button" class="button primary box-go" onClick=${() => ask({ q: box.current.value.trim() })}>Search</button>
    </div>
    ${state.terms.length > 0 && html`<ul class="chips" aria-label="Terms of the query">${state.terms.map((term, index) => html`<${Chip} key=${`${index}/${writeTerm(term)}`} term=${term} index=${index} terms=${state.terms} collection=${state.collection} />`)}</ul>`}
  </div>`;
}
