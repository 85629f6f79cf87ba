// What narrows the hits: modality, filter, cut-off, moments; and how large they are shown.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { asks, go, route } from './address.js';
import { condition, fields } from './fields.js';
import { found, run } from './searcher.js';
import { prefs } from './prefs.js';
import { useStore } from './store.js';

const MODALITIES = [['image', 'Images'], ['video', 'Videos'], ['audio', 'Audio'], ['text', 'Text']];
const OPERATORS = [['=', 'is'], ['!=', 'is not'], ['>=', 'at least'], ['<=', 'at most'], ['>', 'above'], ['<', 'below'], ['exists', 'is there'], ['missing', 'is not there']];
const HIGHEST = 8;

function narrow(patch, replace = false) {
  go({ hit: '', at: '', ...patch }, { replace });
  run();
}

function Modalities({ chosen }) {
  const toggle = (name) => narrow({ modalities: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] });
  return html`<div class="segments" role="group" aria-label="Modality">
    <button type="button" aria-pressed=${chosen.length === 0} onClick=${() => narrow({ modalities: [] })}>All</button>
    ${MODALITIES.map(([name, title]) => html`<button type="button" aria-pressed=${chosen.includes(name)} onClick=${() => toggle(name)}><${Icon} name=${name} size=${15} /><span>${title}</span></button>`)}
  </div>`;
}

function Filter({ filter, onClose }) {
  const { seen } = useStore(fields);
  const [field, setField] = useState('');
  const [operator, setOperator] = useState('=');
  const [value, setValue] = useState('');
  const [text, setText] = useState(filter);
  const { status, error } = useStore(found);
  const first = useRef(null);
  useEffect(() => setText(filter), [filter]);
  useEffect(() => first.current?.focus(), []);
  const unary = operator === 'exists' || operator === 'missing';
  const add = (event) => {
    event.preventDefault();
    if (!field || (!unary && value === '')) return;
    const one = condition(field.trim(), operator, value.trim());
    narrow({ filter: filter.trim() ? `${/\bor\b/.test(filter) ? `(${filter.trim()})` : filter.trim()} and ${one}` : one });
    setValue('');
  };
  const names = [...seen.keys()].sort();
  return html`<div class="panel filter" id="filter-panel" role="region" aria-label="Filter" onKeyDown=${(event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      onClose();
    }
  }}>
    <form class="filter-row" onSubmit=${add}>
      <label class="field"><span>Field</span><input ref=${first} list="fields" value=${field} onInput=${(event) => setField(event.target.value)} autocomplete="off" placeholder="year, camera, label…" /></label>
      <datalist id="fields">${names.map((name) => html`<option value=${name}></option>`)}</datalist>
      <label class="field"><span>Condition</span><select value=${operator} onChange=${(event) => setOperator(event.target.value)}>${OPERATORS.map(([sign, title]) => html`<option value=${sign}>${title}</option>`)}</select></label>
      ${!unary && html`<label class="field"><span>Value</span><input list="values" value=${value} onInput=${(event) => setValue(event.target.value)} autocomplete="off" /></label>
      <datalist id="values">${[...(seen.get(field) ?? [])].map((one) => html`<option value=${String(one)}></option>`)}</datalist>`}
      <button type="submit" class="button primary">Add</button>
    </form>
    <form class="filter-text" onSubmit=${(event) => {
      event.preventDefault();
      narrow({ filter: text.trim() });
    }}>
      <label class="field wide"><span>As text</span><input class="code" value=${text} onInput=${(event) => setText(event.target.value)} spellcheck=${false} autocomplete="off" placeholder='year >= 2020 and (camera = "X100" or lat exists)' /></label>
      <button type="submit" class="button">Apply</button>
      <button type="button" class="button" disabled=${!filter && !text} onClick=${() => {
        setText('');
        narrow({ filter: '' });
      }}>Clear</button>
    </form>
    ${status === 'error' && filter && error?.status === 400 && html`<p class="bad" role="alert">${error.message}</p>`}
  </div>`;
}

function Cutoff({ min }) {
  const [value, setValue] = useState(min);
  const timer = useRef(0);
  useEffect(() => setValue(min), [min]);
  const slide = (event) => {
    const at = Number(event.target.value);
    const next = at < 0 ? null : at;
    setValue(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => narrow({ min: next }, true), 180);
  };
  const words = value === null ? 'any score' : `${value.toFixed(1)} or better`;
  return html`<label class="cutoff" title="Hits below this score are left out. 0 is chance, 4 is strong."><span>Cut-off</span>
    <input type="range" min="-0.5" max=${HIGHEST} step="0.5" value=${value === null ? -0.5 : value} aria-valuetext=${words} onInput=${slide} /><output>${value === null ? 'any' : `≥ ${value.toFixed(1)}`}</output></label>`;
}

export function Toolbar() {
  const state = useStore(route);
  const [open, setOpen] = useState(false);
  const tile = useStore(prefs, (value) => value.tile);
  const button = useRef(null);
  return html`<div class="toolbar">
    <div class="tools">
      <${Modalities} chosen=${state.modalities} />
      <button type="button" ref=${button} class=${`button tool${state.filter ? ' on' : ''}`} aria-expanded=${open} aria-controls="filter-panel" onClick=${() => setOpen(!open)}><${Icon} name="filter" size=${16} />Filter${state.filter && html`<span class="dot" aria-label="set"></span>`}</button>
      ${asks(state) && html`<${Cutoff} min=${state.min} />
      <label class="check" title="A hit for each moment instead of one for each video or audio clip"><input type="checkbox" checked=${state.moments} onChange=${(event) => narrow({ moments: event.target.checked })} /><span>Every moment</span></label>`}
      <label class="sizes" title="Size of the tiles"><${Icon} name="grid" size=${16} /><input type="range" min="110" max="330" step="20" value=${tile} aria-label="Size of the tiles" onInput=${(event) => prefs.set({ tile: Number(event.target.value) })} /></label>
    </div>
    ${state.filter && !open && html`<p class="filter-said"><code>${state.filter}</code><button type="button" class="text-button" onClick=${() => narrow({ filter: '' })}>clear</button></p>`}
    ${open && html`<${Filter} filter=${state.filter} onClose=${() => {
      setOpen(false);
      button.current?.focus();
    }} />`}
  </div>`;
}
