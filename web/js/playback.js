// Plays one asset from its moment on: the stored bytes where the browser can, else a part that the server converts.
import { CLIP_MS, convertedPart, release } from './clips.js';
import { media, modality } from './hits.js';

/** What is converted before a moment. */
const BEFORE_MS = 4_000;

export class Playback {
  /** `changed` is told when the way of playing changes: direct, converted or failed. */
  constructor(player, hit, collection, changed) {
    this.player = player;
    this.hit = hit;
    this.collection = collection;
    this.changed = changed;
    this.way = 'direct';
    this.abort = null;
    this.target = null;
    this.offset = 0;
    this.end = Infinity;
    this.wanted = hit.moment?.start_ms ?? 0;
    this.known = hit.payload?.duration_ms ?? 0;
    this.onError = () => this.failed();
    this.onMeta = () => this.opened();
    player.addEventListener('error', this.onError);
    this.onSeeked = () => this.landed();
    player.addEventListener('loadedmetadata', this.onMeta);
    player.addEventListener('seeked', this.onSeeked);
    player.src = media(hit.asset_id, collection);
    this.play();
  }

  /** Length of the asset in milliseconds; 0 while it is not known. */
  get duration() {
    if (this.known > 0) return this.known;
    return this.way === 'direct' && Number.isFinite(this.player.duration) ? this.player.duration * 1000 : 0;
  }

  /** Where in the asset it plays, in milliseconds. */
  get time() {
    return this.player.currentTime * 1000 + this.offset;
  }

  play() {
    this.player.play()?.catch(() => {
      // A page that nobody touched yet may not make a sound: the controls are there.
    });
  }

  toggle() {
    if (this.player.paused) this.play();
    else this.player.pause();
  }

  seek(ms) {
    const to = Math.max(0, this.duration ? Math.min(ms, this.duration - 1) : ms);
    this.wanted = to;
    if (this.way === 'converted' && (to < this.offset || to > this.end)) this.convert(to);
    else if (this.player.readyState > 0) this.jump(to);
  }

  jump(to) {
    this.target = to;
    this.player.currentTime = Math.max(0, to - this.offset) / 1000;
  }

  /** A player that is paused while it seeks may land at the start: once more, then. */
  landed() {
    const target = this.target;
    this.target = null;
    if (typeof target === 'number' && Math.abs(this.time - target) > 700) this.player.currentTime = Math.max(0, target - this.offset) / 1000;
  }

  opened() {
    // A browser may open a container and have no decoder for what is in it.
    if (this.way === 'direct' && modality(this.hit) === 'video' && this.player.videoWidth === 0) return this.failed();
    this.jump(this.wanted);
    this.changed(this.way);
    return undefined;
  }

  convert(around) {
    const short = this.duration > 0 && this.duration <= CLIP_MS;
    const from = short ? 0 : Math.max(0, around - BEFORE_MS);
    const moment = this.hit.moment;
    // Of an asset of unknown length no more than the moment is asked for.
    const to = this.duration > 0 ? Math.min(this.duration, from + CLIP_MS) : Math.min(from + CLIP_MS, Math.max(moment?.end_ms ?? 0, around + 10_000));
    this.offset = from;
    this.end = to;
    this.way = 'converted';
    this.load(from, to);
  }

  async load(from, to) {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.changed('converting');
    try {
      const address = await convertedPart(this.hit.asset_id, this.collection, from, to, abort.signal);
      if (abort.signal.aborted) return release(address);
      release(this.player.src);
      this.player.src = address;
      this.play();
    } catch (error) {
      if (error.name !== 'AbortError') this.failed();
    }
    return undefined;
  }

  failed() {
    if (this.way === 'direct') {
      this.convert(this.wanted);
    } else if (this.way === 'converted') {
      this.way = 'failed';
      this.changed(this.way);
    }
  }

  /** Stops, and drops what is still coming. */
  close() {
    this.player.removeEventListener('error', this.onError);
    this.player.removeEventListener('loadedmetadata', this.onMeta);
    this.player.removeEventListener('seeked', this.onSeeked);
    this.abort?.abort();
    this.player.pause();
    release(this.player.src);
    this.player.removeAttribute('src');
    this.player.load();
  }
}
