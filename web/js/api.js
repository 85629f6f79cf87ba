// Calls to the server. All addresses are relative to the page, so that a base path works.
import { store } from './store.js';

const BASE = new URL('.', document.baseURI);

/** Whether the server answers, and whether it wants a key. */
export const link = store({ up: true, locked: false });

/** An answer that is no success. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code ?? '';
    this.field = problem.field ?? '';
    this.retryAfterMs = problem.retry_after_ms;
  }
}

/** An address below the page; parameters without a value are left out. */
export function address(path, params = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.append(name, value);
  }
  return url;
}

/** The address of something of one asset. */
export function assetAddress(collection, id, what, params = {}) {
  return address(`v1/assets/${encodeURIComponent(id)}${what ? `/${what}` : ''}`, { collection, ...params }).href;
}

async function failure(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not JSON: the status has to do.
  }
  if (!problem || typeof problem !== 'object') problem = {};
  const after = Number(response.headers.get('retry-after'));
  if (problem.retry_after_ms === undefined && after > 0) problem.retry_after_ms = after * 1000;
  return new ApiError(response.status, problem);
}

function unreachable(error) {
  if (error.name === 'AbortError') return error;
  link.set({ up: false });
  return new ApiError(0, { detail: 'The server does not answer.', code: 'UNAVAILABLE' });
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('aborted', 'AbortError'));
    });
  });
}

/** The response of a call, or an ApiError. One that was shed is tried again twice, after the time the server names. */
export async function request(method, path, { params, body, signal, tries = 3 } = {}) {
  const init = { method, signal, credentials: 'same-origin', headers: {} };
  if (body !== undefined) {
    init.headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  for (let left = tries; ; left -= 1) {
    let response;
    try {
      response = await fetch(address(path, params), init);
    } catch (error) {
      throw unreachable(error);
    }
    link.set({ up: true });
    if (response.ok) return response;
    const error = await failure(response);
    if (response.status === 401) link.set({ locked: true });
    if (response.status === 429 && left > 1) {
      await pause(Math.min(error.retryAfterMs ?? 500, 5000), signal);
      continue;
    }
    throw error;
  }
}

/** The JSON of a call. */
export async function call(method, path, options) {
  const response = await request(method, path, options);
  if (response.status === 204) return {};
  return response.json();
}

/** Events of a streamed answer, one `data:` after another. */
export async function* events(path, options) {
  const response = await request('POST', path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replace(/\r/g, '');
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const name = lines.find((line) => line.startsWith('event:'))?.slice(6).trim();
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim()).join('\n');
      if (name === 'end') return;
      if (name === 'error') throw new ApiError(500, data ? JSON.parse(data) : {});
      if (data) yield JSON.parse(data);
    }
  }
}

/** Sends one file, telling how far it is; the promise has the file's own result. */
export function upload(file, { collection, payload, onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    if (payload) form.append('payload', JSON.stringify(payload));
    form.append('file', file, file.name);
    const xhr = new XMLHttpRequest();
    xhr.open('POST', address('v1/ingest', { collection }));
    xhr.upload.onprogress = (event) => onProgress?.(event.total ? event.loaded / event.total : 0);
    xhr.onload = () => {
      let body = {};
      try {
        body = JSON.parse(xhr.responseText);
      } catch {
        // Told by its status below.
      }
      link.set({ up: true });
      if (xhr.status === 401) link.set({ locked: true });
      if (xhr.status >= 200 && xhr.status < 300 && body.results?.length) resolve(body.results[0]);
      else reject(new ApiError(xhr.status, body));
    };
    xhr.onerror = () => reject(unreachable(new Error('network')));
    xhr.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal?.addEventListener('abort', () => xhr.abort());
    xhr.send(form);
  });
}

/** Waits, with growing pauses, until the server answers again. */
export function watchForServer() {
  let trying = false;
  link.watch(async ({ up }) => {
    if (up || trying) return;
    trying = true;
    for (let wait = 700; ; wait = Math.min(wait * 1.6, 8000)) {
      await pause(wait);
      try {
        await fetch(address('livez'), { cache: 'no-store' });
        break;
      } catch {
        // Not yet.
      }
    }
    trying = false;
    link.set({ up: true });
  });
}
