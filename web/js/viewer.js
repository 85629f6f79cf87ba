// One hit, large: the image, the moment or the passage, beside what is known of it.
import { html, useEffect, useRef, useState } from './html.js';
import { Icon, IconButton } from './icons.js';
import { Details } from './details.js';
import { hitKey, media, modality, modalityName, name, preview, shows, thumbnail } from './hits.js';
import { cut, words } from './passages.js';
import { Playback } from './playback.js';
import { Timeline, useCourse } from './timeline.js';
import { typing } from './keyboard.js';
import { prefs } from './prefs.js';
import { useStore } from './store.js';

function Still({ hit, collection }) {
  // What browsers do not show is asked for converted, and is shown small where even that fails.
  const ways = [media(hit.asset_id, collection), preview(hit.asset_id, collection)];
  if (!shows(hit.payload?.mime)) ways.reverse();
  const [way, setWay] = useState(0);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    setWay(0);
    setReady(false);
  }, [hit.asset_id]);
  const { width, height } = hit.payload ?? {};
  return html`<div class="still" style=${width && height ? { aspectRatio: `${width} / ${height}`, '--natural': `${width}px` } : {}}>
    ${!ready && html`<img class="still-thumb" src=${thumbnail(hit, collection)} alt="" />`}
    ${way < ways.length && html`<img class=${ready ? 'still-full' : 'still-full coming'} src=${ways[way]} alt=${hit.payload?._caption?.text || name(hit)} onLoad=${() => setReady(true)} onError=${() => setWay(way + 1)} />`}
    ${way >= ways.length && html`<p class="still-note">The browser cannot show this format; this is its preview.</p>`}
  </div>`;
}

/** An audio clip has nothing to show but its course, which lies below: here it is started, stopped and made quiet. */
function Sounding({ player, playback }) {
  const [paused, setPaused] = useState(true);
  const sound = useStore(prefs, (value) => value.sound);
  useEffect(() => {
    player.current.muted = !sound;
  }, [sound]);
  return html`<div class="sounding"><audio ref=${player} onPlay=${() => setPaused(false)} onPause=${() => setPaused(true)} onEnded=${() => setPaused(true)}></audio>
    <button type="button" class="big-play" aria-label=${paused ? 'Play (space)' : 'Pause (space)'} onClick=${() => playback.current?.toggle()}><${Icon} name=${paused ? 'play' : 'pause'} size=${30} filled=${paused} /></button>
    <${IconButton} name=${sound ? 'sound' : 'quiet'} size=${22} label=${sound ? 'Sound off' : 'Sound on'} onClick=${() => prefs.set({ sound: !sound })} /></div>`;
}

function Moving({ hit, collection, playback, onLength }) {
  const player = useRef(null);
  const [way, setWay] = useState('direct');
  const kind = modality(hit);
  useEffect(() => {
    setWay('direct');
    player.current.muted = !prefs.get().sound;
    const mine = new Playback(player.current, hit, collection, (now) => {
      setWay(now);
      onLength(mine.duration);
    });
    playback.current = mine;
    return () => {
      mine.close();
      playback.current = null;
    };
  }, [hitKey(hit), collection]);
  return html`<div class=${`moving ${kind}`}>
    ${kind === 'video'
      ? html`<video ref=${player} controls playsinline poster=${thumbnail(hit, collection)} aria-label=${name(hit)}></video>`
      : html`<${Sounding} player=${player} playback=${playback} />`}
    ${way === 'converting' && html`<p class="way" role="status">converting for this browser…</p>`}
    ${way === 'converted' && html`<p class="way">converted for this browser</p>`}
    ${way === 'failed' && html`<p class="way bad" role="alert">This cannot be played here: the server has no bytes of it, or cannot convert them.</p>`}
  </div>`;
}

