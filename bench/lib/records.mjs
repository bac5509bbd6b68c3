// Log lines as a service writes them: 300 bytes of JSON, none equal to another.
const RECORD_BYTES = 300;
/** The leaf of such a record: our member adds about as much. */
export const LEAF_BYTES = RECORD_BYTES + 70;

/** `count` lines with an LF after each, as one Buffer; `from` is the first line's number. */
export function records(count, from = 0) {
  const lines = [];
  for (let at = from; at < from + count; at++) lines.push(record(at));
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** One line of so many bytes, without LF. */
export function record(number, bytes = RECORD_BYTES) {
  const head = `{"level":30,"time":${1_764_000_000_000 + number},"pid":4711,"hostname":"host-7","reqId":"req-${number}",`;
  const tail = `"method":"POST","url":"/v1/payments/${number}","statusCode":201,"responseTime":${number % 997},"msg":"`;
  return `${head}${tail}${'request completed '.repeat(20)}`.slice(0, bytes - 2).concat('"}');
}
