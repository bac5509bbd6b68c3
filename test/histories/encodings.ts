import type { VerifyReport } from '../../src/index.ts';
import { linesOf } from '../interop/differential/honest-log.ts';
import type { Random } from '../interop/differential/random.ts';
import { asSealed, compressed, converted, type History, type NamedBytes } from './history.ts';
import type { World } from './world.ts';

/** Programs that read a log as something other than UTF-8, or write it so: nobody meant to change it. */

type Encode = (text: string) => Buffer;

/** What a byte of each code page stands for, from 0x80 on. */
const LATIN_1 = String.fromCharCode(...Array.from({ length: 128 }, (_, at) => 128 + at));
const WINDOWS_1252 = `€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ${LATIN_1.slice(32)}`;
const CODE_PAGE_437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';
const PAGES = [LATIN_1, WINDOWS_1252, CODE_PAGE_437] as const;

/** UTF-8 that was taken for a code page, and written as UTF-8: PowerShell 5.1 with `Get-Content | Out-File -Encoding utf8`. */
const takenFor =
  (page: string): Encode =>
  (text) =>
    Buffer.from(
      Array.from(Buffer.from(text), (byte) => (byte < 0x80 ? String.fromCharCode(byte) : page[byte - 0x80])).join(''),
    );

/** Written in a code page, with a stand-in for what it has not. */
const writtenIn =
  (page: string, standIn: string): Encode =>
  (text) =>
    Buffer.from(
      Array.from(text, (letter) => {
        const at = page.indexOf(letter);
        return (letter.codePointAt(0) as number) < 0x80 ? letter : at < 0 ? standIn : String.fromCharCode(0x80 + at);
      }).join(''),
      'latin1',
    );

const replaced =
  (by: (letter: string) => string): Encode =>
  (text) =>
    Buffer.from(text.replaceAll(/[^\0-\x7f]/gu, by));

const escaped = (letter: string): string =>
  Array.from({ length: letter.length }, (_, at) => `\\u${letter.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  );

const ENCODINGS: Readonly<Record<string, Encode>> = {
  ...Object.fromEntries(PAGES.map((page, at) => [`taken for ${at}`, takenFor(page)])),
  ...Object.fromEntries(PAGES.map((page, at) => [`written in ${at}`, writtenIn(page, '?')])),
  'taken twice': (text) => takenFor(WINDOWS_1252)(takenFor(WINDOWS_1252)(text).toString()),
  'as ASCII': replaced(() => '?'),
  'ASCII alone': replaced(() => ''),
  substituted: replaced(() => '\x1a'),
  'bytes not decoded': replaced((letter) => '\ufffd'.repeat(Buffer.byteLength(letter))),
  'letters not decoded': replaced(() => '\ufffd'),
  transliterated: replaced((letter) => (letter === '—' ? '-' : letter === 'é' ? 'e' : '?')),
  'two hyphens': replaced((letter) => (letter === '—' ? '--' : letter)),
  escaped: replaced(escaped),
  'taken for 1, escaped': (text) => replaced(escaped)(takenFor(WINDOWS_1252)(text).toString()),
  entities: replaced((letter) => `&#${letter.codePointAt(0)};`),
  'Big 5': (text) =>
    Buffer.from(
      text.replaceAll(/[^\0-\x7f]/gu, (letter) => (letter === '—' ? '\xa1X' : '\xa4\x40')),
      'latin1',
    ),
  'Shift JIS': (text) =>
    Buffer.from(
      text.replaceAll(/[^\0-\x7f]/gu, (letter) => (letter === '—' ? '\x81\\' : '\x82\xa0')),
      'latin1',
    ),
};

export interface Encoded extends History {
  readonly alteredToo: boolean;
  /** It was compressed, and may be cut before the first checkpoint. */
  readonly zipped: boolean;
}

