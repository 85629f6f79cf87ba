// The time of a video or an audio clip: its score curve, its moments and its waveform; a click goes there.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './html.js';
import { call } from './api.js';
import { asks, route } from './address.js';
import { termsOf } from './ask.js';
import { draw, lines } from './chart.js';
import { bare, score, span, time } from './format.js';
import { modality } from './hits.js';
import { prefs } from './prefs.js';
import { useStore } from './store.js';

const BUCKETS = 400;
const NAMES = { video: 'seen', audio: 'heard', caption: 'caption', fused: 'as a whole' };

/** What the server knows of the asset's course: scores, moments and peaks. */
export function useCourse(hit, collection) {
  const [course, setCourse] = useState({ points: [], moments: [], peaks: [], length: 0, state: 'none' });
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const params = { collection };
    const kind = modality(hit);
    const patch = (more) => !signal.aborted && setCourse((before) => ({ ...before, ...more }));
    setCourse({ points: [], moments: hit.moment ? [hit.moment] : [], peaks: [], length: 0, state: 'none' });
    if (kind !== 'video' && kind !== 'audio') return undefined;
    const state = route.get();
    if (asks(state)) {
      patch({ state: 'loading' });
      termsOf(state)
        .then((terms) => call('POST', 'v1/score', { params, body: { asset_id: hit.asset_id, terms }, signal }))
        .then((answer) => patch({ points: answer.points ?? [], moments: answer.moments?.length ? answer.moments : hit.moment ? [hit.moment] : [], state: 'done' }))
        .catch((error) => error.name !== 'AbortError' && patch({ state: 'failed' }));
    }
    if (kind === 'audio' || hit.payload?.sample_rate_hz) {
      call('GET', `v1/assets/${encodeURIComponent(hit.asset_id)}/peaks`, { params: { ...params, buckets: BUCKETS }, signal })
        .then((answer) => patch({ peaks: answer.peaks ?? [], length: answer.duration_ms ?? 0 }))
        .catch(() => {});
    }
    return () => abort.abort();
  }, [hit.asset_id, collection]);
  return course;
}

/** The best score that the curve has within a moment. */
function best(moment, tracks) {
  const values = [...tracks.values()].flat().filter(({ from, to }) => from < moment.end_ms && to > moment.start_ms).map(({ value }) => value);
  return values.length > 0 ? Math.max(...values) : undefined;
}

export function Timeline({ course, playback, duration }) {
  const canvas = useRef(null);
  const head = useRef(null);
  const strip = useRef(null);
  const [now, setNow] = useState(0);
  const [hover, setHover] = useState(null);
  const theme = useStore(prefs, (value) => value.theme);
  const tracks = useMemo(() => lines(course.points), [course.points]);
  const length = duration || course.length || 0;

  useLayoutEffect(() => {
    const paint = () => canvas.current && draw(canvas.current, { tracks, moments: course.moments, peaks: course.peaks, duration: length });
    paint();
    const watch = new ResizeObserver(paint);
    watch.observe(canvas.current);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', paint);
    return () => {
      watch.disconnect();
      dark.removeEventListener('change', paint);
    };
  }, [tracks, course.moments, course.peaks, length, theme]);

  useEffect(() => {
    let frame = 0;
    let told = -1;
    const tick = () => {
      const at = playback.current?.time ?? 0;
      if (head.current && length > 0) head.current.style.left = `${Math.min(100, (at / length) * 100)}%`;
      if (Math.abs(at - told) > 200) {
        told = at;
        setNow(at);
      }
      frame = requestAnimationFrame(tick);
    };
    tick();
    return () => cancelAnimationFrame(frame);
  }, [length]);

  const timeAt = (event) => {
    const box = strip.current.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length;
  };
  const down = (event) => {
    strip.current.setPointerCapture(event.pointerId);
    playback.current?.seek(timeAt(event));
  };
  const move = (event) => {
    setHover(timeAt(event));
    if (event.buttons & 1) playback.current?.seek(timeAt(event));
  };
  const keys = (event) => {
    const step = { ArrowRight: 1000, ArrowLeft: -1000, PageUp: 10_000, PageDown: -10_000 }[event.key];
    const to = step ? (playback.current?.time ?? 0) + step : event.key === 'Home' ? 0 : event.key === 'End' ? length : null;
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    playback.current?.seek(to);
  };
  if (length <= 0) return html`<div class="timeline bare"><canvas ref=${canvas} class="chart"></canvas></div>`;
  return html`<div class="timeline">
    <div class="strip" ref=${strip} role="slider" tabindex="0" aria-label="Time" aria-valuemin="0" aria-valuemax=${Math.round(length / 1000)} aria-valuenow=${Math.round(now / 1000)}
      aria-valuetext=${`${time(now)} of ${time(length)}`} onPointerDown=${down} onPointerMove=${move} onPointerLeave=${() => setHover(null)} onKeyDown=${keys}>
      <canvas ref=${canvas} class="chart" aria-hidden="true"></canvas>
      ${hover !== null && html`<span class="strip-hover" style=${{ left: `${(hover / length) * 100}%` }}><span>${time(hover, length < 60_000)}</span></span>`}
      <span class="strip-head" ref=${head}></span>
    </div>
    <div class="strip-foot"><span>${time(now, length < 60_000)}</span>
      <span class="legend">${[...tracks.keys()].map((track) => html`<span class=${`key ${track}`}>${NAMES[track] ?? track}</span>`)}${tracks.size > 0 && html`<span class="key chance">chance</span>`}
        ${course.state === 'loading' && 'scoring…'}${course.state === 'failed' && 'no score curve'}</span>
      <span>${time(length, length < 60_000)}</span></div>
    ${course.moments.length > 0 && html`<div class="moments" role="group" aria-label="Moments">
      ${course.moments.map((moment) => html`<button type="button" class="moment" aria-current=${now >= moment.start_ms && now < moment.end_ms ? 'true' : undefined} onClick=${() => {
        playback.current?.seek(moment.start_ms);
        playback.current?.play();
      }}>${span(moment.start_ms, moment.end_ms)}
        ${best(moment, tracks) !== undefined && html`<b>${score(best(moment, tracks))}</b>`}<small>${(moment.tracks ?? []).map((track) => NAMES[bare(track)] ?? bare(track)).join(' + ')}</small></button>`)}
    </div>`}
  </div>`;
}
