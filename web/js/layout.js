// Rows of tiles, each row filled to the width with its tiles in their own aspect.

export const LINES = 46;
export const GAP = 12;

/** Adds tiles for the hits behind those that are laid out; `aspects` of all. Returns the layout itself. */
export function layOut(layout, aspects, width, target) {
  let { boxes, rows } = layout.width === width && layout.target === target && layout.boxes.length <= aspects.length ? layout : { boxes: [], rows: [] };
  // The last row may not have been full.
  if (rows.length > 0) {
    const last = rows[rows.length - 1];
    boxes = boxes.slice(0, last.from);
    rows = rows.slice(0, -1);
  }
  let top = rows.length > 0 ? rows[rows.length - 1].top + rows[rows.length - 1].height + LINES + GAP : 0;
  let from = boxes.length;
  let sum = 0;
  const place = (to, height) => {
    let left = 0;
    for (let at = from; at < to; at += 1) {
      const wide = Math.min(width, aspects[at] * height);
      boxes.push({ left, top, width: wide, height, row: rows.length });
      left += wide + GAP;
    }
    rows.push({ from, to, top, height });
    top += height + LINES + GAP;
    from = to;
    sum = 0;
  };
  for (let at = from; at < aspects.length; at += 1) {
    sum += aspects[at];
    const free = width - GAP * (at - from);
    if (sum * target >= free) place(at + 1, Math.max(80, Math.min(free / sum, target * 1.25)));
  }
  if (from < aspects.length) place(aspects.length, target);
  return { width, target, boxes, rows, height: Math.max(0, top - GAP) };
}

/** The rows that lie between two heights, as the first and the one behind the last. */
export function rowsBetween({ rows }, from, to) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height + LINES < from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && rows[end].top < to) end += 1;
  return [low, end];
}

/** The tile above or below one: of the next row, the one whose middle is nearest. */
export function neighbour({ boxes, rows }, index, step) {
  const box = boxes[index];
  const row = box && rows[box.row + step];
  if (!row) return index;
  const middle = box.left + box.width / 2;
  let best = row.from;
  for (let at = row.from; at < row.to; at += 1) {
    const distance = (one) => Math.abs(boxes[one].left + boxes[one].width / 2 - middle);
    if (distance(at) < distance(best)) best = at;
  }
  return best;
}
