import { gzipSync } from 'node:zlib';
import { type LogFile, linesOf, plainOf as plainBytes } from './honest-log.ts';
import type { Random } from './random.ts';

/** Changes of whole files and of manifests. */

type FileChange = (random: Random, files: readonly LogFile[], others: readonly LogFile[]) => LogFile[] | undefined;

const plainOf = ({ bytes }: LogFile): Buffer => plainBytes(bytes);

const pickAt = (random: Random, files: readonly LogFile[]): number => random.int(files.length);

export const fileChanges: Readonly<Record<string, FileChange>> = {
  missing: (random, files) => (files.length < 2 ? undefined : files.toSpliced(pickAt(random, files), 1)),
  swapped: (random, files) => {
    const [one, other] = [pickAt(random, files), pickAt(random, files)];
    const [first, second] = [files[one], files[other]];
    if (one === other || first === undefined || second === undefined) return undefined;
    return files.with(one, { ...first, bytes: second.bytes }).with(other, { ...second, bytes: first.bytes });
  },
  truncated: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    return files.with(at, { ...file, bytes: file.bytes.subarray(0, random.int(file.bytes.length)) });
  },
  truncatedPlain: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    const plain = plainOf(file);
    return files.with(at, { ...file, bytes: plain.subarray(0, random.int(plain.length)) });
  },
  concatenated: (_random, files) => {
    const [first] = files;
    if (first === undefined || files.length < 2) return undefined;
    return [{ name: first.name.replace('.gz', ''), bytes: Buffer.concat(files.map(plainOf)) }];
  },
  cut: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    const lines = linesOf(file.bytes).map((line) => Buffer.concat([line, Buffer.from('\n')]));
    const pieces: LogFile[] = [];
    for (let from = 0, piece = 1; from < lines.length; piece++) {
      const to = from + random.pick([1, 1, 2, 5, 20]);
      const name = `${file.name.replace(/\.jsonl(\.gz)?$/, '')}.${String(piece).padStart(3, '0')}.jsonl`;
      pieces.push({ name, bytes: Buffer.concat(lines.slice(from, to)) });
      from = to;
    }
    const cut = files.toSpliced(at, 1, ...pieces);
    return random.chance(0.3) ? cut.toSpliced(pickAt(random, cut), 1) : cut;
  },
  members: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    const plain = plainOf(file);
    const cut = random.int(plain.length);
    const bytes = Buffer.concat([gzipSync(plain.subarray(0, cut)), gzipSync(plain.subarray(cut))]);
    return files.with(at, { name: `${file.name.replace('.gz', '')}.gz`, bytes });
  },
  trailing: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    const tail = random.pick([Buffer.from('x'), Buffer.alloc(8), Buffer.from('\n'), Buffer.from([0x1f, 0x8b, 8])]);
    return files.with(at, { ...file, bytes: Buffer.concat([gzipSync(plainOf(file)), tail]) });
  },
  damaged: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    const bytes = Buffer.from(gzipSync(plainOf(file), { level: 1 }));
    const place = random.int(bytes.length);
    bytes[place] = (bytes[place] as number) ^ (1 << random.int(8));
    return files.with(at, { ...file, bytes });
  },
  twice: (random, files) => {
    const file = random.pick(files);
    return [...files, { ...file, name: file.name.replace('audit', 'audit.copy') }];
  },
  reversed: (_random, files) => [...files].reverse(),
  unterminated: (random, files) => {
    const at = pickAt(random, files);
    const file = files[at] as LogFile;
    return files.with(at, { ...file, bytes: Buffer.concat([plainOf(file), Buffer.from('{"half')]) });
  },
  strangers: (random, files, others) => {
    if (others.length === 0) return undefined;
    const file = random.pick(others);
    return [...files, { ...file, name: file.name.replace('audit', 'audit.other') }];
  },
  empty: (random, files) => [...files, { name: 'audit.empty.jsonl', bytes: Buffer.from(random.pick(['', '\n'])) }],
};

type ManifestChange = (random: Random, manifests: readonly LogFile[]) => LogFile[] | undefined;

function otherValue(random: Random, value: unknown): unknown {
  if (typeof value === 'number') return random.pick([value + 1, value - 1, 0, String(value)]);
  if (typeof value === 'string') {
    if (/^\d{4}-/.test(value)) return value.replace(/\d(?=Z)/, (digit) => String((Number(digit) + 1) % 10));
    return random.pick([`${value}x`, value.slice(1), '', value.replace(/[0-9a-f]/, 'A'), 'ed25519', 'hmac-sha256']);
  }
  if (value !== null && typeof value === 'object') return { ...value, size: random.int(30) };
  return 1;
}

function changed(manifest: LogFile, change: (members: [string, unknown][]) => [string, unknown][]): LogFile {
  const members = Object.entries(JSON.parse(manifest.bytes.toString('utf8')) as Record<string, unknown>);
  return { ...manifest, bytes: Buffer.from(`${JSON.stringify(Object.fromEntries(change(members)), undefined, 2)}\n`) };
}

export const manifestChanges: Readonly<Record<string, ManifestChange>> = {
  value: (random, manifests) => {
    const at = random.int(manifests.length);
    return manifests.with(
      at,
      changed(manifests[at] as LogFile, (members) => {
        const place = random.int(members.length);
        const [name, value] = members[place] as [string, unknown];
        return members.with(place, [name, otherValue(random, value)]);
      }),
    );
  },
  removed: (random, manifests) => {
    const at = random.int(manifests.length);
    return manifests.with(
      at,
      changed(manifests[at] as LogFile, (members) => members.toSpliced(random.int(members.length), 1)),
    );
  },
  added: (random, manifests) => {
    const at = random.int(manifests.length);
    const member = random.pick<[string, unknown]>([
      ['later', 1],
      ['first_ts', '2026-11-24T23:00:00.000Z'],
      ['continues_from', { origin: 'audit.example.com/other', size: 3, root: `${'A'.repeat(43)}=` }],
    ]);
    return manifests.with(
      at,
      changed(manifests[at] as LogFile, (members) => [...members, member]),
    );
  },
  reordered: (random, manifests) => {
    const at = random.int(manifests.length);
    return manifests.with(
      at,
      changed(manifests[at] as LogFile, (members) => [...members].reverse()),
    );
  },
  borrowed: (random, manifests) => {
    const [at, from] = [random.int(manifests.length), random.int(manifests.length)];
    if (at === from) return undefined;
    return manifests.with(at, { ...(manifests[at] as LogFile), bytes: (manifests[from] as LogFile).bytes });
  },
  byte: (random, manifests) => {
    const at = random.int(manifests.length);
    const manifest = manifests[at] as LogFile;
    const bytes = Buffer.from(manifest.bytes);
    const place = random.int(bytes.length);
    bytes[place] = (bytes[place] as number) ^ (1 << random.int(8));
    return manifests.with(at, { ...manifest, bytes });
  },
  gone: (random, manifests) => manifests.toSpliced(random.int(manifests.length), 1),
};
