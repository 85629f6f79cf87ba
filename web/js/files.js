// Files that are asked by. They live in the browser's own database, so that Back and a reload still have them.
const NAME = 'sensorium';
const MOST = 24;

let opening = null;
const memory = new Map();

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('files', { keyPath: 'key' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Keeps a file; the key names it in addresses. */
export async function keepFile(file) {
  const key = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
  memory.set(key, file);
  try {
    const files = (await open()).transaction('files', 'readwrite').objectStore('files');
    files.put({ key, file });
    const keys = await done(files.getAllKeys());
    for (const old of keys.sort().slice(0, Math.max(0, keys.length - MOST))) files.delete(old);
  } catch {
    // A private window may have no database: the file then lives until the page is left.
  }
  return key;
}

/** A kept file, or null where this browser has it no longer. */
export async function keptFile(key) {
  if (memory.has(key)) return memory.get(key);
  try {
    const found = await done((await open()).transaction('files').objectStore('files').get(key));
    if (found) memory.set(key, found.file);
    return found?.file ?? null;
  } catch {
    return null;
  }
}

/** The bytes of a file in base64. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** All files of a drop, those in folders too. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  const walk = async (entry) => {
    if (entry instanceof File) return files.push(entry);
    if (entry.isFile) return files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return null;
      for (const child of some) await walk(child);
    }
  };
  for (const entry of entries) if (entry) await walk(entry);
  return files.length > 0 ? files : [...transfer.files];
}
