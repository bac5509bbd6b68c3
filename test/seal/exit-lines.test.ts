import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { workplace } from './workplace.ts';

/** Lines that come while the process ends, by `exit` listeners that were added before the sealer or after it. */

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(() => built?.remove());

const listener = "process.on('exit', () => { for (let n = 0; n < 3; n++) sealer.write('{\"late\":' + n + '}'); });";
const program = (library: string, options: object, { before, end }: { before: boolean; end: string }): string => `
  import { createSealer } from ${JSON.stringify(pathToFileURL(join(library, 'dist/index.js')).href)};
  let sealer;
  ${before ? listener : ''}
  sealer = createSealer(${JSON.stringify(options)});
  ${before ? '' : listener}
  sealer.write('{"n":0}');
  ${end}
`;

it.each(
  [true, false].flatMap((before) =>
    ['await sealer.close();', 'await sealer.flush();', 'process.exit(0);', ''].map((end) => ({ before, end })),
  ),
)('are sealed by this run or the next: $before, $end', (how) => {
  const { directory } = workplace();
  const options = {
    file: join(directory, 'a.jsonl'),
    stateDir: join(directory, 'state'),
    origin: 'audit.example.com/exit',
    keySource: 'env',
  };
  const env = { ...process.env, FAPILOG_TAMPER_KEY: 'ab'.repeat(32) };
  const run = (text: string): void => {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  };
  run(program(built.directory, options, how));
  run(
    `import { createSealer } from ${JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href)};
     const sealer = createSealer(${JSON.stringify(options)}); await sealer.flush(); await sealer.close();`,
  );
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(built.directory, 'dist/cli/main.js'), 'cat', options.file],
    { encoding: 'utf8' },
  );
  expect(status).toBe(0);
  expect(stdout.trim().split('\n').sort()).toEqual(['{"late":0}', '{"late":1}', '{"late":2}', '{"n":0}']);
});