/** Undefined where nothing shows it: a file without a checkpoint has no dash. */
export function makeEncoded(random: Random, world: World): Encoded | undefined {
  const how = random.pick(Object.keys(ENCODINGS));
  const encode = ENCODINGS[how] as Encode;
  const [marks, crlf] = [random.chance(0.3), random.chance(0.3)];
  const one = random.chance(0.5) ? random.int(world.files.length) : undefined;
  const isHidden = world.files.some(
    ({ bytes }, at) => (one === undefined || at === one) && !bytes.includes('"kind":"checkpoint"'),
  );
  if (isHidden) return undefined;
  const zipped = random.chance(0.2);
  const damaged = ({ name, bytes }: NamedBytes): NamedBytes =>
    random.chance(0.7) ? { name, bytes } : { name, bytes: bytes.subarray(0, 2 + random.int(bytes.length - 2)) };
  const encodeFile = ({ name, bytes }: NamedBytes): NamedBytes => {
    const text = encode(bytes.toString());
    const whole = marks ? Buffer.concat([Buffer.from('\ufeff'), text]) : text;
    const lines = crlf ? converted({ name, bytes: whole }) : { name, bytes: whole };
    return zipped ? damaged(compressed(random, lines)) : lines;
  };
  const alteredToo = !zipped && random.chance(0.2);
  const files = world.files.map((file, at) => (one === undefined || at === one ? encodeFile(file) : file));
  const beside = !zipped && random.chance(0.15) ? [random.pick(world.files)] : [];
  const copies = beside.map(({ name, bytes }) => {
    const end = random.chance(0.5) ? bytes.length : bytes.lastIndexOf(0x0a, random.int(bytes.length)) + 1;
    return { name: `copy-${name}`, bytes: bytes.subarray(0, end) };
  });
  const publicOnly = world.mode === 'both' && random.chance(0.4);
  const noKey = random.chance(0.1);
  const held = random.chance(0.3) && world.kept.length > 0 ? [random.pick(world.kept)] : [];
  const manifests =
    one === undefined && random.chance(0.5)
      ? world.manifests.map(({ name, bytes }) => ({ name, bytes: encode(bytes.toString()) }))
      : world.manifests;
  const sealed = asSealed(world, publicOnly || noKey ? [] : world.dataKeys);
  return {
    ...sealed,
    what: [
      how,
      ...(one === undefined ? ['all'] : []),
      ...(held.length > 0 ? ['held'] : []),
      ...copies.map(() => 'copy'),
    ],
    files: (alteredToo ? files.map((file) => altered(random, file)) : files).concat(copies),
    manifests: random.chance(0.6) ? manifests : [],
    ...(noKey && { keys: { vkeys: [], dataKeys: [] } }),
    held,
    ...(random.chance(0.15) && { pattern: 'audit.example.com/*' }),
    alteredToo,
    zipped,
    demux: random.chance(0.1),
    live: world.open,
  };
}

/** A letter of one record is another one. */
function altered(random: Random, { name, bytes }: NamedBytes): NamedBytes {
  const lines = linesOf(bytes);
  const places = [...lines.keys()].filter((at) => lines[at]?.includes('"msg":"'));
  if (places.length === 0) return { name, bytes };
  const line = Buffer.from(lines[random.pick(places)] as Buffer);
  const changed = Buffer.from(bytes);
  changed[bytes.indexOf(line) + line.indexOf('"msg":"') + 7] = 0x7e;
  return { name, bytes: changed };
}

/** What a verifier must not say of it: it cannot know whether more was done, and the first thing to say is what was. */
export function encodedViolations(
  { alteredToo, zipped }: Encoded,
  { verdict, findings, streams }: VerifyReport,
): string[] {
  const codes = [...new Set(findings.map(({ code }) => code))].join(', ');
  if (verdict === 'ok' || (verdict === 'tampered' && !alteredToo)) return [`${verdict}: ${codes}`];
  if (verdict === 'tampered') return [];
  const says = streams.flatMap((stream) => {
    const told = stream.findings.filter(({ severity }) => severity === 'undecided');
    if (!told.some(({ code }) => code === 'ENCODING_CONVERTED')) return [];
    const first = told[0]?.code ?? '';
    return ['ENCODING_CONVERTED', 'LINE_ENDINGS_CONVERTED', 'UNREADABLE'].includes(first) ? [] : [`first: ${first}`];
  });
  return zipped || findings.some(({ code }) => code === 'ENCODING_CONVERTED') ? says : [`not told: ${codes}`];
}
