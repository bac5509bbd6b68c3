import { basename } from 'node:path';
import type { FindingCode } from '../../src/index.ts';
import { Draft, isEntry, kindOf } from '../interop/differential/draft.ts';
import { notesOf } from '../interop/differential/honest-log.ts';
import { contentsOf, logFiles } from '../simulator/log-files.ts';
import { scheduleOf } from '../simulator/schedule.ts';
import { played } from '../simulator/simulation.ts';
import type { Tree } from '../simulator/tree.ts';
import { localKey } from '../support/signing-keys.ts';
import type { Kept, World, WorldEntry } from './world.ts';

/** Logs that the writer itself leaves on a simulated machine: what it lives through is a schedule of the simulator. */

const textOf = (bytes: Buffer): string => bytes.toString('latin1');

/** Undefined where no entry was written. `settles`: another start seals what is left, and ends in order. */
export async function realWorld(tree: Tree, seed: number, settles: boolean): Promise<World | undefined> {
  const drawn = scheduleOf(seed, false);
  // all of a log is sealed in one mode here: no signer is added on the way
  const steps = drawn.steps.filter((step) => step.do !== 'configure' || step.config.signingKeyId === undefined);
  const schedule = { ...drawn, steps };
  const world = await played(tree, schedule, settles);
  const { keys } = world;
  const all = [...logFiles(world)].map(([name, bytes]) => ({
    name: basename(name, '.gz'),
    bytes: Buffer.from(bytes),
  }));
  const manifests = [...contentsOf(world)].flatMap(([name, { content }]) =>
    name.endsWith('.manifest.json') ? [{ name: basename(name), bytes: content }] : [],
  );
  const origins = new Map<string, string>();
  const cited = new Map<string, number>();
  for (const { bytes } of all) {
    for (const [, origin = '', rest = ''] of textOf(bytes).matchAll(
      /"kind":"open","format":1,"origin":"([^"]+)"(.*)/g,
    )) {
      const tag = /"key_id":"([\w-]{8})\.\d+","\w+":"[\w-]{43}"\}\}$/.exec(rest)?.[1];
      if (tag !== undefined) origins.set(tag, origin);
      const after = /"after":\{"origin":"([^"]+)","size":(\d+)/.exec(rest);
      if (after !== null) cited.set(after[1] as string, Number(after[2]));
    }
  }
  const entries = new Map<string, WorldEntry>();
  const has = new Set<FindingCode>();
  const found = all.flatMap(({ name, bytes }) => {
    const draft = Draft.of([{ name, bytes }]);
    const own = draft.items
      .filter(isEntry)
      .map((item) => ({ item, read: kindOf(item) as { tag: string; seq: number } }));
    const [first] = own;
    if (first === undefined) return [];
    for (const { item, read } of own) {
      const origin = origins.get(read.tag) ?? '';
      const key = `${origin} ${read.seq}`;
      if (entries.has(key)) has.add('ABANDONED').add('ABANDONED_UNPROVEN');
      entries.set(key, { origin, seq: read.seq, bytes: item.bytes });
    }
    if (bytes.includes('"adopted_from":')) has.add('ADOPTED');
    return [{ name, origin: origins.get(first.read.tag) ?? '', bytes, seq: first.read.seq }];
  });
  // the order in which they were written: names tell nothing of it, and a stream may go on behind the beginning of the next one
  const begun = [...new Set(found.map(({ origin }) => origin))];
  const files = found
    .sort((a, b) => begun.indexOf(a.origin) - begun.indexOf(b.origin) || a.seq - b.seq)
    .map(({ name, origin, bytes }) => ({ name, origin, bytes }));
  if (files.length === 0 || files.some(({ origin }) => origin === '')) return undefined;
  const kept = notesOf(files).map((note): Kept => {
    const [origin = '', size] = note.split('\n');
    return { origin, size: Number(size), note };
  });
  const { useKmsSigning, signingKeyId } = schedule.setup.config;
  const signs = useKmsSigning === true || signingKeyId !== undefined;
  const dataKeys = useKmsSigning === true ? [] : keys.dataKeys;
  // a clock may have gone back: whoever copies the log has the one that it ends with
  const newest = new Map(
    files.flatMap(({ origin, bytes }) => {
      const time = [...textOf(bytes).matchAll(/"time":"([^"]+)"/g)].at(-1)?.[1];
      return time === undefined ? [] : [[origin, Date.parse(time)] as const];
    }),
  );
  return {
    mode: useKmsSigning === true ? 'hash' : signs ? 'both' : 'mac',
    origins: [...new Set(files.map(({ origin }) => origin))],
    files,
    manifests,
    kept: [...new Map(kept.map((one) => [`${one.origin} ${one.size}`, one])).values()].sort((a, b) => a.size - b.size),
    dataKeys,
    signers: signs ? keys.secrets.map((secret) => localKey('ed25519', secret)) : [],
    now: Math.max(...newest.values()),
    open: !settles,
    has,
    cited,
    entries: [...entries.values()],
    dataKeyOf: {},
  };
}
