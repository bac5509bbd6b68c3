import { TamperError } from '../errors.ts';
import { parseWitnessVkey } from '../format/cosignature.ts';
import { readText } from '../foundation/read-text.ts';

/** What a verifier key ends with; a file is seldom called so. */
const VKEY = /^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/;

/**
 * The verifier keys of witnesses: `given` itself, or those of the file of that name, one a line, `#` begins a comment.
 *
 * @throws {@link TamperError} `FORMAT_INVALID`, `KEY_NOT_FOUND`, `NOT_FOUND`, `READ_FAILED`
 */
export async function loadWitnesses(given: string): Promise<string[]> {
  if (VKEY.test(given)) {
    parseWitnessVkey(given, 'a witness that was named');
    return [given];
  }
  const vkeys: string[] = [];
  for (const [at, line] of (await readText(given)).split('\n').entries()) {
    const vkey = line.trim();
    if (vkey === '' || vkey.startsWith('#')) continue;
    parseWitnessVkey(vkey, `${given}:${at + 1}`);
    vkeys.push(vkey);
  }
  if (vkeys.length > 0) return vkeys;
  throw new TamperError('KEY_NOT_FOUND', `${given} contains no verifier key of a witness`, {
    hint: 'It must contain verifier keys as witnesses publish them, one a line.',
  });
}
