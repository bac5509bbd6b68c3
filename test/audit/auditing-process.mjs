// Audits a directory once: node --import typescript.mjs auditing-process.mjs LOGS MEMORY. Prints one line a stream, then ALL DONE.
import { DirectoryMemory } from '../../src/audit/memory/directory-memory.ts';
import { DirectoryPlace } from '../../src/audit/place/directory-place.ts';
import { audit } from '../../src/audit/run/audit.ts';
import { formatVkey } from '../../src/format/vkey.ts';
import { edKey } from '../vectors/keys.ts';

const [, , logs, memory] = process.argv;
const summary = await audit(
  {
    places: [new DirectoryPlace(logs, 2 ** 30)],
    memory: new DirectoryMemory(memory),
    options: { origin: 'fleet/*', publicKeys: [formatVkey('fleet', edKey.noteKey)] },
    shard: { index: 0, count: 1 },
    now: new Date('2026-11-25T00:00:00Z'),
    stoppedAfterMs: 86_400_000,
  },
  async (result) => {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  },
);
process.stdout.write(`${JSON.stringify(summary)}\n`);