function Reading({ hit, collection }) {
  const [text, setText] = useState(null);
  const mark = useRef(null);
  useEffect(() => {
    let gone = false;
    setText(null);
    words(hit, collection).then((found) => !gone && setText(found), () => !gone && setText(''));
    return () => {
      gone = true;
    };
  }, [hitKey(hit), collection]);
  useEffect(() => mark.current?.scrollIntoView({ block: 'center' }), [text]);
  if (text === null) return html`<div class="reading"><p class="quiet">Reading…</p></div>`;
  if (text === '') return html`<div class="reading"><p class="quiet">The words of this text are not kept by the server, or are too many to show.</p></div>`;
  const [before, found, after] = cut(text, hit.range);
  return html`<div class="reading" tabindex="0" role="document" aria-label=${name(hit)}><p>${before}${hit.range ? html`<mark ref=${mark}>${found}</mark>` : found}${after}</p></div>`;
}

export function Viewer({ hit, index, list, collection, onClose, onStep, act }) {
  const dialog = useRef(null);
  const playback = useRef(null);
  const [length, setLength] = useState(0);
  const kind = modality(hit);
  const course = useCourse(hit, collection);
  const moves = kind === 'video' || kind === 'audio';
  const duration = hit.payload?.duration_ms || length;

  useEffect(() => {
    dialog.current.showModal();
    dialog.current.focus();
    return () => dialog.current?.close();
  }, []);
  useEffect(() => setLength(0), [hitKey(hit)]);

  const moment = (step) => {
    const now = playback.current?.time ?? 0;
    const starts = course.moments.map(({ start_ms: start }) => start).sort((one, other) => one - other);
    const to = step > 0 ? starts.find((start) => start > now + 50) : starts.filter((start) => start < now - 1500).pop();
    if (to !== undefined) playback.current?.seek(to);
  };
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || event.target.closest('dialog') !== dialog.current) return;
    const letters = prefs.get().letters;
    const button = event.target.closest('button, a, audio, video');
    const does = {
      ArrowRight: () => onStep(1),
      ArrowLeft: () => onStep(-1),
      ArrowDown: () => moves && moment(1),
      ArrowUp: () => moves && moment(-1),
      ' ': () => !button && playback.current?.toggle(),
      ...(letters ? { x: () => act.select(hit), m: () => act.more(hit), l: () => act.less(hit), c: () => act.combine(hit), y: () => act.link(hit), f: () => dialog.current.querySelector('video')?.requestFullscreen?.() } : {}),
    }[event.key];
    if (!does || (event.key === ' ' && button) || (event.target.closest('.reading') && event.key.startsWith('Arrow') && /Up|Down/.test(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  };
  return html`<dialog class="viewer" ref=${dialog} tabindex="-1" aria-label=${`${modalityName(hit)}: ${name(hit)}`} onKeyDown=${keys} onCancel=${(event) => {
    event.preventDefault();
    onClose();
  }}>
    <header class="viewer-head">
      <h2><${Icon} name=${kind} /><span>${name(hit)}</span></h2>
      <p class="viewer-count">${index >= 0 ? `${index + 1} of ${list.hits.length}${list.more ? '+' : ''}` : ''}</p>
      <${IconButton} name="previous" label="Previous hit (left arrow)" disabled=${index <= 0} onClick=${() => onStep(-1)} />
      <${IconButton} name="next" label="Next hit (right arrow)" disabled=${index < 0 || (index >= list.hits.length - 1 && !list.more)} onClick=${() => onStep(1)} />
      <${IconButton} name="close" label="Close (Esc)" onClick=${onClose} />
    </header>
    <div class="viewer-body">
      <div class=${`stage ${kind}`}>
        <div class=${`screen ${kind}`}>
          ${kind === 'image' && html`<${Still} hit=${hit} collection=${collection} />`}
          ${moves && html`<${Moving} hit=${hit} collection=${collection} playback=${playback} onLength=${setLength} />`}
          ${kind === 'text' && html`<${Reading} hit=${hit} collection=${collection} />`}
        </div>
        ${moves && html`<${Timeline} course=${course} playback=${playback} duration=${duration} />`}
      </div>
      <${Details} hit=${hit} collection=${collection} act=${act} seek=${(ms) => {
        playback.current?.seek(ms);
        playback.current?.play();
      }} />
    </div>
  </dialog>`;
}
