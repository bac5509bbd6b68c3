import { readControl } from '../../../src/format/control.ts';
import { classifyLine } from '../../../src/format/entry.ts';
import type { KeyReference } from '../../../src/format/key-reference.ts';
import { type LogFile, linesOf } from './honest-log.ts';

/** The key references that a log's files announce, by KID, with the stream that each is of. Nothing is checked. */
export function keyReferencesOf(files: readonly LogFile[]): Map<string, { key: KeyReference; origin: string }> {
  const references = new Map<string, { key: KeyReference; origin: string }>();
  for (const { bytes } of files) {
    let origin = '';
    for (const line of linesOf(bytes)) {
      const read = classifyLine(line);
      if (read.type !== 'control') continue;
      const kid = `${read.tag}.${read.epoch}`;
      const reading = readControl(line, read.seq, read.kind, kid, read.member);
      if (!('entry' in reading)) continue;
      if (reading.entry.kind === 'open') {
        origin = reading.entry.origin;
        references.set(kid, { key: reading.entry.key, origin });
      }
      if (reading.entry.kind === 'key') references.set(reading.entry.next, { key: reading.entry.key, origin });
    }
  }
  return references;
}
