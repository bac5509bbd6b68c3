import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Package from '../../src/index.ts';
import type { History } from './history.ts';

/** Asks a verifier through the public API. */

export type Verifier = Pick<typeof Package, 'verify' | 'auditorKeys'>;

/** The verifier of a source tree. */
export async function verifierOf(tree: string): Promise<Verifier> {
  return (await import(pathToFileURL(join(tree, 'src/index.ts')).href)) as Verifier;
}

export class Judge {
  readonly #verifier: Verifier;
  readonly #root: string;
  #count = 0;

  constructor(verifier: Verifier, root: string) {
    this.#verifier = verifier;
    this.#root = root;
  }

  async report(history: History): Promise<Package.VerifyReport> {
    const directory = join(this.#root, `history${++this.#count}`);
    mkdirSync(directory);
    try {
      return await this.#verifier.verify(this.#options(directory, history));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  #options(directory: string, history: History): Package.VerifyOptions {
    const put = (name: string, content: string | Buffer): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const { keys, held, known, demux, unwrap, live, world } = history;
    const dataKeyFiles = keys.dataKeys.map((key, at) => put(`${at}.key`, key.toString('hex')));
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
      paths: paths.length > 0 ? paths : [folder],
      origin: history.origins,
      keys: this.#verifier.auditorKeys({ publicKeys: keys.vkeys, dataKeyFiles }),
      held: held.map(({ note }) => note),
      ...(known.length > 0 && { known: put('known.json', JSON.stringify({ version: 1, streams })) }),
      ...(unwrap !== undefined && { unwrap }),
      demux,
      live,
      now: new Date(world.now + 1000),
    };
  }
}
