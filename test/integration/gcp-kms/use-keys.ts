// Run in a process of its own: uses the keys of a Cloud KMS and says how it went, as one line of JSON.
import { setTimeout as delay } from 'node:timers/promises';
import { isTamperError } from '../../../src/errors.ts';
import { type GcpKmsOptions, GcpKmsProvider } from '../../../src/providers/gcp-kms/index.ts';

const { options, signingKey, dataKey, uses } = JSON.parse(process.argv[2] ?? '') as {
  options: GcpKmsOptions;
  signingKey: string;
  dataKey: string;
  uses: number;
};
const provider = new GcpKmsProvider(options);
const outcomes: object[] = [];

async function use(name: string, call: () => Promise<{ identity: string }>): Promise<void> {
  try {
    const { identity } = await call();
    outcomes.push({ name, code: 'ok', identity });
  } catch (error) {
    const { code, message, hint } = isTamperError(error)
      ? error
      : { code: 'OTHER', message: String(error), hint: undefined };
    outcomes.push({ name, code, message, hint });
  }
}

for (let round = 0; round < uses; round++) {
  await use('getKey', () => provider.getKey(dataKey, { origin: 'audit.example.com/child', kid: 'c0ffee00.1' }));
  await use('sign', () => provider.sign(signingKey, Buffer.from('from a child')));
}
await delay(200); // an unhandled rejection would have ended the process by now
await provider.close();
process.stdout.write(`${JSON.stringify({ outcomes, alive: true })}\n`);
