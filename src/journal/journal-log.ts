import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { appendRecords } from '../append-records.ts';
import type { AuditFinding } from '../audit/check/stream-result.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { isTamperError, systemCode, TamperError } from '../errors.ts';
import { decodeBase64 } from '../format/base64.ts';
import { classifyLine, decodeUtf8 } from '../format/entry.ts';
import { noteKeyOf } from '../format/key-reference.ts';
import { unwrapRecord } from '../format/record.ts';
import { formatVkey } from '../format/vkey.ts';
import { replaceFile, syncDirectoryLater } from '../foundation/durable-replace.ts';
import { readLines } from '../foundation/read-text.ts';
import { signersFor } from '../signers-for.ts';
import { DEFAULT_ACCEPTANCE } from '../verify/auditor/auditor.ts';
import type { VerifyOptions } from '../verify/auditor/options.ts';
import type { Policy, PolicyPublicKey, StreamPolicy } from '../verify/auditor/policy.ts';
import type { Keeping, RecordKeeper } from '../verify/stream/kept-records.ts';
import type { StreamReport } from '../verify/verdict/report.ts';
import { verifyKeeping } from '../verify/verify.ts';
import { journalFinding } from './night.ts';
import {
  type BucketItem,
  base64Of,
  isLaterNight,
  itemOf,
  type JournalEntry,
  type NightBegins,
  type NightEnds,
  NightTree,
  readEntry,
  readNight,
} from './nights.ts';
import { orWriteFailed } from './sealed-memory.ts';

/** The journal of an auditor as it lies there: a sealed log, and beside it a list for each night (spec/journal.md). */

/** So long the keys of the journal may take, in milliseconds. */
const KEYS_MS = 120_000;
const JOURNAL = { what: 'journal', undone: 'Nothing of this audit is remembered.' } as const;
const HINT = 'Lists of the journal must be readable, beside it.';

/** A night that ended. */
export interface Night extends NightEnds {
  /** SEQ of the record with which it ended. */
  readonly seq: number;
}

/** What a journal says, where it was verified. */
export interface JournalReading {
  readonly report: StreamReport;
  /** In their order. */
  readonly nights: readonly Night[];
  /** Those that began after the last of them, and did not end. */
  readonly unfinished: readonly { readonly seq: number; readonly night: string }[];
  /** What is wrong with its records. */
  readonly problems: readonly string[];
  /** Records of a later version. */
  readonly later: readonly string[];
}

class Records implements Keeping {
  taken: { readonly seq: number; readonly text: string }[] = [];

  begin(): void {
    this.taken = [];
  }

  keeper(): RecordKeeper {
    return {
      keep: (seq, bytes, start, end) => {
        const line = bytes.subarray(start, end);
        const read = classifyLine(line);
        const own = read.type === 'record' && read.as === undefined ? unwrapRecord(line, read) : undefined;
        this.taken.push({ seq, text: decodeUtf8(own ?? Buffer.alloc(0)) ?? '' });
      },
      goBack: (size) => {
        this.taken = this.taken.filter(({ seq }) => seq <= size);
      },
      proven: () => undefined,
    };
  }
}

/** A journal, by the configuration of its writer. */
export class JournalLog {
  readonly #config: ResolvedConfig;
  readonly #policy: Policy | undefined;
  #options: VerifyOptions | undefined;

  /** @param policy - of the auditor: what it says of the journal's name counts. @throws {@link TamperError} `USAGE` */
  constructor(config: ResolvedConfig, policy: Policy | undefined) {
    this.#config = config;
    this.#policy = policy;
    const { file, rotateChain, rotateMaxBytes, rotateIntervalSeconds } = config;
    if (rotateChain || rotateMaxBytes > 0 || rotateIntervalSeconds > 0 || file === '-') {
      throw new TamperError('USAGE', 'the configuration of the journal must name one file, and rotate nothing', {
        hint: 'Change the file that --journal names: no rotate_max_bytes, rotate_interval_seconds, rotate_chain.',
      });
    }
    if (existsSync(file)) return;
    throw new TamperError('USAGE', `the journal ${file} is not there`, {
      hint: 'Check file in the configuration that --journal names, which counts from the working directory. If it was there, restore it (docs/runbook.md). To begin a new journal: fapilog-tamper seal --config CONFIGURATION < /dev/null',
    });
  }

