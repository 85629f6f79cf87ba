// A server that answers the routes the page uses, from samples/ alone: to work on the page, and for what no small
// collection shows (ten thousand hits, a server that is slow, refuses keys, or goes away). It finds by common words.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { createHash } from 'node:crypto';

const HERE = dirname(fileURLToPath(import.meta.url));
const WEB = join(HERE, '..');
const SAMPLES = join(HERE, '../../samples');
const CACHE = join(tmpdir(), 'sensorium-page-stub');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.jpg': 'image/jpeg', '.png': 'image/png', '.webp': 'image/webp', '.gif': 'image/gif', '.tiff': 'image/tiff', '.bmp': 'image/bmp', '.mp4': 'video/mp4', '.webm': 'video/webm', '.mkv': 'video/x-matroska', '.avi': 'video/x-msvideo', '.wav': 'audio/wav', '.mp3': 'audio/mpeg', '.ogg': 'audio/ogg', '.opus': 'audio/ogg', '.flac': 'audio/flac', '.m4a': 'audio/mp4', '.md': 'text/markdown', '.txt': 'text/plain' };
export const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function probe(path) {
  const out = JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-print_format', 'json', '-show_format', '-show_streams', path]).toString());
  const picture = out.streams.find(({ codec_type: type }) => type === 'video');
  const sound = out.streams.find(({ codec_type: type }) => type === 'audio');
  return { width: picture?.width, height: picture?.height, sample_rate_hz: sound ? Number(sound.sample_rate) : undefined, duration_ms: Math.round(Number(out.format.duration ?? 0) * 1000) };
}

function load() {
  return readFileSync(join(SAMPLES, 'index.jsonl'), 'utf8').trim().split('\n').map((line) => {
    const row = JSON.parse(line);
    const path = join(SAMPLES, row.file);
    const kind = { images: 'image', clips: 'video', sounds: 'audio', texts: 'text' }[row.file.split('/')[0]];
    const { width, height, duration_ms, sample_rate_hz } = kind === 'text' ? {} : probe(path);
    const payload = { path, name: row.file.split('/')[1], mime: TYPES[extname(path)], modality: kind, bytes: statSync(path).size, width, height, sample_rate_hz, label: row.label, description: row.description, captions: row.captions };
    if (kind === 'video' || kind === 'audio') payload.duration_ms = duration_ms;
    if (kind === 'image' || kind === 'video') payload._caption = { text: row.captions[0], confidence: 0.5 };
    return { id: createHash('sha256').update(row.file).digest('hex').slice(0, 32), kind, path, payload: JSON.parse(JSON.stringify(payload)), words: new Set(row.captions.join(' ').toLowerCase().split(/\W+/).filter((word) => word.length > 2)) };
  });
}

/** Parts of four seconds, as an engine would cut them. */
function parts(asset) {
  const length = asset.payload.duration_ms ?? 0;
  const list = [];
  for (let at = 0; at < length; at += 4000) list.push({ start_ms: at, end_ms: Math.min(length, at + 4000) });
  return list;
}

function likeness(asset, terms) {
  let sum = 0;
  for (const term of terms) {
    const words = term.text?.toLowerCase().split(/\W+/).filter((word) => word.length > 2) ?? [];
    const like = words.length > 0 ? words.filter((word) => asset.words.has(word)).length / words.length : asset.id === (term.asset_id ?? term.point?.asset_id) ? 0.9 : (parseInt(asset.id.slice(0, 4), 16) % 100) / 130;
    sum += (term.weight ?? 1) * like;
  }
  return sum * 5 - 0.5 + (parseInt(asset.id.slice(4, 8), 16) % 100) / 140;
}

