/**
 * The body of an answer over HTTP, to its end.
 *
 * @param limit - in bytes; what is longer is not read on
 * @throws what `tooLong` makes, for a longer one; what the connection fails with
 */
export async function readBody({ body }: Response, limit: number, tooLong: () => Error): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > limit) throw tooLong();
    parts.push(part);
  }
  return Buffer.concat(parts);
}
