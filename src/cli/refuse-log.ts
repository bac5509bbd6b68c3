import { isError, TamperError } from '../errors.ts';
import { openRegular, shown } from '../internal.ts';

/** No open of a log is longer, in bytes. */
const LOOK = 65_536;

/** Flags that name a file, and what it should hold. */
const HOLDS: Readonly<Record<string, string>> = {
  keys: 'a data key: a file made by keygen, a directory of NAME.key files, or a file made by keys recover',
  'note-key': 'the public half of a note key: NAME.pub as keygen made it, or verifier keys',
  'public-key': 'public keys: a PEM, or verifier keys as keygen --origin prints them',
  policy: 'a policy: policy init drafts one from a log',
  config: 'options: see docs/configuration.md',
  witness: 'the verifier key of a witness',
  since: 'a signed checkpoint: the note as it was printed',
};

/**
 * Refuses an empty name, and a sealed log in the place of a key or another file that a flag names: what reads such files would advise to repair them.
 *
 * @throws {@link TamperError} `USAGE`
 */
export async function refuseLogs(flags: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [flag, holds] of Object.entries(HOLDS)) {
    const given = flags[flag];
    for (const path of [given].flat()) {
      if (path === '') throw new TamperError('USAGE', `--${flag} is empty`, { hint: `Name a file with ${holds}.` });
      if (typeof path !== 'string' || !(await isSealedLog(path))) continue;
      throw new TamperError('USAGE', `--${flag} ${shown(path)} is a sealed log`, {
        hint: `Name a file with ${holds}. The logs to read are arguments without a flag.`,
      });
    }
  }
}

/** Whether the first line of a file is a sealed one. */
async function isSealedLog(path: string): Promise<boolean> {
  let file: Awaited<ReturnType<typeof openRegular>> | undefined;
  try {
    file = await openRegular(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOK), 0, LOOK, 0);
    const end = buffer.indexOf('\n');
    const first = buffer.subarray(0, end < 0 ? bytesRead : end);
    const isSealed = first[0] === '{'.charCodeAt(0) && first.includes('"integrity":{"seq":');
    buffer.fill(0); // it may be a key
    return isSealed;
  } catch (error) {
    if (isError(error) && 'code' in error) return false; // whoever needs the file says what the matter is
    throw error;
  } finally {
    await file?.close();
  }
}
