import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { type CommandResult, runHere } from '../support/command-line.ts';

/** A signed log in three files, of which the first is compressed, an erasure log, and a policy that names both. */

export const ORIGIN = 'audit.example.com/app';
export const ERASURES = 'audit.example.com/erasures';
/** Of 40 records those of one user: n is 2, 6, …, 38. */
export const OF_ADA = 10;
/** What only Ada's records hold. */
export const ABOUT_ADA = 'ada lives in';

const VKEY = /[\w./]+\+[0-9a-f]{8}\+[\w+/=]+/;
/** The writer's configuration, with its log in `file`. */
const configOf = (origin: string, file: string, key: string, more: readonly string[] = []): string =>
  [
    `origin: ${origin}`,
    `file: ${file}`,
    `state_dir: state-${key}`,
    'key_source: file',
    `key_file_path: ${key}.key`,
    `key_id: ${key}`,
    'algorithm: Ed25519',
    ...more,
    '',
  ].join('\n');

export class Scene {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  run(argv: readonly string[], input = ''): Promise<CommandResult> {
    return runHere(argv, { cwd: this.directory, input });
  }

  /** Erases as somebody at a terminal does, who gives this answer; `before` is done while the question stands. */
  async answer(argv: readonly string[], answer: string, before: () => void = () => undefined): Promise<CommandResult> {
    const input = (async function* pieces() {
      before();
      yield Buffer.from(`${answer}\n`);
    })();
    const named = ['erase', 'logs', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', ...argv];
    return runHere(named, { cwd: this.directory, input, terminal: true });
  }

  /** Runs a command that has to work: what it did not do would be found far from here otherwise. */
  async prepare(argv: readonly string[], input = ''): Promise<void> {
    const { code, stderr } = await this.run(argv, input);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}\n${stderr}`);
  }

  write(name: string, content: string | Buffer): void {
    writeFileSync(join(this.directory, name), content);
  }

  /** What a file holds, decompressed. */
  read(name: string): Buffer {
    const bytes = readFileSync(join(this.directory, name));
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  }

  /** The files of the log and what an erasure has left there, in their order. */
  get files(): string[] {
    return readdirSync(join(this.directory, 'logs'))
      .filter((name) => !name.endsWith('.json'))
      .map((name) => `logs/${name}`)
      .sort();
  }

  /** Everything that the directory of the log holds, decompressed. */
  get everything(): string {
    return this.files.map((name) => this.read(name).toString('latin1')).join('');
  }

  /** @param more - what to erase, and whatever else the command takes */
  erase(...more: readonly string[]): Promise<CommandResult> {
    return this.run(['erase', 'logs', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', '--yes', ...more]);
  }

  /** The verifier key of the first signer in a file. */
  async vkeyIn(path: string): Promise<string | undefined> {
    return VKEY.exec((await this.run(['keys', 'show', path])).stdout)?.[0];
  }

  verify(...more: readonly string[]): Promise<CommandResult> {
    return this.run(['verify', 'logs', 'erasures.jsonl', '--policy', 'policy.yaml', '--verbose', ...more]);
  }
}

/** Where a scene is, and how its first file is kept. */
interface Setting {
  /** Default: the temporary directory. */
  readonly parent?: string;
  /** Whether the first file is compressed, which leaves its text in deleted blocks. Default true. */
  readonly compressed?: boolean;
  /** How many lines the log gets before its long last one. Default 40. */
  readonly lines?: number;
  /** How long its files get. Default 4,500 bytes. */
  readonly fileBytes?: number;
}

/** Makes one. @param options - of the log's writer, as lines of its configuration */
export async function makeScene(
  options: readonly string[] = [],
  { parent = tmpdir(), compressed = true, lines: length = 40, fileBytes = 4500 }: Setting = {},
): Promise<Scene> {
  const scene = new Scene(mkdtempSync(join(parent, 'erase-')));
  onTestFinished(() => rmSync(scene.directory, { recursive: true, force: true }));
  for (const key of ['log', 'erasures'])
    await scene.prepare(['keygen', '--algorithm', 'Ed25519', '--out', `${key}.key`]);
  const rotation = [`rotate_max_bytes: ${fileBytes}`, ...options];
  scene.write('log.yaml', configOf(ORIGIN, 'logs/app.jsonl', 'log', rotation));
  scene.write('erasures.yaml', configOf(ERASURES, 'erasures.jsonl', 'erasures'));
  const lines = Array.from({ length }, (_, at) => {
    const user = { id: (at + 1) % 4 };
    return `${JSON.stringify({ n: at + 1, user, text: user.id === 2 ? `${ABOUT_ADA} ${at}` : 'other' })}\n`;
  });
  await scene.prepare(
    ['seal', '--config', 'log.yaml', '--quiet'],
    `${lines.join('')}${'a line of text '.repeat(80)}\n`,
  );
  await scene.prepare(['seal', '--config', 'erasures.yaml', '--quiet']);
  if (compressed) {
    const [first = ''] = scene.files;
    scene.write(`${first}.gz`, gzipSync(scene.read(first)));
    rmSync(join(scene.directory, first));
  }
  await writePolicy(scene);
  return scene;
}

/** @param more - members of the log's entry under streams */
export async function writePolicy(scene: Scene, more = ''): Promise<void> {
  const keyOf = async (path: string): Promise<string> => (await scene.vkeyIn(path)) ?? 'none';
  const policy = `version: 1
streams:
  - origin: ${ORIGIN}
    keys: [{ sign: "${await keyOf('logs')}" }]
    ${more}
  - origin: ${ERASURES}
    require: [signature]
    keys: [{ sign: "${await keyOf('erasures.jsonl')}" }]
erasures: [${ERASURES}]
`;
  scene.write('policy.yaml', policy);
}