  get origin(): string {
    return this.#config.origin;
  }

  get file(): string {
    return this.#config.file;
  }

  /** Where the lists are. */
  get folder(): string {
    return `${this.#config.file}.nights`;
  }

  /** How it is verified: with the keys that the policy names for it, else with those that its writer signs with. @throws {@link TamperError} `USAGE`, what a key service throws */
  async verifyOptions(): Promise<VerifyOptions> {
    this.#options ??= await this.#makeOptions();
    return this.#options;
  }

  async #makeOptions(): Promise<VerifyOptions> {
    const { origin, file } = this.#config;
    const named = this.#policy?.streams.find((one) => one.origin === origin);
    const own: StreamPolicy = named ?? NO_DEMANDS;
    const publicKeys = own.publicKeys.length > 0 ? own.publicKeys : await this.#ownKeys();
    // what a killed writer left and nobody signed is taken over by the next start; a night that ended in it did not (J2.2)
    const accept = { ...own.accept, adopted: Number.MAX_SAFE_INTEGER };
    const { pins, wholeRequired } = own;
    // what others demand of the journal, such as witnesses, it cannot have while it is written
    const stream = { ...NO_DEMANDS, origin, publicKeys, accept, pins, wholeRequired };
    return { paths: [file], jobs: 1, policy: { streams: [stream] } };
  }

  async #ownKeys(): Promise<PolicyPublicKey[]> {
    const { origin } = this.#config;
    const signers = (await signersFor(this.#config, KEYS_MS)).filter(({ spki }) => spki !== undefined);
    if (signers.length === 0) {
      throw new TamperError('USAGE', `the journal ${origin} is not signed with a key that has a public half`, {
        hint: 'Name a signing key in the configuration that --journal names, for example algorithm: Ed25519.',
      });
    }
    return signers.map((signer) => {
      return { vkey: formatVkey(origin, noteKeyOf(signer)), fromSeq: 1, untilSeq: Number.MAX_SAFE_INTEGER };
    });
  }

  /** Verifies that it holds these checkpoints. A writer that was killed is recovered from first. @throws {@link TamperError} what verifying and sealing throw */
  async read(held: readonly string[]): Promise<JournalReading> {
    const reading = await this.verified(held);
    const { verdict, findings } = reading.report;
    if (verdict !== 'undecided' || findings.every(({ code }) => code !== 'END_UNPROVEN')) return reading;
    await this.append([]); // a start takes over what is there, and closes it
    return this.verified(held);
  }

  /** The same, as it is. */
  async verified(held: readonly string[] = []): Promise<JournalReading> {
    const records = new Records();
    const { streams } = await verifyKeeping({ ...(await this.verifyOptions()), held }, records);
    const report = streams.find(({ origin }) => origin === this.origin);
    if (report === undefined)
      throw new TamperError('USAGE', `${this.file} is not the journal ${this.origin}`, { hint: HINT });
    return { report, ...nightsOf(records.taken, report) };
  }

  /** Seals a record of a night. @throws {@link TamperError} as `appendRecords` */
  async append(lines: readonly string[]): Promise<void> {
    await appendRecords(this.#config, lines, JOURNAL);
  }

  /** Makes the folder of the lists, and removes from it what a killed audit left. @throws {@link TamperError} `WRITE_FAILED` */
  async prepare(): Promise<void> {
    await this.#writing(async () => {
      if (existsSync(this.folder)) {
        for (const name of await readdir(this.folder)) if (name.endsWith('.tmp')) await rm(join(this.folder, name));
        return;
      }
      await mkdir(this.folder, { mode: 0o750 });
      await syncDirectoryLater(dirname(this.folder));
    });
  }

  /** Writes a list under the name of its root. @throws {@link TamperError} `WRITE_FAILED` */
  async writeList(root: string, lines: readonly string[]): Promise<void> {
    const path = this.#pathOf(root);
    const temporary = join(this.folder, `${randomBytes(8).toString('hex')}.tmp`);
    await this.#writing(async () =>
      replaceFile({ path, temporary, mode: 0o640 }, async (file) => {
        for (let at = 0; at < lines.length; at += 1000)
          await file.writeFile(`${lines.slice(at, at + 1000).join('\n')}\n`);
      }),
    );
  }

  /** Reads the list of a night. What `onEntry` was told counts only where a tree is returned. @throws {@link TamperError} `READ_FAILED` */
  async readList(
    { root, streams, night }: NightEnds,
    onEntry: (entry: JournalEntry) => void,
  ): Promise<NightTree | AuditFinding> {
    const path = this.#pathOf(root);
    const items: BucketItem[] = [];
    let bytes = 0;
    try {
      for await (const line of readLines(path, HINT)) {
        const entry = readEntry(line);
        const item = entry && itemOf(entry.origin, line);
        if (item === undefined || item.key <= (items.at(-1)?.key ?? '') || items.length === streams)
          return wrongList(path, night);
        items.push(item);
        bytes += Buffer.byteLength(line) + 1;
        onEntry(entry as JournalEntry);
      }
      if ((await stat(path)).size !== bytes) return wrongList(path, night); // J1.3: each line ends with LF
    } catch (error) {
      if (!isTamperError(error, 'NOT_FOUND') && !isTamperError(error, 'READ_FAILED')) throw error;
      const why = error.code === 'NOT_FOUND' ? 'is not there' : `cannot be read (${systemCode(error.cause)})`;
      return journalFinding('JOURNAL_LIST_MISSING', `the list of the night ${night} ${why}: ${path}`);
    }
    const tree = new NightTree(items);
    return items.length === streams && base64Of(tree.root) === root ? tree : wrongList(path, night);
  }

  #pathOf(root: string): string {
    return join(this.folder, `${decodeBase64(root)?.toString('hex')}.list`);
  }

  async #writing(act: () => Promise<void>): Promise<void> {
    await orWriteFailed(this.folder, 'Lists of the journal are written there.', act);
  }
}

