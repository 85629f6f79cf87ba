// One hit in the grid: what it shows, how good it is, and why it is here.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';
import { route, write } from './address.js';
import { caption, grade, media, modality, name, place, spoken, thumbnail, why } from './hits.js';
import { score, span, time } from './format.js';
import { convertedPart, release } from './clips.js';
import { passage } from './passages.js';
import { calm, prefs } from './prefs.js';

const HOVER_MS = 220;
/** Longest moment that a tile plays, in milliseconds. */
const PREVIEW_MS = 10_000;

/** What plays in a tile: its moment, again and again. */
function Preview({ hit, collection, onProgress, onFail }) {
  const box = useRef(null);
  const kind = modality(hit);
  const start = hit.moment?.start_ms ?? 0;
  const end = Math.min(hit.moment?.end_ms ?? start + PREVIEW_MS, start + PREVIEW_MS);
  useEffect(() => {
    const player = box.current;
    const abort = new AbortController();
    let offset = 0;
    let converted = false;
    let frame = 0;
    const convert = () => {
      if (converted) return onFail();
      converted = true;
      offset = start;
      convertedPart(hit.asset_id, collection, start, Math.max(end, start + 1000), abort.signal).then((address) => {
        if (abort.signal.aborted) return release(address);
        player.src = address;
        return player.play().catch(() => {});
      }, (error) => error.name !== 'AbortError' && onFail());
      return undefined;
    };
    const seek = () => {
      // A browser may open a container and have no decoder for what is in it.
      if (kind === 'video' && player.videoWidth === 0 && !converted) return convert();
      player.currentTime = Math.max(0, start - offset) / 1000;
      return undefined;
    };
    const tick = () => {
      const now = player.currentTime * 1000 + offset;
      if (now >= end || player.ended) {
        seek();
        player.play().catch(() => {});
      }
      onProgress(Math.max(0, Math.min(1, (now - start) / Math.max(1, end - start))));
      frame = requestAnimationFrame(tick);
    };
    player.muted = kind === 'video' || !prefs.get().sound;
    player.addEventListener('error', convert);
    player.addEventListener('loadedmetadata', seek);
    player.src = media(hit.asset_id, collection);
    player.play().catch(() => {});
    frame = requestAnimationFrame(tick);
    return () => {
      cancelAnimationFrame(frame);
      abort.abort();
      player.removeEventListener('error', convert);
      release(player.src);
      player.removeAttribute('src');
      player.load();
    };
  }, [hit, collection]);
  return kind === 'video' ? html`<video ref=${box} class="tile-play" playsinline muted disablepictureinpicture tabindex="-1" aria-hidden="true"></video>` : html`<audio ref=${box}></audio>`;
}

function Passage({ hit, collection }) {
  const [text, setText] = useState('');
  useEffect(() => {
    let gone = false;
    passage(hit, collection).then((found) => !gone && setText(found.slice(0, 420)), () => {});
    return () => {
      gone = true;
    };
  }, [hit, collection]);
  return html`<p class="tile-text">${text || name(hit)}</p>`;
}

function Picture({ hit, collection }) {
  const [lost, setLost] = useState(false);
  const kind = modality(hit);
  if (kind === 'text') return null;
  if (lost) return html`<span class="tile-blank"><${Icon} name=${kind === 'audio' ? 'audio' : kind} size=${34} /></span>`;
  return html`<img class=${kind === 'audio' ? 'tile-image wave' : 'tile-image'} src=${thumbnail(hit, collection)} alt="" decoding="async" draggable="false" onError=${() => setLost(true)} />`;
}

export function Tile({ hit, index, count, box, collection, current, chosen, playing, onPlay, onOpen, onPick, onFocus }) {
  const [progress, setProgress] = useState(0);
  const waiting = useRef(0);
  const kind = modality(hit);
  const plays = kind === 'video' || kind === 'audio';
  const enter = (event) => {
    if (!plays || event.pointerType === 'touch' || calm()) return;
    clearTimeout(waiting.current);
    waiting.current = setTimeout(() => onPlay(index), HOVER_MS);
  };
  const leave = () => {
    clearTimeout(waiting.current);
    if (playing) onPlay(-1);
  };
  useEffect(() => () => clearTimeout(waiting.current), []);
  const open = (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onOpen(index);
  };
  const length = hit.payload?.duration_ms;
  const badge = hit.moment ? span(hit.moment.start_ms, hit.moment.end_ms) : plays && length ? time(length) : '';
  const said = caption(hit);
  const style = { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px` };
  return html`<li class=${`tile ${kind} ${grade(hit.score) === 'chance' ? 'faded' : ''}${chosen ? ' chosen' : ''}`} style=${style} aria-posinset=${index + 1} aria-setsize=${count}>
    <a class="tile-media" href=${write({ ...route.get(), hit: hit.asset_id, at: place(hit) })} style=${{ height: `${box.height}px` }} data-index=${index} tabindex=${current ? 0 : -1}
      aria-label=${spoken(hit, index)} draggable="false" onClick=${open} onFocus=${() => onFocus(index)} onPointerEnter=${enter} onPointerLeave=${leave}>
      <${Picture} hit=${hit} collection=${collection} />
      ${playing && html`<${Preview} hit=${hit} collection=${collection} onProgress=${setProgress} onFail=${() => onPlay(-1)} />
        <span class="tile-progress" style=${{ transform: `scaleX(${progress})` }}></span>`}
      ${badge && html`<span class="tile-badge"><${Icon} name=${kind === 'audio' ? 'audio' : 'play'} size=${11} filled=${kind === 'video'} />${badge}</span>`}
    </a>
    ${kind === 'text' && html`<div class="tile-words" style=${{ height: `${box.height}px` }}><${Passage} hit=${hit} collection=${collection} /></div>`}
    <label class="tile-pick"><input type="checkbox" tabindex="-1" checked=${chosen} aria-label=${`Select ${name(hit)}`} onClick=${(event) => onPick(index, event.shiftKey)} /></label>
    <div class="tile-lines">
      <p class="tile-name"><span class="tile-title" title=${hit.path || name(hit)}>${name(hit)}</span>
        ${hit.score !== undefined && html`<span class=${`score ${grade(hit.score)}`} title=${`${hit.score.toFixed(2)} deviations above chance (${grade(hit.score)})`}>${score(hit.score)}</span>`}</p>
      <p class="tile-why" title=${said ? `Caption: ${said}` : undefined}>${why(hit) || kind}${said && html`<span class="tile-said"> · “${said}”</span>`}</p>
    </div>
  </li>`;
}
