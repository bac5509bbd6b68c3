// What an auditor of a vector would have on disk and type: the vectors say what is brought, this says it to the command line.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const vectors = fileURLToPath(new URL('../../vectors/v1/', import.meta.url));
/** What the vectors' auditor takes for now, unless they say another time. */
const NOW = '2026-11-25T00:00:00Z';

/** The names of the vectors that are logs. */
export function vectorNames() {
  const isVector = (name) => /(?<!\.manifest)\.json$/.test(name) && !name.startsWith('unit-');
  return readdirSync(vectors)
    .filter(isVector)
    .map((name) => name.slice(0, -'.json'.length));
}

export function readVector(name) {
  return JSON.parse(readFileSync(`${vectors}${name}.json`, 'utf8'));
}

/**
 * What no file can say: a key service that answers, or does not; what an erasure log records, without that log. (A token of a time
 * stamp is in no vector either.)
 */
function asksMore({ service_keys: service, data_keys: keys = {}, erasures, erasure_log: isLog }) {
  return service !== undefined || Object.values(keys).includes('unavailable') || (erasures ?? isLog) !== undefined;
}

/**
 * Puts the files of a vector into a folder, which is made. Without `dataKeys` the auditor has none, whatever the vector says.
 *
 * @returns the arguments behind `verify`, with paths relative to the folder; `expected`: the vector's verdict as an exit code,
 *   where files alone can say all that it brings
 */
export function vectorInputs(name, folder, { dataKeys: hasKeys = true } = {}) {
  const { data_keys: given, ...rest } = readVector(name);
  const vector = hasKeys && given !== undefined ? { ...rest, data_keys: given } : rest;
  mkdirSync(folder, { recursive: true });
  const write = (file, text) => {
    writeFileSync(join(folder, file), text, { mode: 0o600 });
    return file;
  };
  for (const file of vector.files) {
    copyFileSync(vectors + file, join(folder, file));
    for (const manifest of [`${file}.manifest.json`, `${file.replace(/\.gz$/, '')}.manifest.json`]) {
      if (existsSync(vectors + manifest)) copyFileSync(vectors + manifest, join(folder, manifest));
    }
  }
  const notes = (vector.held ?? []).map((note, at) => write(`held-${at + 1}.note`, note));
  const vkeys = vector.vkeys ?? [];
  const dataKeys = Object.entries(vector.data_keys ?? {}).filter(([, hex]) => hex !== 'unavailable');
  if (dataKeys.length > 0) mkdirSync(join(folder, 'keys'));
  for (const [kid, hex] of dataKeys) write(join('keys', `${kid}.key`), `${hex}\n`);
  const policy = policyOf(vector);
  const named = policy === undefined ? ['--origin', vector.origin] : ['--policy', write('policy.yaml', policy)];
  const args = [
    ...vector.files,
    ...named,
    ...(policy === undefined && vkeys.length > 0
      ? ['--public-key', write('signers.vkey', vkeys.map((vkey) => `${vkey}\n`).join(''))]
      : []),
    ...notes.flatMap((note) => ['--since', note]),
    ...(dataKeys.length > 0 ? ['--keys', 'keys'] : []),
    ...['--now', vector.now ?? NOW],
    ...(vector.live ? ['--live'] : []),
    ...(vector.part ? ['--part'] : []),
    ...(vector.max_bytes === undefined ? [] : ['--max-bytes', String(vector.max_bytes)]),
  ];
  const isWhole = !asksMore(vector) && vector.stamped === undefined && (hasKeys || given === undefined);
  return { args, ...(isWhole && { expected: vector.verdict }) };
}

/** The policy that says what no flag can; undefined where flags say it all. JSON is YAML. */
function policyOf({ origin, until, live, accept, policy, vkeys = [], witnesses, cosignatures, ...rest }) {
  const { vkey_ranges: signing, data_key_ranges: wrapping, data_keys: keys = {} } = rest;
  if ([until, accept, policy, signing, wrapping, witnesses].every((one) => one === undefined)) return undefined;
  const range = ([from, last] = [1, 0]) => ({ from_seq: Math.max(1, from), ...(last > 0 && { until_seq: last }) });
  const stream = {
    origin,
    keys: [
      ...vkeys.map((sign) => ({ sign, ...range(signing?.[sign]) })),
      ...(wrapping === undefined ? [] : Object.keys(keys).map((wrap) => ({ wrap, ...range(wrapping[wrap]) }))),
    ],
    end: until === undefined ? (live ? 'live' : 'closed') : { until },
    ...policy,
    ...(accept && { accept }),
    ...(witnesses && { witnesses }),
    ...(cosignatures !== undefined && { cosignatures }),
  };
  return `${JSON.stringify({ version: 1, streams: [stream] }, undefined, 2)}\n`;
}
