import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { usePkcs11 } from './setup.ts';

const pkcs11 = usePkcs11();
const page = readFileSync(new URL('../../../docs/providers/pkcs11.md', import.meta.url), 'utf8');

it('the commands of docs/providers/pkcs11.md work in their order, and print what it says', async () => {
  const folder = join(pkcs11.hsm.directory, 'page');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  // npx finds the command in node_modules, npm install puts it there; here both are done
  const npx = `#!/bin/sh\nshift\nexec "${process.execPath}" "${pkcs11.built.directory}/dist/cli/main.js" "$@"\n`;
  writeFileSync(join(folder, 'bin/npx'), npx);
  writeFileSync(join(folder, 'bin/npm'), '#!/bin/sh\n');
  for (const name of ['npx', 'npm']) chmodSync(join(folder, 'bin', name), 0o755);
  const blocks = [...page.matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)];
  const script = blocks.filter(([, language]) => language === 'sh').map(([, , text = '']) => text);
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder };
  const { stdout, stderr } = await promisify(execFile)(
    'bash',
    ['-euc', script.join('\n').replaceAll('/usr/lib/softhsm/libsofthsm2.so', pkcs11.hsm.library)],
    { cwd: folder, env },
  );
  for (const [, , text = ''] of blocks.filter(([, language]) => language === 'text')) {
    for (const line of text.split('\n')) for (const part of line.split('…')) expect(stdout + stderr).toContain(part);
  }
  expect(stdout).toMatch(/^OK/m);
  expect(stdout).not.toContain(readFileSync(join(folder, 'pin'), 'utf8').trim());
  expect(script.length).toBe(5);
});

it('the page names every option of the provider, and no other', async () => {
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \| /gm)].map(([, name]) => name);
  const { options } = (await import(
    /* @vite-ignore */ `${pkcs11.built.directory}/node_modules/fapilog-tamper-keys-pkcs11/dist/index.js`
  )) as {
    options: { pipe: readonly [{ entries: Record<string, unknown> }] };
  };
  expect(rows.sort()).toEqual(Object.keys(options.pipe[0].entries).sort());
});
