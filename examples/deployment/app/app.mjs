// A small service that seals what it logs. Where the log goes and which keys it has is in FAPILOG_TAMPER_* alone.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { closeOnSignals, createSealer, healthOf } from 'fapilog-tamper';
import pino from 'pino';
import { metrics } from './metrics.mjs';

const sealer = createSealer({});
const log = pino(sealer);
let stopping = false;
sealer.on('warning', ({ code, message }) => console.error(code, message));
sealer.on('outage', ({ error }) => console.error('sealing goes on without the key service:', error.message));
// The log cannot go on: lines are kept, or counted, for the next start.
sealer.on('error', (error) => console.error(error.code, error.message));

const server = createServer((request, response) => {
  const answer = (status, body) => response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  if (request.url === '/livez' || request.url === '/readyz') {
    const { status, problems } = healthOf(sealer.stats); // a degraded log takes lines
    const well = stopping ? request.url === '/livez' : status !== 'failed';
    return answer(well ? 200 : 503, `${[status, ...problems].join('\n')}\n`);
  }
  if (request.url === '/metrics') return answer(200, metrics(sealer.stats));
  log.info({ method: request.method, url: request.url }, 'request');
  answer(200, 'ok\n');
});
server.listen(Number(process.env.PORT ?? 8080));

// At the signal, closeOnSignals seals what was accepted so far. This handler ends the process: as process 1 of a container,
// it would not die of the signal.
closeOnSignals(sealer);
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    stopping = true;
    setTimeout(() => server.closeAllConnections(), 10_000).unref();
    server.close();
    server.closeIdleConnections();
    await once(server, 'close');
    const failed = await sealer.close().then(
      () => false,
      () => true,
    );
    process.exit(failed ? 1 : 0);
  });
}
