/** What a file is, as far as its beginning shows it: one that was dropped in the wrong place is told so. */

/** A place of the page, by what it is for. */
export type ZoneName = 'logs' | 'publicKeys' | 'policy' | 'known';

type Kind = ZoneName | 'privateKey';

const HEAD = 4_096;

const KINDS: readonly (readonly [kind: Kind, begins: RegExp])[] = [
  ['privateKey', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['publicKeys', /-----BEGIN PUBLIC KEY-----|^\S+\+[0-9a-f]{8}\+\S+\s*$/],
  ['known', /^\S+\n\d+\n[A-Za-z0-9+/=]{44}\n\n\u2014 |^\s*\{\s*"version":\s*1,\s*"streams":/],
  ['logs', /"integrity":\{"(?:seq|kind)":/],
  ['policy', /^streams:/m],
];

const NAMES: Readonly<Record<Kind, string>> = {
  privateKey: 'a private key',
  publicKeys: 'a public key',
  known: 'a checkpoint that somebody held',
  logs: 'a sealed log',
  policy: 'a policy',
};

/** Of a file that cannot be read nothing is known: the verification says so. */
async function headOf(blob: Blob): Promise<string> {
  try {
    return await blob.slice(0, HEAD).text();
  } catch (error) {
    if (error instanceof DOMException) return '';
    throw error;
  }
}

/** The text that tells of a file in the wrong place; undefined where it may stand there. */
export async function misplaced(path: string, blob: Blob, zone: ZoneName): Promise<string | undefined> {
  const head = await headOf(blob);
  const kind = KINDS.find(([, begins]) => begins.test(head))?.[0];
  if (kind === 'privateKey') return `${path} is a private key. Remove it: nobody needs it to verify a log.`;
  const isPin = kind === 'known' && zone === 'policy';
  if (kind === undefined || kind === zone || isPin) return undefined;
  return `${path} looks like ${NAMES[kind]}, but was given as ${NAMES[zone]}.`;
}
