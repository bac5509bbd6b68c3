// Log lines as a service writes them: 300 bytes of JSON, none equal to another.
import { closeSync, openSync, writeSync } from 'node:fs';

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
function record(number, bytes = RECORD_BYTES) {
  const head = `{"level":30,"time":${1_764_000_000_000 + number},"pid":4711,"hostname":"host-7","reqId":"req-${number}",`;
  const tail = `"method":"POST","url":"/v1/payments/${number}","statusCode":201,"responseTime":${number % 997},"msg":"`;
  return `${head}${tail}${'request completed '.repeat(20)}`.slice(0, bytes - 2).concat('"}');
}

/** Writes `count` lines of so many bytes into a file, with an LF after each. */
export function writeRecords(path, count, bytes) {
  const file = openSync(path, 'w');
  for (let from = 0; from < count; from += 10_000) {
    const many = Array.from({ length: Math.min(10_000, count - from) }, (_, at) => record(from + at, bytes));
    writeSync(file, `${many.join('\n')}\n`);
  }
  closeSync(file);
}
