import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TamperError } from '../../../src/errors.ts';
import { createDataKey, type DataKey, type DataKeys } from '../../../src/index.ts';
import type { VerifyOptions } from '../../../src/verify/auditor/options.ts';
import { coversOrigin } from '../../../src/verify/auditor/origin-pattern.ts';
import { loadPolicy } from '../../../src/verify/auditor/policy.ts';
import type { VerifyReport } from '../../../src/verify/verdict/report.ts';
import { verify } from '../../../src/verify/verify.ts';
import type { Brings } from '../../support/judge.ts';
import { SealedLog } from '../../support/sealed-log.ts';
import { ed25519Key, vkeyOf } from '../../support/signing-keys.ts';
import type { LogFile } from './honest-log.ts';

/** What an auditor of a case brings: a vector's members, with a list of origins. */
export type CaseBrings = Omit<Brings, 'origin' | 'service_keys' | 'max_bytes' | 'policy'> & {
  readonly origin: string | readonly string[];
  readonly demux?: boolean;
  readonly policy?: Brings['policy'] & { readonly start?: 'whole' };
};

/** One question for both verifiers. */
export interface Case {
  readonly what: string;
  readonly files: readonly LogFile[];
  readonly manifests: readonly LogFile[];
  readonly brings: CaseBrings;
}

export interface Answer {
  readonly verdict: 0 | 1 | 2;
  readonly codes: readonly string[];
}

const script = fileURLToPath(new URL('../python/verify.py', import.meta.url));
const VERDICTS = { ok: 0, tampered: 1, undecided: 2 } as const;

/** The Python verifier in one process that answers case after case. */
export class PythonSide {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  constructor(python: string) {
    this.#child = spawn(python, ['-B', script, '--serve']);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Undefined where the case needs a key service. */
  async judge(paths: readonly string[], brings: CaseBrings): Promise<Answer | undefined> {
    this.#child.stdin.write(`${JSON.stringify({ ...brings, files: paths })}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`the Python verifier ended: ${this.#errors}`);
    const [, verdict, codes] = JSON.parse(answer.value) as [string, 0 | 1 | 2 | null, string[]];
    return verdict === null ? undefined : { verdict, codes };
  }

