import type { Source } from './sources.ts';

/** So many bytes are looked at before it is known whose they are. */
const LOOK_AHEAD = 1024 * 1024;

/** A source that can be read but once, and its beginning, which may be read before it. */
export async function lookAhead(source: Source): Promise<{ source: Source; beginning: Source }> {
  const chunks = source.read(() => undefined)[Symbol.asyncIterator]();
  const begun: Buffer[] = [];
  let bytes = 0;
  let end: { readonly error?: unknown } | undefined;
  while (bytes < LOOK_AHEAD && end === undefined) {
    try {
      const next = await chunks.next();
      if (next.done === true) end = {};
      else begun.push(next.value);
      bytes += begun.at(-1)?.length ?? 0;
    } catch (error) {
      end = { error }; // whoever reads to there reports it
    }
  }
  const beginning = [...begun];
  async function* read(): AsyncIterable<Buffer> {
    while (begun.length > 0) yield begun.shift() ?? Buffer.alloc(0);
    if (end !== undefined && 'error' in end) throw end.error;
    if (end === undefined) yield* { [Symbol.asyncIterator]: () => chunks };
  }
  async function* readBeginning(): AsyncIterable<Buffer> {
    yield* beginning;
  }
  return { source: { ...source, read }, beginning: { ...source, read: readBeginning } };
}
