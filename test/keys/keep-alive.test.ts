import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it('a call that waits keeps its process alive until it ends, also between two attempts', async () => {
  const retry = new URL('../../src/keys/retry.ts', import.meta.url).href;
  const errors = new URL('../../src/errors.ts', import.meta.url).href;
  const program = `
    import { withRetry } from ${JSON.stringify(retry)};
    import { TamperError } from ${JSON.stringify(errors)};
    const never = () => new Promise(() => undefined);
    const busy = async () => { throw new TamperError('UNAVAILABLE', 'busy', { retryable: true }); };
    for (const call of [never, busy]) {
      await withRetry({ what: 'test', timeoutMs: 300, policy: { attempts: 2, baseDelayMs: 50, maxDelayMs: 50 } }, call)
        .catch((error) => console.log(error.code));
    }`;
  const hooks = fileURLToPath(new URL('../child/typescript.mjs', import.meta.url));
  const { stdout } = await run(process.execPath, ['--import', hooks, '--input-type=module', '--eval', program]);
  expect(stdout.split('\n')).toEqual(['TIMEOUT', 'UNAVAILABLE', '']);
});
