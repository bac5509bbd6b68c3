import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { build } from 'esbuild';
import type * as Package from '../../src/index.ts';
import type { History } from './history.ts';

/** Asks a verifier through the public API. */

export type Verifier = Pick<
  typeof Package,
  | 'verify'
  | 'auditorKeys'
  | 'inspect'
  | 'loadPolicy'
  | 'originalLines'
  | 'proveRecord'
  | 'verifiedLines'
  | 'verifyProof'
>;

/** The verifier of a source tree, compiled: a module that is loaded lazily costs as much as a small log otherwise. */
export async function verifierOf(tree: string): Promise<Verifier> {
  const { outputFiles } = await build({
    entryPoints: [join(tree, 'src/index.ts')],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    write: false,
    logLevel: 'error',
    external: [
      '*.node',
      '@aws-sdk/*',
      '@google-cloud/*',
      '@azure/*',
      '@platformatic/*',
      'bullmq',
      'ioredis',
      'pkijs',
      'winston-transport',
    ],
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(tree, 'src/index.ts')).href), 'import.meta': '{}' },
  });
  const module = { exports: {} };
  const text = `(function (require, module, exports) {${(outputFiles[0] as { text: string }).text}\n})`;
  const run = vm.runInThisContext(text, { filename: 'verifier.js' });
  run(createRequire(join(tree, 'package.json')), module, module.exports);
  return module.exports as Verifier;
}

const VARIABLE = 'FAPILOG_TAMPER_HISTORY_KEY_';

/** Names the keys by one option or another: as text, by file, by directory, by variable. */
function named({ keys, files }: History, put: (name: string, content: string) => string): Package.AuditorKeyOptions {
  const way = files.reduce((sum, { bytes }) => sum + bytes.length, 0) % 3;
  const texts = keys.dataKeys.map((key) => key.toString('hex'));
  for (const [at, text] of texts.entries()) process.env[`${VARIABLE}${at}`] = text;
  const paths = texts.map((text, at) => put(`${at}.key`, text));
  const dataKeys =
    way === 0
      ? { dataKeyFiles: paths }
      : way === 1
        ? { dataKeyVariables: texts.map((_, at) => `${VARIABLE}${at}`) }
        : { dataKeyFiles: paths.length > 0 ? [dirname(paths[0] as string)] : [] };
  const publicKeys =
    way === 0 || keys.vkeys.length === 0
      ? { publicKeys: keys.vkeys }
      : { publicKeyFiles: [put('keys.pub', `${keys.vkeys.join('\n')}\n`)] };
  return { ...publicKeys, ...dataKeys };
}

export class Judge {
  readonly verifier: Verifier;
  readonly #root: string;
  #count = 0;

  constructor(verifier: Verifier, root: string) {
    this.verifier = verifier;
    this.#root = root;
  }

  async report(history: History): Promise<Package.VerifyReport> {
    return this.at(history, (options) => this.verifier.verify(options));
  }

  /** Does something with the options of a history while its files lie in `directory`, the log's in `directory/logs`. */
  async at<T>(history: History, ask: (options: Package.VerifyOptions, directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.#root, `history${++this.#count}`);
    mkdirSync(directory);
    try {
      return await ask(this.#options(directory, history), directory);
    } finally {
      rmSync(directory, { recursive: true });
      for (const at of history.keys.dataKeys.keys()) delete process.env[`${VARIABLE}${at}`];
    }
  }

  #options(directory: string, history: History): Package.VerifyOptions {
    const put = (name: string, content: string | Buffer): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const { held, known, demux, unwrap, live, world, part = false } = history;
    const streams = Object.fromEntries(
      known.map(({ origin }) => {
        const notes = known.filter((one) => one.origin === origin).map(({ note }) => note);
        return [origin, { first: notes[0], newest: notes.at(-1) }];
      }),
    );
    const folder = join(directory, 'logs');
    mkdirSync(folder);
    for (const { name, bytes } of history.manifests) put(join('logs', name), bytes);
    const paths = history.files.map(({ name, bytes }) => put(join('logs', name), bytes));
    return {
      paths: paths.length > 0 && history.folder !== true ? paths : [folder],
      origin: history.pattern ?? history.origins,
      keys: this.verifier.auditorKeys(named(history, put)),
      held: held.map(({ note }) => note),
      ...(known.length > 0 && { known: put('known.json', JSON.stringify({ version: 1, streams })) }),
      ...(unwrap !== undefined && { unwrap }),
      demux,
      live,
      part,
      now: new Date(world.now + 1000),
    };
  }
}
