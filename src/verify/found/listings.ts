import { createHash } from 'node:crypto';
import type { ListedObject, StoredLogs } from '../../storage/stored-logs.ts';

/**
 * What was listed for one verification. A listing of several pages shows no single moment: an object that is put under another
 * name meanwhile may be under neither. So what is not ok is only said of objects that are still the same afterwards (M8.2).
 */
export class Listings {
  readonly #given: readonly StoredLogs[];
  readonly #last = new Map<StoredLogs, string>();

  constructor(given: readonly StoredLogs[]) {
    this.#given = given;
  }

  /** The objects, to be listed through this. */
  get logs(): readonly StoredLogs[] {
    return this.#given.map((logs) => ({
      storage: logs.storage,
      list: async () => {
        const objects = await logs.list();
        this.#last.set(logs, digestOf(objects));
        return objects;
      },
    }));
  }

  /** Whether anything is listed now that was not, or is listed no more. One listing each. */
  async changed(): Promise<boolean> {
    for (const logs of this.#given) if (digestOf(await logs.list()) !== this.#last.get(logs)) return true;
    return false;
  }
}

function digestOf(objects: readonly ListedObject[]): string {
  const hash = createHash('sha256');
  for (const { key, version, size } of objects) hash.update(JSON.stringify([key, version, size]));
  return hash.digest('base64');
}
