import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { someOf } from '../support/tier.ts';
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

const ends = ['await sealer.close();', 'await sealer.flush();', 'process.exit(0);', ''];
it.each(
  someOf(
    [true, false].flatMap((before) => ends.map((end) => ({ before, end }))),
    3,
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
  const run = (text: string, said: RegExp): void => {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(said) });
  };
  // each line that is kept is told of: nobody would see otherwise that it is not sealed
  run(
    program(built.directory, options, how),
    /^(fapilog-tamper: lines of the log \S+ could not be sealed: \S+ keeps \d for the next start\n)*$/,
  );
  run(
    `import { createSealer } from ${JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href)};
     const sealer = createSealer(${JSON.stringify(options)}); await sealer.flush(); await sealer.close();`,
    /^$/,
  );
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(built.directory, 'dist/cli/main.js'), 'cat', options.file],
    { encoding: 'utf8' },
  );
  expect(status).toBe(0);
  expect(stdout.trim().split('\n').sort()).toEqual(['{"late":0}', '{"late":1}', '{"late":2}', '{"n":0}']);
});

it('a short job that ends before its key has come says which lines wait where, and so do verify and doctor', () => {
  const { directory } = workplace();
  const options = { file: join(directory, 'a.jsonl'), stateDir: join(directory, 'state'), keySource: 'env' };
  const env = {
    ...process.env,
    FAPILOG_TAMPER_KEY: 'ab'.repeat(32),
    FAPILOG_TAMPER_FILE: options.file,
    FAPILOG_TAMPER_STATE_DIR: options.stateDir,
  };
  const library = JSON.stringify(pathToFileURL(join(built.directory, 'dist/index.js')).href);
  const job = `import { createSealer } from ${library};
    const sealer = createSealer(${JSON.stringify(options)});
    for (let n = 0; n < 3; n++) sealer.write('{"n":1}');
    process.exit(0);`;
  const node = (...argv: string[]) => spawnSync(process.execPath, argv, { env, encoding: 'utf8' });
  const { status, stderr } = node('--input-type=module', '-e', job);
  expect(status).toBe(0);
  expect(stderr).toContain(`${options.stateDir}/`);
  expect(stderr).toContain('keeps 3 for the next start');
  const main = join(built.directory, 'dist/cli/main.js');
  expect(node(main, 'verify', options.file, '--origin', 'x').stderr).toContain('note: 3 lines');
  expect(node(main, 'doctor').stdout).toContain('kept lines: 3 lines that could not be sealed wait in');
});
