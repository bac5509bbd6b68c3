import { kidOf } from '../../../src/format/origin.ts';
import { type EpochKeys, SealedLog } from '../../support/sealed-log.ts';
import { type SigningKey, vkeyOf } from '../../support/signing-keys.ts';
import { dataKey, edKey, nextDataKey, nextEdKey, p256Key, thirdEdKey } from '../../vectors/keys.ts';
import type { HonestLog } from './honest-log.ts';
import type { Random } from './random.ts';

/**
 * Logs of the tests' own writer, with what the real one seldom or never does: changes of mode, several signers, checkpoints
 * that come late, twice or not at all, tails that a shipped copy has alone, streams that go on under another name. They keep
 * the format's rules for the most part.
 */

const SIGNERS: readonly SigningKey[] = [edKey, nextEdKey, thirdEdKey, p256Key];
const DATA: readonly Buffer[] = [dataKey, nextDataKey];

function someKeys(random: Random, before: EpochKeys | undefined, handOver: boolean): EpochKeys {
  if (before !== undefined && random.chance(0.4)) return before;
  // a restart gives up neither MACs nor signers, but for now and then
  const strict = before !== undefined && !handOver && random.chance(0.9);
  const macs = strict && before.dataKey !== undefined ? true : random.chance(0.6);
  const signed = (strict && (before.signers ?? []).length > 0) || !macs || random.chance(0.5);
  const signers = signed ? [random.pick(SIGNERS), ...random.some(SIGNERS, 0.15)] : [];
  return {
    ...(macs && { dataKey: random.pick(DATA) }),
    ...(signers.length > 0 && { signers: [...new Set(signers)] }),
  };
}

class Maker {
  readonly #random: Random;
  readonly log: SealedLog;
  readonly data: Record<string, string> = {};
  readonly signers = new Set<SigningKey>();
  #keys: EpochKeys | undefined;
  #files: number;
  #closed = false;

  constructor(random: Random, origin: string, firstFile = 1) {
    this.#random = random;
    this.#files = firstFile;
    this.log = new SealedLog(origin);
    this.log.file = `${this.#name()}.jsonl`;
  }

  run(why?: 'recovered' | 'resumed', after?: { origin: string; size: number; root: string }): void {
    const keys = this.#introduce(false);
    const says = {
      ...(why && { why }),
      ...(after && { after }),
      ...(after && this.#random.chance(0.3) && { why: 'conflict' as const }),
    };
    this.log.open(keys, says);
    this.#closed = false;
    if (this.#random.chance(0.06)) return; // crashed before its first seal
    this.#checkpoint(this.log.seal());
  }

  step(): void {
    const { log } = this;
    if (this.#closed) this.#goOn();
    else this.#random.pick(this.#steps)(log);
  }

  readonly #steps: readonly ((log: SealedLog) => void)[] = [
    (log) => this.#checkpoint(log.seal()),
    (log) => this.#checkpoint(log.seal()),
    (log) => log.gap(this.#random.int(3), this.#random.pick(['overflow', 'key_service', 'suspended'])),
    () => this.#handOver(),
    (log) => {
      this.#checkpoint(log.close('rotated'));
      if (this.#random.chance(0.2)) this.run('recovered');
      else log.rotate(`${this.#name()}.jsonl`);
    },
    (log) => {
      this.#checkpoint(log.close('shutdown'));
      this.#closed = true;
    },
    () => this.run('recovered'),
    (log) => {
      log.clock += this.#random.pick([1000, 60_000, 400_000, 600_000]);
    },
    (log) => {
      if (log.seals.length > 0) log.checkpoint({ size: this.#random.pick(log.seals).size });
    },
    () => this.#records(),
    () => this.#records(),
    () => this.#records(),
  ];

  close(): void {
    if (this.#closed) return;
    this.log.close('shutdown').checkpoint();
    this.#closed = true;
  }

  continued(): { origin: string; size: number; root: string } {
    this.log.close('continued', { continuedBy: `${this.log.origin}/20261124T230000Z-0a1b2c3d` });
    this.log.checkpoint();
    const { size, root } = this.log.lastSeal;
    return { origin: this.log.origin, size, root };
  }

  #goOn(): void {
    if (this.#random.chance(0.3)) this.log.file = `${this.#name()}.jsonl`;
    this.run(this.#random.chance(0.7) ? 'resumed' : 'recovered');
  }

  #handOver(): void {
    const keys = this.#introduce(true);
    this.log.key(keys);
    if (this.#random.chance(0.1)) this.run('recovered');
    else this.#checkpoint(this.log.seal());
  }

  #records(): void {
    for (let n = 1 + this.#random.int(4); n > 0; n--) this.log.record(this.#line());
  }

  #introduce(handOver: boolean): EpochKeys {
    const keys = someKeys(this.#random, this.#keys, handOver);
    this.#keys = keys;
    const kid = kidOf(this.log.origin, this.log.highestEpoch + 1);
    if (keys.dataKey !== undefined) this.data[kid] = keys.dataKey.toString('hex');
    for (const signer of keys.signers ?? []) this.signers.add(signer);
    return keys;
  }

  #checkpoint(log: SealedLog): void {
    const what = this.#random.int(20);
    if (what === 0) return;
    const { mac, epoch } = log.lastSeal;
    if (what === 1 && mac !== undefined) log.checkpoint({ signers: [] });
    else if (what === 2 && (epoch.keys.signers ?? []).length > 0) log.checkpoint({ mac: false });
    else log.checkpoint();
  }

  #line(): string {
    return this.#random.chance(0.2) ? `text ${this.log.size}` : `{"n":${this.log.size},"msg":"payment accepted"}`;
  }

  #name(): string {
    return `audit.${String(this.#files++).padStart(3, '0')}`;
  }
}

const spkiOf = ({ signer }: SigningKey): string => signer.spki?.toString('base64url') ?? '';

/** One log, with one stream or two of which the second continues the first. */
export function madeUpLog(random: Random, name: string): HonestLog {
  const origin = 'audit.example.com/vectors/a';
  const first = new Maker(random, origin);
  first.run();
  for (let steps = 3 + random.int(14); steps > 0; steps--) first.step();
  const makers = [first];
  const open = random.chance(0.2);
  if (random.chance(0.2)) {
    const after = first.continued();
    const second = new Maker(random, `${origin}/20261124T230000Z-0a1b2c3d`, 900); // no name of the first one's files
    second.log.clock = first.log.clock;
    second.run(undefined, after);
    for (let steps = 2 + random.int(5); steps > 0; steps--) second.step();
    if (!open) second.close();
    makers.push(second);
  } else if (!open) {
    first.close();
  }
  const signers = new Map([...makers.flatMap((maker) => [...maker.signers])].map((key) => [key.signer.identity, key]));
  const vkeys = makers.flatMap(({ log }) => [...signers.values()].map((key) => vkeyOf(log.origin, key)));
  const dataKeys = Object.assign({}, ...makers.map(({ data }) => data)) as Record<string, string>;
  return {
    name,
    mode: signers.size === 0 ? 'mac' : Object.keys(dataKeys).length === 0 ? 'hash' : 'both',
    origins: makers.map(({ log }) => log.origin),
    files: makers.flatMap(({ log }) => log.toFiles()),
    manifests: [],
    vkeys,
    now: (makers.at(-1) as Maker).log.clock,
    open,
    holder: {
      dataKeys,
      signers: new Map([...signers.values()].map((key) => [spkiOf(key), async (text) => key.sign(text)])),
    },
  };
}