/** The server; `options`: key (one that is asked for), many (so many hits for everything), delay (of queries, in ms), base (path). */
export async function start(options = {}) {
  const assets = load();
  const state = { options, keys: [], failures: [], ingested: [], aliveSince: Date.now(), requests: [], captions: true, standing: new Set() };
  mkdirSync(CACHE, { recursive: true });
  const hitOf = (asset, score, rank) => {
    const spans = parts(asset);
    const best = spans.length > 0 ? spans[parseInt(asset.id.slice(8, 10), 16) % spans.length] : null;
    const track = { image: 'TRACK_IMAGE', video: 'TRACK_VIDEO', audio: 'TRACK_AUDIO', text: 'TRACK_TEXT' }[asset.kind];
    const hit = { rank, asset_id: asset.id, score, cosine: score / 12, modality: `MODALITY_${asset.kind.toUpperCase()}`, path: asset.path, paths: [asset.path], payload: asset.payload, point: { track, ordinal: best ? spans.indexOf(best) : 0 } };
    if (best) {
      hit.moment = { ...best, peak_ms: (best.start_ms + best.end_ms) / 2, tracks: [track] };
      hit.point.time = best;
    }
    if (asset.kind === 'text') hit.range = { from: 0, to: 120 };
    return hit;
  };
  const meets = (asset, { modalities = [], filter_text: filter = '' }) => {
    if (modalities.length > 0 && !modalities.includes(`MODALITY_${asset.kind.toUpperCase()}`)) return false;
    const among = /modality in \[([^\]]*)\]/.exec(filter);
    if (among && !JSON.parse(`[${among[1]}]`).includes(asset.kind)) return false;
    for (const [, field, value] of filter.matchAll(/(\w+) = ("(?:[^"\\]|\\.)*"|\d+)/g)) if (asset.payload[field] !== JSON.parse(value)) return false;
    return true;
  };
  const file = (request, response, path, type) => {
    if (!existsSync(path)) return response.writeHead(404).end();
    const size = statSync(path).size;
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Number(range[2]) : size - 1;
    response.writeHead(range ? 206 : 200, { 'content-type': type, 'content-length': to - from + 1, 'accept-ranges': 'bytes', ...(range ? { 'content-range': `bytes ${from}-${to}/${size}` } : {}) });
    return createReadStream(path, { start: from, end: to }).pipe(response);
  };
  const made = (name, args) => {
    const path = join(CACHE, name);
    if (!existsSync(path)) execFileSync('ffmpeg', ['-v', 'error', '-y', ...args, path]);
    return path;
  };

  const server = createServer((request, response) => answer(request, response).catch((error) => response.writeHead(500, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ detail: String(error) }))));
  const answer = async (request, response) => {
    const url = new URL(request.url, 'http://stub');
    const base = options.base ?? '';
    if (!url.pathname.startsWith(`${base}/`)) {
      response.writeHead(404).end();
      return;
    }
    const path = url.pathname.slice(base.length);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const json = (body, status = 200, headers = {}) => {
      response.writeHead(status, { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    const problem = (status, detail, code) => json({ type: 'about:blank', title: 'problem', status, detail, code }, status);
    const body = () => (raw.length > 0 ? JSON.parse(raw.toString()) : {});
    const route = `${request.method} ${path}`;
    state.requests.push(route);

    if (!path.startsWith('/v1/')) {
      if (path === '/livez' || path === '/readyz') return json({ status: 'ok' });
      const wanted = join(WEB, path === '/' ? 'index.html' : path);
      if (!wanted.startsWith(WEB) || !existsSync(wanted) || statSync(wanted).isDirectory()) return problem(404, 'no such page');
      response.writeHead(200, { 'content-type': TYPES[extname(wanted)] ?? 'text/plain', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff' });
      return response.end(readFileSync(wanted));
    }
    const known = !options.key || (request.headers.cookie ?? '').includes(`key=${options.key}`);
    if (path === '/v1/session') {
      if (request.method === 'POST') return body().key === options.key ? json({ scope: 'admin', required: true }, 200, { 'set-cookie': `key=${options.key}; HttpOnly; SameSite=Strict; Path=/` }) : problem(401, 'the key is not known', 'UNAUTHENTICATED');
      if (request.method === 'DELETE') return json({}, 200, { 'set-cookie': 'key=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0' });
      return json({ scope: known ? 'admin' : '', required: Boolean(options.key) });
    }
    if (!known) return problem(401, 'a key is needed', 'UNAUTHENTICATED');

    switch (route) {
      case 'GET /v1/info': return json({ version: '0.1.0', protocol: 1, collection_name: 'default', max_message_bytes: 67108864 });
      case 'GET /v1/collections': return json({ collections: [{ name: 'default', space: { id: 'mini', dim: 384, revision: 'stub' } }, { name: 'rushes', space: { id: 'mini', dim: 384, revision: 'stub' } }] });
      case 'GET /v1/stats': return json({ collection_name: url.searchParams.get('collection') || 'default', space: { id: 'mini', dim: 384, revision: 'stub' }, assets: assets.length, points: 121, sources_indexed: assets.length, sources_failed: state.failures.length, points_in_graph: 0, bytes_on_disk: 917788, bytes_in_memory: 153009, captions_made: 35, captions_missing: 0, points_without_hubs: 0, recall: [] });
      case 'GET /v1/failures': return json({ files: url.searchParams.get('warnings') ? [] : state.failures });
      case 'GET /v1/aliases': return json({ aliases: [{ alias: 'media', collection_name: 'default' }] });
      case 'POST /v1/watch': {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: {"change":1}\n\n');
        state.standing.add(response);
        return response.on('close', () => state.standing.delete(response));
      }
      case 'GET /v1/fields': return json({ indexes: [] });
      case 'POST /v1/count': return json({ count: assets.length });
      case 'GET /v1/keys': return json({ keys: state.keys });
      case 'POST /v1/keys': {
        const id = `k${state.keys.length + 1}`;
        state.keys.push({ id, ...body(), collections: body().collections ?? [], created: '2026-01-01T10:00:00Z' });
        return json({ id, key: `sk_${'0'.repeat(64)}` });
      }
      case 'POST /v1/scroll': {
        const { limit = 100, after = '', newest_first: newest } = body();
        if (newest && body().filter_text) return problem(400, 'newest_first: the newest assets are listed without a filter', 'INVALID_ARGUMENT');
        const list = assets.filter((asset) => meets(asset, body()) && asset.id > after).sort((one, other) => (one.id < other.id ? -1 : 1));
        return json({ assets: list.slice(0, limit).map((asset) => ({ asset_id: asset.id, modality: `MODALITY_${asset.kind.toUpperCase()}`, content_hash: asset.id, payload: asset.payload, points: [], paths: [asset.path], media: 'MEDIA_POLICY_REFERENCE', space_revision: 'stub' })), next_after: list.length > limit ? list[limit - 1].id : '' });
      }
      case 'POST /v1/query': {
        const { terms = [], limit = 10, offset = 0, score_threshold: least, filter_text: filter = '' } = body();
        if (options.delay) await new Promise((resolve) => setTimeout(resolve, options.delay));
        if ((filter.match(/\(/g) ?? []).length !== (filter.match(/\)/g) ?? []).length) return problem(400, 'filter: a parenthesis is not closed', 'INVALID_ARGUMENT');
        if (options.many) {
          const hits = [];
          for (let at = offset; at < Math.min(options.many, offset + limit); at += 1) hits.push({ ...hitOf(assets[at % assets.length], 8 - at / 2000, at + 1), asset_id: `${assets[at % assets.length].id}-${at}` });
          return json({ hits, weak: false });
        }
        const own = terms.map((term) => term.asset_id ?? term.point?.asset_id);
        const scored = assets.filter((asset) => meets(asset, body()) && !own.includes(asset.id)).map((asset) => [asset, likeness(asset, terms)]).filter(([, score]) => least === undefined || score >= least).sort((one, other) => other[1] - one[1]);
        return json({ hits: scored.slice(offset, offset + limit).map(([asset, score], at) => hitOf(asset, score, offset + at + 1)), weak: (scored[0]?.[1] ?? 0) < 0.5 });
      }
      case 'POST /v1/score': {
        const asset = assets.find(({ id }) => id === body().asset_id);
        if (!asset) return problem(404, 'no such asset');
        const points = [];
        for (const [track, shift] of asset.kind === 'video' ? [['TRACK_VIDEO', 0], ['TRACK_AUDIO', 2]] : [['TRACK_AUDIO', 0]]) {
          parts(asset).forEach((time, ordinal) => points.push({ point: { track, ordinal, time }, cosine: 0.2, score: 1 + ((ordinal * 7 + shift) % 5) }));
        }
        const high = points.filter(({ score }) => score >= 4).map(({ point }) => ({ ...point.time, peak_ms: (point.time.start_ms + point.time.end_ms) / 2, tracks: [point.track] }));
        return json({ points, moments: high });
      }
      case 'POST /v1/ingest': {
        const name = /filename="([^"]*)"/.exec(raw.toString('latin1'))?.[1] ?? 'file';
        const start = raw.indexOf('\r\n\r\n', raw.indexOf('filename=')) + 4;
        const broken = raw.indexOf('\r\n--', start) - start < 1000;
        if (broken) return json({ results: [{ name, sequence: 1, asset_id: '', state: 'ITEM_STATE_FAILED', points: 0, failure: { reason: 'REASON_KIND_CORRUPT', detail: '', message: 'corrupt: the JPEG ends before its first row', retryable: false } }] });
        for (const one of state.standing) one.write(`data: ${JSON.stringify({ change: 2, hits: [hitOf(assets[0], 5, 1)] })}\n\n`);
        return json({ results: [{ name, sequence: 1, asset_id: assets[0].id, modality: 'MODALITY_IMAGE', points: 1, state: 'ITEM_STATE_INDEXED' }] });
      }
      case 'POST /v1/export': return options.export === false ? problem(404, 'no such page') : (response.writeHead(200, { 'content-type': 'text/plain', 'content-disposition': `attachment; filename="moments.${body().format}"` }), response.end(`${body().hits.length} hits as ${body().format}\n`));
      default:
    }
    if (request.method === 'DELETE' && path.startsWith('/v1/keys/')) {
      state.keys = state.keys.filter(({ id }) => id !== path.slice(9));
      return json({});
    }
    if (request.method === 'PATCH' || request.method === 'DELETE') return json({ deleted: true });
    const of = /^\/v1\/assets\/([^/]+)(?:\/(\w+))?$/.exec(path);
    const asset = of && assets.find(({ id }) => id === decodeURIComponent(of[1]).split('-')[0]);
    if (!asset) return problem(404, 'no such asset', 'NOT_FOUND');
    const { searchParams } = url;
    switch (of[2]) {
      case undefined: return json({ assets: [{ asset_id: asset.id, modality: `MODALITY_${asset.kind.toUpperCase()}`, payload: { ...asset.payload, _captions: { parts: [{ ordinal: 0, text: asset.payload.captions[0], confidence: 0.5 }] } }, points: [], paths: [asset.path] }], missing: [] });
      case 'media': return file(request, response, asset.path, asset.payload.mime);
      case 'peaks': return asset.payload.sample_rate_hz ? json({ duration_ms: asset.payload.duration_ms, peaks: Array.from({ length: 400 }, (_, at) => Math.abs(Math.sin(at / 9) * Math.cos(at / 31))) }) : problem(404, 'no sound');
      case 'thumbnail': {
        if (asset.kind === 'text') return problem(404, 'no thumbnail');
        const ordinal = Number(searchParams.get('ordinal') ?? 0);
        const seconds = asset.kind === 'video' ? Math.min(ordinal * 4 + 2, (asset.payload.duration_ms ?? 0) / 2000 + ordinal) : 0;
        if (asset.kind === 'audio') return file(request, response, made(`${asset.id}.jpg`, ['-i', asset.path, '-filter_complex', 'color=white:320x80[b];[0:a]showwavespic=s=320x80:colors=#28466e[w];[b][w]overlay', '-frames:v', '1']), 'image/jpeg');
        return file(request, response, made(`${asset.id}-${ordinal}.jpg`, [...(seconds > 0 ? ['-ss', String(seconds)] : []), '-i', asset.path, '-frames:v', '1', '-vf', 'scale=320:-2']), 'image/jpeg');
      }
      case 'preview': return file(request, response, made(`${asset.id}-preview.jpg`, ['-i', asset.path, '-frames:v', '1']), 'image/jpeg');
      case 'clip': {
        const [from, to] = [Number(searchParams.get('start_ms')), Number(searchParams.get('end_ms'))];
        const kind = asset.kind === 'audio' ? 'm4a' : 'mp4';
        return file(request, response, made(`${asset.id}-${from}-${to}.${kind}`, ['-ss', String(from / 1000), '-i', asset.path, '-t', String((to - from) / 1000), '-pix_fmt', 'yuv420p', '-movflags', '+faststart', ...(kind === 'm4a' ? ['-vn'] : [])]), kind === 'm4a' ? 'audio/mp4' : 'video/mp4');
      }
      default: return problem(404, 'no such page', 'NOT_FOUND');
    }
  };
  await new Promise((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { url: `http://127.0.0.1:${port}${options.base ?? ''}/`, port, state, stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.env.PORT ?? 7800), many: Number(process.env.MANY ?? 0), key: process.env.KEY });
  console.log(`the page stands at ${url}`);
}
