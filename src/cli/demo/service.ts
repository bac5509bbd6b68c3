import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemCode } from '../../errors.ts';

/** Something that takes log lines; a sealer is one. */
export interface LineTaker {
  write(line: string): boolean;
}

type RequestLog = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** pino where it is installed, else the same line without it. @returns the log, and whose it is */
async function requestLog(destination: LineTaker): Promise<{ log: RequestLog; logger: string }> {
  try {
    const { default: pino } = await import('pino');
    const log = pino(destination);
    return { log: (fields, message) => log.info(fields, message), logger: 'pino' };
  } catch (error) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const log: RequestLog = (fields, message) => {
      destination.write(`${JSON.stringify({ level: 30, time: Date.now(), ...fields, msg: message })}\n`);
    };
    return { log, logger: 'JSON lines (pino is not installed)' };
  }
}

const CUSTOMERS = ['ada', 'grace', 'alan', 'edsger', 'barbara'];

/** A small web shop on loopback: it answers `requests` real requests and logs each of them. @returns the logger's name */
export async function runService(destination: LineTaker, requests: number): Promise<string> {
  const { log, logger } = await requestLog(destination);
  const server = createServer((request, response) => {
    const { searchParams, pathname } = new URL(request.url ?? '/', 'http://localhost');
    const amount = Number(searchParams.get('amount') ?? '0');
    log(
      { method: request.method, path: pathname, user: searchParams.get('user'), amount, status: 200 },
      'payment taken',
    );
    response.end('thank you\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (let number = 1; number <= requests; number++) {
      const user = CUSTOMERS[number % CUSTOMERS.length];
      const answer = await fetch(`http://127.0.0.1:${port}/pay?user=${user}&amount=${(number * 7) % 500}`);
      await answer.text();
    }
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  return logger;
}
