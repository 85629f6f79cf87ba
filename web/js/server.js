// The server, who we are to it, and its collections.
import { ApiError, call, link } from './api.js';
import { limitQuery } from './box.js';
import { store } from './store.js';

const SCOPES = ['read', 'write', 'admin'];

export const server = store({ ready: false, info: null, scope: '', reach: [], required: false, problem: '' });
export const collections = store({ list: [], loaded: false, error: '' });

/** Whether the key at hand may do something of this scope. */
export function may(scope, { scope: mine } = server.get()) {
  return SCOPES.indexOf(mine) >= SCOPES.indexOf(scope);
}

/** The name that a collection is asked by; the server's own needs none. */
export function askedName(name) {
  return name === server.get().info?.collection_name ? '' : name;
}

/** Asks who we are; where a key is needed, `link.locked` says so. */
export async function meet() {
  try {
    let session = { scope: 'admin', required: false };
    try {
      session = await call('GET', 'v1/session');
    } catch (error) {
      // A server without keys may have no sessions either.
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 401)) throw error;
      if (error.status === 401) session = { scope: '', required: true };
    }
    // Without keys everybody on this machine may do everything.
    const scope = String(session.scope || (session.required ? '' : 'admin')).toLowerCase().replace(/^scope_/, '');
    server.set({ scope, reach: session.collections ?? [], required: session.required === true, problem: '' });
    if (session.required && !scope) {
      link.set({ locked: true });
      server.set({ ready: true });
      return;
    }
    link.set({ locked: false });
    const info = await call('GET', 'v1/info');
    limitQuery(info.max_message_bytes);
    server.set({ info, ready: true });
    await loadCollections();
  } catch (error) {
    if (error.status === 401) {
      link.set({ locked: true });
      server.set({ ready: true, required: true });
      return;
    }
    server.set({ problem: error.message, ready: error.status !== 0 });
  }
}

export async function loadCollections() {
  try {
    const { collections: list = [] } = await call('GET', 'v1/collections');
    collections.set({ list, loaded: true, error: '' });
  } catch (error) {
    if (error.status !== 0) collections.set({ loaded: true, error: error.message });
  }
}

/** Shows a key to the server, which answers with a cookie. */
export async function login(key) {
  await call('POST', 'v1/session', { body: { key }, tries: 1 });
  await meet();
}

export async function logout() {
  await call('DELETE', 'v1/session');
  server.set({ scope: '' });
  await meet();
}

// Whoever comes back after the server was gone learns anew what it is.
link.watch(({ up }) => {
  if (up && !server.get().info && !link.get().locked && server.get().problem) meet();
});
