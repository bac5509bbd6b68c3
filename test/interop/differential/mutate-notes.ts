import { formatCheckpointLine } from '../../../src/format/entry.ts';
import { type Draft, type Item, kindOf, placesOf } from './draft.ts';
import type { Random } from './random.ts';

/** Changes of checkpoint lines. */

type Change = (random: Random, lines: string[], others: readonly string[]) => string[] | undefined;

const STRANGER =
  '\u2014 audit.example.com/test AAAAAGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==';

/** A note's lines: origin, size, root, an empty one, the signatures. */
const changes: Readonly<Record<string, Change>> = {
  dropSignature: (random, lines) => lines.toSpliced(4 + random.int(lines.length - 4), 1),
  repeatSignature: (random, lines) => [...lines, random.pick(lines.slice(4))],
  reverseSignatures: (_random, lines) => [...lines.slice(0, 4), ...lines.slice(4).reverse()],
  borrowSignature: (random, lines, others) => {
    const other = random.pick(others).split('\n').slice(4, -1);
    return [...lines.slice(0, 4), ...random.some(lines.slice(4), 0.5), ...other];
  },
  strangersSignature: (random, lines) => [...(random.chance(0.5) ? lines : lines.slice(0, 4)), STRANGER],
  manySignatures: (random, lines) => [...lines, ...Array.from({ length: 10 + random.int(8) }, () => STRANGER)],
  otherSize: (random, lines) => {
    const size = Number(lines[1]);
    return lines.with(1, String(random.pick([size + 1, size - 1, 0, 1, 2, size * 2, Number.MAX_SAFE_INTEGER])));
  },
  otherRoot: (random, lines, others) => lines.with(2, random.pick(others).split('\n')[2] ?? ''),
  otherOrigin: (random, lines) => lines.with(0, random.pick(['audit.example.com/tesu', `${lines[0]}/x`, ''])),
  otherName: (random, lines) => {
    const at = 4 + random.int(lines.length - 4);
    return lines.with(at, (lines[at] ?? '').replace(/^\u2014 \S+/, '\u2014 somebody.example.com'));
  },
  otherText: (random, lines, others) => [...random.pick(others).split('\n').slice(0, 4), ...lines.slice(4)],
  spacing: (random, lines) => {
    const at = random.int(lines.length);
    const line = lines[at] ?? '';
    return lines.with(
      at,
      random.pick([`${line} `, ` ${line}`, `${line}=`, line.slice(0, -1), `0${line}`, line.replace('=', '')]),
    );
  },
  looseBits: (random, lines) => {
    const at = random.pick([2, 4 + random.int(lines.length - 4)]);
    const loose = (lines[at] ?? '').replace(/([A-Za-z0-9+/])(=+)$/, (_all, last: string, pad: string) => {
      const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
      return `${digits[(digits.indexOf(last) + 1) % 64]}${pad}`;
    });
    return lines.with(at, loose);
  },
  otherEncoding: (random, lines) => {
    const dash = random.pick(['-', '--', '?', '', 'â€”', 'Ã¢â‚¬â€', '\ufffd', '\ufffd\ufffd\ufffd', 'ΓÇö', 'a', '+']);
    const at = 4 + random.int(lines.length - 4);
    return lines.map((line, place) => (place === at || random.chance(0.9) ? line.replace('\u2014', dash) : line));
  },
  extension: (_random, lines) => lines.toSpliced(3, 0, 'extension'),
};

export const noteChanges: Readonly<Record<string, (random: Random, draft: Draft, other: Draft) => Draft | undefined>> =
  Object.fromEntries(
    Object.entries(changes).map(([name, change]) => [
      name,
      (random: Random, draft: Draft, other: Draft) => {
        const places = placesOf(draft, 'checkpoint');
        const notes = [draft, draft, other].flatMap((one) =>
          one.items.flatMap((item) => {
            const read = kindOf(item);
            return read.type === 'checkpoint' && read.note !== undefined ? [read.note] : [];
          }),
        );
        if (places.length === 0 || notes.length === 0) return undefined;
        const at = random.chance(0.4) ? (places.at(-1) as number) : random.pick(places);
        const read = kindOf(draft.items[at] as Item);
        const before = read.type === 'checkpoint' ? (read.note ?? '').split('\n').slice(0, -1) : [];
        const lines = before.length > 4 ? change(random, before, notes) : undefined;
        if (lines === undefined) return undefined;
        const line = Buffer.from(formatCheckpointLine(`${lines.join('\n')}\n`));
        return random.chance(0.7) ? draft.spliced(at, 1, line) : draft.spliced(at, 0, line);
      },
    ]),
  );