const wrongList = (path: string, night: string): AuditFinding =>
  journalFinding('JOURNAL_WRONG', `${path} is not the list of the night ${night} that was sealed`);

/** A journal that no policy speaks of. */
const NO_DEMANDS: StreamPolicy = {
  origin: '',
  min: 1,
  records: 'hash',
  require: ['signature'],
  dataKeys: [],
  publicKeys: [],
  pins: [],
  wholeRequired: true,
  end: 'closed',
  manifestRequired: false,
  accept: DEFAULT_ACCEPTANCE,
};

/** J2.1, J2.2: the nights of records in their order. */
function nightsOf(
  records: readonly { readonly seq: number; readonly text: string }[],
  { provenSize, takenOver = [] }: StreamReport,
): Omit<JournalReading, 'report'> {
  // what a restart took over and no MAC shows to be its writer's, anybody may have written
  const isTaken = (seq: number): boolean =>
    takenOver.some((range) => !range.macChecked && seq >= range.firstSeq && seq <= range.lastSeq);
  const nights: Night[] = [];
  let unfinished: (NightBegins & { seq: number })[] = [];
  const problems: string[] = [];
  const later: string[] = [];
  for (const { seq, text } of records) {
    if (seq > provenSize) break;
    const read = readNight(text);
    if (read === undefined && isLaterNight(text)) later.push(`entry ${seq} of the journal is of a later version`);
    else if (read === undefined) problems.push(`entry ${seq} is no record of a night`);
    else if (!('of' in read)) unfinished.push({ ...read, seq });
    else if (!isTaken(seq)) {
      const begun = unfinished.at(-1);
      if (begun?.seq !== read.of || begun.night !== read.night) {
        problems.push(`entry ${seq} ends a night that did not begin directly before it`);
        continue;
      }
      nights.push({ ...read, seq });
      unfinished = [];
    }
  }
  return { nights, unfinished, problems, later };
}
