import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Finding, Manifest, SealerOptions } from '../../src/index.ts';
import type { MemoryProvider } from '../../src/testing/index.ts';
import { someOf, times } from '../support/tier.ts';
import { audit, start, workplace } from './workplace.ts';

const modes: [string, Partial<SealerOptions>][] = [
  ['data key', {}],
  ['signing', { useKmsSigning: true }],
  ['both', { signingKeyId: 'sign' }],
];

interface Sealed {
  readonly directory: string;
  readonly provider: MemoryProvider;
  /** Manifests by the name of their file. */
  readonly manifests: ReadonlyMap<string, Manifest>;
}

/** Two files of a run, and a second run that goes on in the last one. */
async function seal(extra: Partial<SealerOptions>): Promise<Sealed> {
  const { directory, options, provider } = workplace(['audit', 'sign']);
  const sealer = start({ ...options(), ...extra });
  sealer.write('{"n":1}');
  await sealer.flush();
  sealer.write('text');
  await sealer.rotate();
  sealer.write('{"n":2}');
  await sealer.close();
  const again = start({ ...options(), ...extra });
  again.write('{"n":3}');
  await again.close();
  const names = readdirSync(directory).filter((name) => name.endsWith('.manifest.json'));
  const manifests = names.map((name): [string, Manifest] => [
    name.slice(0, -'.manifest.json'.length),
    JSON.parse(readFileSync(join(directory, name), 'utf8')) as Manifest,
  ]);
  return { directory, provider, manifests: new Map(manifests) };
}

function bytesOf(directory: string, file: string): Buffer {
  const packed = readdirSync(directory).includes(`${file}.gz`);
  const bytes = readFileSync(join(directory, packed ? `${file}.gz` : file));
  return packed ? gunzipSync(bytes) : bytes;
}

/** Each member said otherwise, in its own type; and left out. */
function* changes(manifest: Manifest): Generator<[string, object]> {
  const other: Record<string, unknown> = {
    origin: 'audit.example.com/other',
    algo: manifest.algo === 'sha256' ? 'hmac-sha256' : 'sha256',
    signature_algo: manifest.signature_algo === 'ed25519' ? 'ratchet-hmac-sha256' : 'ed25519',
    signature: 'AAAA',
    root: Buffer.alloc(32).toString('base64'),
    sha256: '0'.repeat(64),
    continues_from: { origin: manifest.origin, size: 1, root: Buffer.alloc(32).toString('base64') },
  };
  for (const [name, value] of Object.entries(manifest)) {
    const time = typeof value === 'string' && name.endsWith('_ts') ? '2020-01-01T00:00:00.000Z' : undefined;
    const changed = other[name] ?? time ?? (typeof value === 'number' ? value + 1 : `${String(value)}x`);
    if (name !== 'file') yield [`another ${name}`, { ...manifest, [name]: changed }];
    yield [`no ${name}`, { ...manifest, [name]: undefined }];
  }
  for (const name of ['algo', 'signature_algo'] as const) yield [`a later ${name}`, { ...manifest, [name]: 'later-2' }];
  yield ['one byte less', { ...manifest, bytes: manifest.bytes - 1 }];
  if (manifest.continues_from === undefined) {
    yield ['a foreign continues_from', { ...manifest, continues_from: { origin: 'x', size: 3, root: other['root'] } }];
  } else {
    const { continues_from: from } = manifest;
    yield ['another stream before', { ...manifest, continues_from: { ...from, origin: 'audit.example.com/other' } }];
  }
}

/** A file with fewer bytes or entries than its manifest tells of may have been cut, and a later version may say what is not known. */
const codeOf = (what: string, findings: readonly Finding[]): string =>
  ['another version', 'a later algo', 'a later signature_algo'].includes(what)
    ? 'UNSUPPORTED'
    : ['another bytes', 'another last_seq'].includes(what) && findings.some(({ code }) => code === 'FILES_MISSING')
      ? 'FILES_MISSING'
      : 'MANIFEST_WRONG';

