// A value that many parts of the page watch.
import { useState, useLayoutEffect } from './html.js';

/** A store of one object; `set` merges a patch and, where that changes something, tells the watchers. */
export function store(initial) {
  let value = initial;
  const watchers = new Set();
  return {
    get: () => value,
    set(patch) {
      if (Object.entries(patch).every(([name, one]) => Object.is(value[name], one))) return;
      value = { ...value, ...patch };
      for (const watch of [...watchers]) watch(value);
    },
    watch(fn) {
      watchers.add(fn);
      return () => watchers.delete(fn);
    },
  };
}

/** The store's value inside a component, which is drawn again when `pick` of it changes. */
export function useStore(of, pick = (value) => value) {
  const [picked, setPicked] = useState(() => pick(of.get()));
  useLayoutEffect(() => {
    const look = (value) => setPicked(() => pick(value));
    look(of.get());
    return of.watch(look);
  }, [of]);
  return picked;
}
