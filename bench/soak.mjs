// Ten minutes of a log whose Vault token lives for 20 seconds: memory and descriptors at each minute must stay flat.
// `npm run build` first. node --import ./test/child/typescript.mjs bench/soak.mjs [MINUTES] [LINES A SECOND]
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditorKeys, createKeyProvider, createSealer, verify } from '../dist/index.js';
import { keys, makeToken, startTransit } from '../test/integration/vault/transit-server.ts';

const minutes = Number(process.argv[2] ?? 10);
const rate = Number(process.argv[3] ?? 2_000);
const server = await startTransit();
const directory = mkdtempSync(join(tmpdir(), 'bench-soak-'));
const origin = 'bench.example.com/soak';
const vault = { keySource: 'vault', vaultAddr: server.url, vaultPath: keys.data };
try {
  process.env.VAULT_TOKEN = await makeToken(server, { ttl: '20s', period: '20s' });
  const sealer = createSealer({
    ...vault,
    file: join(directory, 'audit.jsonl'),
    stateDir: join(directory, 'state'),
    origin,
    signingKeyId: keys.ed25519,
    rotateMaxBytes: 50_000_000,
  });
  const said = {};
  for (const event of ['warning', 'outage', 'error']) sealer.on(event, () => (said[event] = (said[event] ?? 0) + 1));
  await sealer.ready;
  let n = 0;
  const writing = setInterval(() => {
    for (let k = 0; k < rate / 50; k++)
      sealer.write(`{"n":${n++},"msg":"a line of an application that goes on and on"}`);
  }, 20);
  for (let minute = 0; minute <= minutes; minute++) {
    global.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const mb = (bytes) => (bytes / 1_048_576).toFixed(0).padStart(4);
    console.log(
      `minute ${String(minute).padStart(2)}: rss ${mb(rss)} MB, heap ${mb(heapUsed)} MB, external ${mb(external)} MB, ${readdirSync('/proc/self/fd').length} descriptors, ${n} lines, ${JSON.stringify(said)}`,
    );
    if (minute < minutes) await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  clearInterval(writing);
  await sealer.close();
  process.env.VAULT_TOKEN = server.rootToken;
  const provider = await createKeyProvider({ ...vault, signingKeyId: keys.ed25519 });
  const report = await verify({ paths: [directory], origin, keys: [provider, auditorKeys({})] });
  await provider.close();
  console.log(`verify: ${report.verdict}, ${report.streams[0]?.records} of ${n} records`);
  process.exitCode = report.verdict === 'ok' && report.streams[0]?.records === n ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
  await server.stop();
}