// M7.1
describe.each(modes)('the manifests of a log sealed with %s', (_name, extra) => {
  it.each([
    ['plain', {}],
    ['compressed', { compressRotated: true }],
  ])('give the whole file, %s', async (_form, form) => {
    const { directory, provider, manifests } = await seal({ ...extra, ...form });
    expect(manifests.size).toBe(2);
    for (const [file, manifest] of manifests) {
      const bytes = bytesOf(directory, file);
      expect(manifest.bytes).toBe(bytes.length);
      expect(manifest.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
    expect((await audit(directory, provider)).findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  });

  it('have no member that is taken as it stands', async () => {
    const { directory, provider, manifests } = await seal(extra);
    for (const [file, manifest] of manifests) {
      const path = join(directory, `${file}.manifest.json`);
      for (const [what, changed] of someOf([...changes(manifest)], 2)) {
        writeFileSync(path, JSON.stringify(changed));
        const { findings } = await audit(directory, provider);
        expect(
          findings.map(({ code }) => code),
          `${file}: ${what}`,
        ).toEqual(expect.arrayContaining([codeOf(what, findings)]));
      }
      writeFileSync(path, JSON.stringify(manifest));
    }
  });

  it('are renamed with their files, which changes nothing', async () => {
    const { directory, provider, manifests } = await seal(extra);
    for (const [at, file] of [...manifests.keys()].entries()) {
      for (const suffix of ['', '.manifest.json'])
        renameSync(join(directory, `${file}${suffix}`), join(directory, `audit.${9 - at}.jsonl${suffix}`));
    }
    expect((await audit(directory, provider)).findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  });

  // M8.2
  it('are asked beside a copy as if the files had been named in another order', async () => {
    const { directory, provider, manifests } = await seal(extra);
    const [first = '', second = ''] = [...manifests.keys()].sort().map((file) => join(directory, file));
    copyFileSync(second, first);
    const told = async (paths: string[]): Promise<readonly string[]> =>
      (await audit(directory, provider, { paths })).findings.map(({ code }) => code);
    expect(await told([first, second])).toEqual(await told([second, first]));
  });

  it('have no byte that may be one of no character', async () => {
    const { directory, provider, manifests } = await seal(extra);
    for (const file of manifests.keys()) {
      const path = join(directory, `${file}.manifest.json`);
      const bytes = readFileSync(path);
      for (let at = 0; at < bytes.length; at += times(100, 7)) {
        const changed = Buffer.from(bytes);
        changed[at] = 0xe1;
        writeFileSync(path, changed);
        const { findings } = await audit(directory, provider);
        expect(
          findings.map(({ code }) => code),
          `${file}: byte ${at}`,
        ).toContain('UNREADABLE');
      }
      writeFileSync(path, bytes);
    }
  });

  it('stay right when the file goes on', async () => {
    const { directory, provider, manifests } = await seal(extra);
    const last = [...manifests.keys()].find((file) => (manifests.get(file)?.first_seq ?? 0) > 1) ?? '';
    const lines = readFileSync(join(directory, last), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"checkpoint"'));
    appendFileSync(join(directory, last), `${lines.at(-1)}\n`);
    expect((await audit(directory, provider)).verdict).toBe('ok');
  });
});

// M7.2
describe('a log file that somebody else renames while it is written', () => {
  it.each(modes)('has no manifest under its old name, and the log stays ok: %s', async (_name, extra) => {
    const { directory, file, options, provider } = workplace(['audit', 'sign']);
    const sealer = start({ ...options(), ...extra, compressRotated: true });
    sealer.write('{"n":1}');
    await sealer.flush();
    const renamed = join(directory, 'audit.1.jsonl');
    renameSync(file, renamed);
    writeFileSync(file, ''); // as logrotate's `create` does
    sealer.write('{"n":2}');
    await sealer.rotate();
    sealer.write('{"n":3}');
    await sealer.close();
    const names = readdirSync(directory);
    expect(names).not.toContain('audit.1.jsonl.manifest.json');
    const manifest = names.includes('audit.jsonl.manifest.json')
      ? JSON.parse(readFileSync(join(directory, 'audit.jsonl.manifest.json'), 'utf8'))
      : { first_seq: 2 };
    expect(manifest.first_seq, 'of the file that has the name now').toBeGreaterThan(1);
    expect(readFileSync(renamed, 'utf8')).toContain('"why":"rotated"');
    expect((await audit(directory, provider)).findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  });

  it('keeps the manifest that it had: the file is found by its entries', async () => {
    const { directory, file, options, provider } = workplace();
    const sealer = start(options());
    sealer.write('{"n":1}');
    await sealer.close();
    renameSync(file, join(directory, 'audit.1.jsonl'));
    writeFileSync(file, '');
    expect((await audit(directory, provider)).verdict).toBe('ok');
    rmSync(join(directory, 'audit.1.jsonl'));
    expect((await audit(directory, provider)).findings.map(({ code }) => code)).toContain('FILES_MISSING');
  });
});
