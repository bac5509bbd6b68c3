import { TamperError } from '../index.ts';
import { openRegular, shown } from '../internal.ts';

/** No open of a log is longer, in bytes. */
const LOOK = 65_536;

/** Flags that name a file, and what it should hold. */
const HOLDS: Readonly<Record<string, string>> = {
  keys: 'a data key: what keygen wrote, a directory of NAME.key files, or what keys recover wrote',
  'public-key': 'public keys: a PEM, or verifier keys as keygen --origin prints them',
  policy: 'a policy: policy init drafts one from a log',
  config: 'options: see docs/configuration.md',
  witness: 'the verifier key of a witness',
  since: 'a signed checkpoint: the note as it was printed',
};

/**
 * Refuses a sealed log in the place of a key or another file that a flag names: what reads such files would advise to repair them.
 *
 * @throws {@link TamperError} `USAGE`
 */
export async function refuseLogs(flags: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [flag, holds] of Object.entries(HOLDS)) {
    const given = flags[flag];
    for (const path of [given].flat()) {
      if (typeof path !== 'string' || !(await isSealedLog(path))) continue;
      throw new TamperError('USAGE', `--${flag} ${shown(path)} is a sealed log`, {
        hint: `Name a file with ${holds}. The logs to read are arguments without a flag.`,
      });
    }
  }
}

/** Whether the first line of a file is a sealed one. What cannot be read is left to who needs it. */
async function isSealedLog(path: string): Promise<boolean> {
  const file = await openRegular(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOK), 0, LOOK, 0);
    const [first = ''] = buffer.toString('utf8', 0, bytesRead).trimStart().split('\n', 1);
    buffer.fill(0); // it may be a key
    const { integrity } = JSON.parse(first) as { integrity?: { seq?: unknown } };
    return typeof integrity?.seq === 'number';
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
