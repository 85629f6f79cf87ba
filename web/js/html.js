// Markup as tagged templates: htm bound to preact. Text from the server is always a child or an attribute, never markup.
import { h } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export { render, Fragment } from '../vendor/preact.js';
export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback } from '../vendor/hooks.js';
