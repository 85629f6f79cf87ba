// The hits as rows of tiles. Only those near the window are in the document, so that ten thousand scroll like ten.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './html.js';
import { aspect, hitKey } from './hits.js';
import { layOut, neighbour, rowsBetween } from './layout.js';
import { keepPlace, placeHere } from './address.js';
import { more } from './searcher.js';
import { pick, picked } from './selection.js';
import { prefs } from './prefs.js';
import { useStore } from './store.js';
import { Tile } from './tile.js';

/** Pixels above and below the window that are drawn as well. */
const AHEAD = 500;
const EMPTY = { width: 0, target: 0, boxes: [], rows: [], height: 0 };

/** Tiles are lower where the page is narrow, so that two fit side by side. */
function heightFor(width, wanted) {
  return width < 520 ? Math.min(wanted, 130) : wanted;
}

export function Grid({ list, collection, onOpen, control }) {
  const frame = useRef(null);
  const [width, setWidth] = useState(0);
  const [[first, end], setRows] = useState([0, 0]);
  const [current, setCurrent] = useState(0);
  const [playing, setPlaying] = useState(-1);
  const tile = useStore(prefs, (value) => value.tile);
  const chosen = useStore(picked, (value) => value.hits);
  const kept = useRef(EMPTY);
  const ratios = useRef({ hits: null, list: [] });
  const focusOn = useRef(-1);

  const layout = useMemo(() => {
    const hits = list.hits;
    const before = ratios.current.list;
    const grows = ratios.current.hits && hits.length >= before.length && hits[0] === ratios.current.hits[0];
    ratios.current = { hits, list: grows ? [...before, ...hits.slice(before.length).map(aspect)] : hits.map(aspect) };
    kept.current = width > 0 ? layOut(grows ? kept.current : EMPTY, ratios.current.list, width, heightFor(width, tile)) : EMPTY;
    return kept.current;
  }, [list.hits, width, tile]);

  const look = () => {
    if (!frame.current) return;
    const top = frame.current.getBoundingClientRect().top;
    const [from, to] = rowsBetween(kept.current, -top - AHEAD, -top + innerHeight + AHEAD);
    setRows((before) => (before[0] === from && before[1] === to ? before : [from, to]));
    if (kept.current.rows.length > 0 && to >= kept.current.rows.length - 3) more();
  };

  useLayoutEffect(() => {
    const measure = () => setWidth(Math.floor(frame.current?.clientWidth ?? 0));
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(frame.current);
    let due = 0;
    const scrolled = () => {
      if (!document.querySelector('dialog[open]')) keepPlace({ y: scrollY, hits: kept.current.boxes.length });
      cancelAnimationFrame(due);
      due = requestAnimationFrame(look);
    };
    addEventListener('scroll', scrolled, { passive: true });
    addEventListener('resize', scrolled);
    return () => {
      watch.disconnect();
      cancelAnimationFrame(due);
      removeEventListener('scroll', scrolled);
      removeEventListener('resize', scrolled);
    };
  }, []);

  useLayoutEffect(look, [layout]);

  // A new list begins at its top, one that was come back to where it was left.
  useLayoutEffect(() => {
    if (list.status !== 'done' || layout.height === 0) return;
    setPlaying(-1);
    const place = placeHere();
    scrollTo(0, place?.y ?? 0);
    setCurrent(0);
    look();
  }, [list.key, list.status === 'done' && layout.height > 0]);

  const focus = (index) => {
    const box = kept.current.boxes[index];
    if (!box) return;
    setCurrent(index);
    focusOn.current = index;
    const top = frame.current.getBoundingClientRect().top + box.top;
    const head = Math.max(...['.bar', '.asker'].map((of) => document.querySelector(of)?.getBoundingClientRect().bottom ?? 0));
    if (top < head + 8) scrollBy(0, top - head - 8);
    else if (top + box.height + 60 > innerHeight) scrollBy(0, top + box.height + 60 - innerHeight);
    look();
    const enter = () => frame.current?.querySelector(`[data-index="${index}"]`)?.focus({ preventScroll: true });
    // At once where the tile is there, else once it is drawn.
    enter();
    requestAnimationFrame(enter);
  };

  useEffect(() => {
    const wanted = focusOn.current;
    focusOn.current = -1;
    if (wanted >= 0) frame.current?.querySelector(`[data-index="${wanted}"]`)?.focus({ preventScroll: true });
  }, [first, end, current]);

  control.current = { focus, current: () => current, count: () => list.hits.length };

  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const last = list.hits.length - 1;
    const moves = {
      ArrowRight: () => Math.min(last, current + 1),
      ArrowLeft: () => Math.max(0, current - 1),
      ArrowDown: () => neighbour(layout, current, 1),
      ArrowUp: () => neighbour(layout, current, -1),
      PageDown: () => neighbour(layout, neighbour(layout, current, 1), 1),
      PageUp: () => neighbour(layout, neighbour(layout, current, -1), -1),
      Home: () => 0,
      End: () => last,
    };
    if (moves[event.key]) {
      event.preventDefault();
      const to = moves[event.key]();
      if (event.key === 'ArrowUp' && to === current && layout.boxes[current]?.row === 0) document.getElementById('box')?.focus();
      else focus(to);
    } else if (event.key === ' ') {
      event.preventDefault();
      setPlaying(playing === current ? -1 : current);
    } else if (event.key === 'x') {
      event.preventDefault();
      pick(list.hits, current);
    }
  };

  const tiles = [];
  if (layout.rows.length > 0 && end > first) {
    const from = layout.rows[first]?.from ?? 0;
    const to = layout.rows[Math.min(end, layout.rows.length) - 1]?.to ?? 0;
    // The tile that Tab would reach stays in the document wherever the page is scrolled to.
    const shown = current < from || current >= to ? [current] : [];
    for (let at = from; at < to; at += 1) shown.push(at);
    for (const at of shown) {
      const hit = list.hits[at];
      if (!hit || !layout.boxes[at]) continue;
      tiles.push(html`<${Tile} key=${`${at}/${hitKey(hit)}`} hit=${hit} index=${at} count=${list.more ? -1 : list.hits.length} box=${layout.boxes[at]} collection=${collection}
        current=${at === current} chosen=${chosen.has(hitKey(hit))} playing=${playing === at} onPlay=${setPlaying} onOpen=${onOpen}
        onPick=${(index, through) => pick(list.hits, index, through)} onFocus=${setCurrent} />`);
    }
  }
  return html`<ol class=${`grid${list.status === 'loading' ? ' stale' : ''}`} ref=${frame} role="list" aria-label="Hits" aria-busy=${list.status === 'loading'}
    style=${{ height: `${layout.height}px` }} onKeyDown=${keys}>${tiles}</ol>`;
}