  close(): void {
    this.#child.stdin.end();
    this.#lines.close();
  }
}

/** What wrote the keys of a log: the memory provider, and what the tests' own writer says. */
const SOURCES = ['memory', 'env'];
const named = [{ name: 'audit' }];

function dataKeysOf(source: string, keys: Readonly<Record<string, string>>): DataKeys {
  const give = (identity: string, kid: string): DataKey => {
    const hex = keys[kid];
    if (hex === undefined) throw new TamperError('KEY_NOT_FOUND', `no data key for ${kid}`);
    return createDataKey({ material: Buffer.from(hex, 'hex'), source, identity });
  };
  return {
    getKey: async (name, { kid }) => give(name, kid),
    recoverKey: async ({ identity }, _named, { kid }) => give(identity, kid),
  };
}

/** The erasure log of every auditor who brings one: a stream with a key of its own (spec/erasure.md, R1.2). */
const ERASURES = 'erasures.example.com/log';
const erasureKey = ed25519Key('erasure log');

/** Writes what is recorded as an erasure log, without a close where it is not whole (R1.3), and returns its path. */
function writeErasures(directory: string, { recorded, whole }: NonNullable<CaseBrings['erasures']>): string {
  const log = new SealedLog(ERASURES)
    .open({ signers: [erasureKey] })
    .seal()
    .checkpoint();
  for (let at = 0; at < recorded.length; at += 500) {
    log.record(...recorded.slice(at, at + 500).map((one) => JSON.stringify(one)));
    log.seal().checkpoint();
  }
  if (whole) log.close().checkpoint();
  const path = join(directory, 'erasures.jsonl');
  for (const { bytes } of log.toFiles()) writeFileSync(path, bytes);
  return path;
}

/** What only a policy can say is said by a file, as a user would. */
async function policyOf(directory: string, brings: CaseBrings): Promise<VerifyOptions['policy']> {
  const { until, live, accept, policy, held = [], vkeys = [], vkey_ranges: ranges = {} } = brings;
  const { erasures } = brings;
  const plain = until === undefined && accept === undefined && policy === undefined;
  if (plain && erasures === undefined) return undefined;
  // one of another stream is refused
  const pinsOf = (pattern: string): string[] =>
    held.flatMap((note, at) => {
      const origin = note.slice(0, note.indexOf('\n'));
      return coversOrigin(pattern, origin) || origin.startsWith(`${pattern}/`) ? [`${at}.note`] : [];
    });
  for (const [at, note] of held.entries()) writeFileSync(join(directory, `${at}.note`), note);
  const stream = {
    keys: vkeys.map((sign) => {
      const [from, last] = ranges[sign] ?? [1, 0];
      return { sign, from_seq: Math.max(1, from), ...(last > 0 && { until_seq: last }) };
    }),
    end: until !== undefined ? { until } : live === true ? 'live' : 'closed',
    ...policy,
    ...(accept && { accept }),
  };
  const path = join(directory, 'policy.yaml');
  writeFileSync(
    path,
    JSON.stringify({
      version: 1,
      streams: [
        ...originsOf(brings).map((origin) => ({ origin, pins: pinsOf(origin), ...stream })),
        ...(erasures ? [erasureLog] : []),
      ],
      ...(erasures && { erasures: [ERASURES] }),
    }),
  );
  return loadPolicy(path);
}

const erasureLog = { origin: ERASURES, require: ['signature'], keys: [{ sign: vkeyOf(ERASURES, erasureKey) }] };

const originsOf = ({ origin }: CaseBrings): readonly string[] => (typeof origin === 'string' ? [origin] : origin);

/** What our verifier is asked for a case. */
export async function optionsOf(
  directory: string,
  paths: readonly string[],
  brings: CaseBrings,
): Promise<VerifyOptions> {
  const { data_keys: dataKeys, vkeys = [], vkey_ranges: ranges = {}, held, live, now, part, demux } = brings;
  const policy = await policyOf(directory, brings);
  const publicKeys = vkeys.map((vkey) => {
    const [fromSeq, untilSeq] = ranges[vkey] ?? [1, 0];
    return { vkey, fromSeq: Math.max(1, fromSeq), untilSeq: untilSeq === 0 ? Number.MAX_SAFE_INTEGER : untilSeq };
  });
  return {
    paths: brings.erasures ? [...paths, writeErasures(directory, brings.erasures)] : paths,
    ...(policy ? { policy } : { origin: originsOf(brings), publicKeys, held: held ?? [], live: live ?? false }),
    ...(dataKeys && {
      dataKeys: SOURCES.map((source) => ({
        source,
        ...(source === 'memory' && { versionSeparator: ':v' }),
        keys: dataKeysOf(source, dataKeys),
        named,
      })),
    }),
    ...(now !== undefined && { now: new Date(now) }),
    part: part ?? false,
    demux: demux ?? false,
  };
}

/** What it says of the streams that the case is about. */
function answerOf(report: VerifyReport): Answer {
  const streams = report.streams.filter(({ origin }) => origin !== ERASURES);
  const verdicts = streams.map(({ verdict }) => VERDICTS[verdict]);
  const worst = verdicts.includes(1) ? 1 : verdicts.length > 0 && verdicts.every((one) => one === 0) ? 0 : 2;
  const findings = streams.flatMap((stream) => stream.findings);
  return { verdict: worst, codes: findings.map(({ code, seq }) => (seq === undefined ? code : `${code} ${seq}`)) };
}

/** Puts the files of each case where both sides can read them, and asks both. */
export class BothSides {
  readonly #python: PythonSide;
  readonly #root: string;
  #count = 0;

  constructor(python: string, root: string) {
    this.#python = new PythonSide(python);
    this.#root = root;
  }

  async judge(one: Case): Promise<{ ours: Answer; theirs: Answer | undefined }> {
    const directory = join(this.#root, `case${++this.#count}`);
    mkdirSync(directory, { recursive: true });
    try {
      const here = new Set(one.files.map(({ name }) => `${name.replace(/\.gz$/, '')}.manifest.json`));
      const alone = one.manifests.filter(({ name }) => !here.has(name)); // M7.1: nothing but its name leads to it
      const paths = [...one.files, ...alone].map(({ name }) => join(directory, name));
      for (const { name, bytes } of [...one.files, ...one.manifests]) writeFileSync(join(directory, name), bytes);
      const theirs = this.#python.judge(paths, one.brings);
      const report = await verify(await optionsOf(directory, paths, one.brings));
      return { ours: answerOf(report), theirs: await theirs };
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  close(): void {
    this.#python.close();
  }
}
