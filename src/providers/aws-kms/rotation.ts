import { splitIdentity } from '../../keys/identity.ts';

/** What a name was handed out for: data keys, whose material rotates in place, or signatures, whose key never does. */
export type Use = 'data' | 'signing';

interface Known {
  readonly use: Use;
  readonly name: string;
  /** What the name stood for when it was first handed out or last checked. */
  identity: string;
  /** It was handed out as something else since. */
  changed: boolean;
}

/** Which names of keys were handed out, and as what: what `rotateCheck` compares with. */
export class HandedOut {
  readonly #known = new Map<string, Known>();

  /** Notes that `name` stood for `identity`. */
  add(use: Use, name: string, identity: string): void {
    const known = this.#known.get(`${use} ${name}`);
    if (known === undefined) this.#known.set(`${use} ${name}`, { use, name, identity, changed: false });
    else update(known, identity);
  }

  /**
   * Compares every name with what it stands for now. All are asked before anything is noted, so that a failure loses no
   * change.
   */
  async compare(resolve: (use: Use, name: string, before: string) => Promise<string>): Promise<boolean> {
    const answers: [Known, string][] = [];
    for (const known of [...this.#known.values()]) {
      answers.push([known, await resolve(known.use, known.name, known.identity)]);
    }
    let rotated = false;
    for (const [known, identity] of answers) {
      update(known, identity);
      rotated ||= known.changed;
      known.changed = false;
    }
    return rotated;
  }

  clear(): void {
    this.#known.clear();
  }
}

function update(known: Known, identity: string): void {
  if (isOther(known.identity, identity)) {
    known.identity = identity;
    known.changed = true;
  } else if (splitIdentity('aws-kms', identity).version !== undefined) {
    known.identity = identity; // the material may have been unknown
  }
}

/** Another key, or another material of it. Where one side does not know the material, the key decides. */
export function isOther(a: string, b: string): boolean {
  const before = splitIdentity('aws-kms', a);
  const after = splitIdentity('aws-kms', b);
  if (before.name !== after.name) return true;
  return before.version !== undefined && after.version !== undefined && before.version !== after.version;
}
