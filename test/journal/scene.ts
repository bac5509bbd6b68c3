import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, onTestFinished } from 'vitest';
import proofSchema from '../../spec/proof-report.schema.json' with { type: 'json' };
import schema from '../../spec/stream-proof-report.schema.json' with { type: 'json' };
import { formatVkey } from '../../src/index.ts';
import { type CommandResult, runHere } from '../support/command-line.ts';
import { rotatedLog } from '../support/fleet.ts';
import { edKey } from '../vectors/keys.ts';
import { nightsOf, type ReadNight } from './reader.ts';

/** A fleet in a directory, an auditor's memory and its journal. */

const isReport = new Ajv2020({ strict: true, strictRequired: false }).addSchema(proofSchema).compile(schema);

export const JOURNAL = 'auditor/journal';
/** The first night: an hour after the first entry of every log. */
const FIRST = Date.parse('2026-11-25T00:00:00Z');

/** A line of the audit's output. */
export interface Line {
  readonly stream: string;
  readonly result: string;
  readonly verdict: string;
  readonly files: number;
  readonly findings: readonly { readonly code: string; readonly severity: string; readonly message: string }[];
}

/** What an audit said. */
export interface Audited extends Pick<CommandResult, 'code' | 'stderr'> {
  /** By stream. */
  readonly lines: ReadonlyMap<string, Line>;
  /** `STREAM CODE` of all findings of the journal. */
  readonly journal: readonly string[];
}

/** Size and root of a log's newest checkpoint, as its note has them. */
export interface Tip {
  readonly size: number;
  readonly root: string;
}

export class Scene {
  readonly directory: string;
  nights = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  run(argv: readonly string[], input = ''): Promise<CommandResult> {
    return runHere(argv, { cwd: this.directory, input });
  }

  get file(): string {
    return this.path('journal.jsonl');
  }

  get ended(): ReadNight[] {
    return nightsOf(this.file);
  }

  /** The newest checkpoint of the journal, as somebody else may hold it. */
  get checkpoint(): string {
    const [last = ''] =
      readFileSync(this.file, 'utf8')
        .match(/"note":"(?:[^"\\]|\\.)*"/g)
        ?.slice(-1) ?? [];
    return (JSON.parse(`{${last}}`) as { note: string }).note;
  }

  /** Puts the first files of a stream there; 0 removes all. @returns its newest checkpoint */
  ship(name: string, files: number, text = 'same'): Tip | undefined {
    const folder = this.path('logs', name);
    rmSync(folder, { recursive: true, force: true });
    if (files === 0) return undefined;
    mkdirSync(folder, { recursive: true });
    let last = '';
    for (const { name: file, bytes } of rotatedLog(`fleet/${name}`, files, undefined, text).toFiles()) {
      writeFileSync(join(folder, file), bytes);
      // older than any audit: a file that has just changed is looked at again
      utimesSync(join(folder, file), new Date(1e12), new Date(1e12 + bytes.length));
      last = String(bytes);
    }
    const [, size, root] = /.*"note":"[^\\"]+\\n(\d+)\\n([^\\]{44})\\n/s.exec(last) ?? [];
    return { size: Number(size), root: root ?? '' };
  }

  /** Changes a byte of a stream's newest file. */
  spoil(name: string): void {
    const folder = this.path('logs', name);
    const path = join(
      folder,
      readdirSync(folder)
        .filter((one) => one.endsWith('.jsonl'))
        .sort()
        .at(-1) ?? '',
    );
    writeFileSync(path, readFileSync(path, 'utf8').replace('{"n":1', '{"n":7'));
  }

  /** The arguments of the next night. */
  argv(more: readonly string[] = []): string[] {
    const now = new Date(FIRST + this.nights++ * 60_000).toISOString();
    const where = ['--memory', 'memory', '--public-key', 'fleet.pub', '--journal', 'journal.yaml'];
    return ['audit', 'logs', ...where, '--stopped-after', '100d', '--now', now, '--format', 'json', ...more];
  }

  async audit(...more: readonly string[]): Promise<Audited> {
    const origin = more.includes('--origin') || more.includes('--policy') ? [] : ['--origin', 'fleet/*'];
    const { code, stdout, stderr } = await this.run(this.argv([...origin, ...more]));
    const all = stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line & { summary?: true });
    const lines = new Map(all.flatMap((line) => (line.summary === true ? [] : [[line.stream, line] as const])));
    const journal = [...lines.values()].flatMap(({ stream, findings }) =>
      findings.flatMap((one) => (one.code.startsWith('JOURNAL_') ? [`${stream} ${one.code}`] : [])),
    );
    return { code, stderr, lines, journal };
  }

  /** An audit that knows nothing of the journal. */
  auditAlone(now: string, ...more: readonly string[]): Promise<CommandResult> {
    const argv = ['audit', 'logs', '--memory', 'memory', '--public-key', 'fleet.pub', '--origin', 'fleet/*'];
    return this.run([...argv, '--now', now, ...more]);
  }

  prove(stream: string, ...more: readonly string[]): Promise<CommandResult> {
    return this.run(['prove', '--stream', stream, '--journal', 'journal.yaml', ...more]);
  }

  /** Verdicts of stream proofs, each with the codes of its findings. */
  async verify(
    files: readonly string[],
  ): Promise<{ verdict: string; stream?: string; entry?: object; codes: string[] }[]> {
    const { stdout } = await this.run([
      'verify',
      ...files,
      '--origin',
      JOURNAL,
      '--public-key',
      'journal.key.pub',
      '--format',
      'json',
    ]);
    const report = JSON.parse(stdout);
    expect(isReport(report), JSON.stringify(isReport.errors)).toBe(true);
    const { streamProofs } = report;
    return streamProofs.map((one: { verdict: string; findings: { code: string }[] }) => {
      return { ...one, codes: one.findings.map(({ code }) => code) };
    });
  }

  write(name: string, content: string | Buffer): void {
    writeFileSync(this.path(name), content);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }
}

/** One for a test. */
export async function makeScene(): Promise<Scene> {
  const scene = await keepScene();
  onTestFinished(() => rmSync(scene.directory, { recursive: true, force: true }));
  return scene;
}

/** One for a whole file of tests: it goes with the temporary folder. */
export async function keepScene(): Promise<Scene> {
  const scene = new Scene(mkdtempSync(join(tmpdir(), 'journal-')));
  mkdirSync(scene.path('logs'));
  scene.write('fleet.pub', `${formatVkey('fleet', edKey.noteKey)}\n`);
  await scene.run(['keygen', '--algorithm', 'Ed25519', '--out', 'journal.key', '--origin', JOURNAL]);
  const lines = [
    `origin: ${JOURNAL}`,
    'file: journal.jsonl',
    'state_dir: state',
    'key_source: file',
    'key_file_path: journal.key',
    'algorithm: Ed25519',
  ];
  scene.write('journal.yaml', `${lines.join('\n')}\n`);
  await scene.run(['seal', '--config', 'journal.yaml', '--quiet']);
  return scene;
}
