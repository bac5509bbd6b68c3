/** Reading what an SDK threw or a service answered, which may be anything, and printing it, which may not. */

/** The members of a value; none if it has none. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A value that is a text, and not an empty one. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A value that is a number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Begun only where a run of its characters begins: elsewhere the time would grow with the square of a hostile answer. */
const TOKEN = /\bya29\.\S+|(?<![\w-])[\w-]{16,}\.[\w-]{8,}\.[\w-]{8,}/g;

/** One line of what a service says: without control characters and anything that looks like a token. */
export function printableLine(text: string, most = 300): string {
  return (text.split(/[\r\n]/, 1)[0] ?? '')
    .replace(/\bBearer\s+\S+/gi, 'Bearer [redacted]')
    .replace(TOKEN, '[redacted]')
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, most);
}
