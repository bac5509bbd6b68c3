import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// A check that cannot fail checks nothing: each is shown something that it has to refuse.

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-checks-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function check(name: string, argument: string): { code: number | null; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/check/${name}.mjs`, argument], {
    encoding: 'utf8',
  });
  return { code: status, lines: (stdout + stderr).trim().split('\n') };
}

describe('spec', () => {
  // Put together here, so that this file cites nothing of the real specification.
  const id = (section: number, item: number) => `M${section}.${item}`;
  const statement = (section: number, item: number) => `**[${id(section, item)}]** A line MUST end.\n`;

  it('passes where each statement has code and a test', () => {
    write('spec/format.md', `## 1. Lines\n\n${statement(1, 1)}`);
    write('src/a.ts', `// ${id(1, 1)}\n`);
    write('test/a.test.ts', `// ${id(1, 1)}\n`);
    expect(check('spec', folder)).toEqual({
      code: 0,
      lines: ['1 statements in 1 sections, each with code and test'],
    });
  });

  it.each([
    ['has no test', { 'src/a.ts': id(1, 1) }],
    ['has no code', { 'test/a.test.ts': id(1, 1) }],
    ['has no code and no test', { 'src/a.ts': id(1, 11) }],
  ])('refuses a statement that %s', (words, files: Record<string, string>) => {
    write('spec/format.md', `## 1. Lines\n\n${statement(1, 1)}\n`);
    for (const [name, cited] of Object.entries(files)) write(name, `// ${cited}\n`);
    const { code, lines } = check('spec', folder);
    expect(code).toBe(1);
    expect(lines).toContain(`- spec/format.md:3: ${id(1, 1)} ${words}`);
  });

  it('refuses a number given twice, one in the wrong section, a citation of none, and a MUST without a number', () => {
    write('spec/format.md', `## 1. Lines\n${statement(1, 1)}${statement(1, 1)}${statement(2, 1)}A writer MUST not.\n`);
    write('src/a.ts', `// ${id(1, 1)} ${id(2, 1)} ${id(3, 9)}\n// ${'spec'} 7\n`);
    write('test/a.test.ts', `// ${id(1, 1)} ${id(2, 1)}\n`);
    const { code, lines } = check('spec', folder);
    expect(code).toBe(1);
    expect(lines.sort()).toEqual([
      `- spec/format.md:3: ${id(1, 1)} was given at spec/format.md:2 already`,
      `- spec/format.md:4: ${id(2, 1)} stands in section 1`,
      '- spec/format.md:5: a MUST without a number',
      `- src/a.ts: ${id(3, 9)} is no statement of spec/format.md`,
      '- src/a.ts: spec 7 is no section of spec/format.md',
    ]);
  });

  it('refuses a specification that is not there or holds no statement', () => {
    expect(check('spec', folder).code).toBe(1);
    write('spec/format.md', '## 1. Lines\n');
    expect(check('spec', folder).code).toBe(1);
  });
});

describe('root', () => {
  it('passes where only our own files and built-in modules are loaded, and ignores import() and comments', () => {
    write('b.js', "export const b = 1;\nexport const load = () => import('@aws-sdk/client-kms');\n");
    const entry = write(
      'index.js',
      "/**\n * import x from 'pino';\n */\nimport 'node:fs';\nexport { b } from './b.js';\n",
    );
    const { code, lines } = check('root', entry);
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^root loads 2 files .* packages: none$/);
  });

  it.each([
    ["import { KMSClient } from '@aws-sdk/client-kms';", '@aws-sdk/client-kms'],
    ["import {\n  KMSClient,\n} from '@aws-sdk/client-kms';", '@aws-sdk/client-kms'],
    ["import * as pino from 'pino';", 'pino'],
    ["export * from 'winston';", 'winston'],
    ["import '@azure/identity';", '@azure/identity'],
  ])('refuses a package behind a file of the root: %s', (text, name) => {
    write('inner.js', `${text}\n`);
    const entry = write('index.js', "export { a } from './inner.js';\n");
    const { code, lines } = check('root', entry);
    expect(code).toBe(1);
    expect(lines.join('\n')).toContain(`loads ${name} with the package root`);
  });

  it('refuses a file that is not there', () => {
    expect(check('root', write('index.js', "export * from './gone.js';\n")).code).toBe(1);
  });

  it.each(['node:http', 'https', 'node:worker_threads', 'node:zlib', 'node:child_process'])(
    'refuses %s, which takes long to load',
    (name) => {
      write('inner.js', `import * as all from '${name}';\nexport const a = all;\n`);
      const { code, lines } = check('root', write('index.js', "export { a } from './inner.js';\n"));
      expect(code).toBe(1);
      expect(lines.join('\n')).toContain(`inner.js loads ${name} with the package root`);
    },
  );

  it.each([
    ['src/providers/vault/api.ts', 1],
    ['src/providers/aws-kms/index.ts', 1],
    ['src/cli/seal.ts', 1],
    ['src/seal/sealer.ts', 0],
  ])('sees by its map that %s was joined to a file', (source, expected) => {
    const entry = write('index.js', 'export const a = 1;\n');
    write('index.js.map', JSON.stringify({ version: 3, sources: [relative(folder, resolve(source))], mappings: '' }));
    const { code, lines } = check('root', entry);
    expect(code).toBe(expected);
    expect(lines.join('\n').includes(`${source} is loaded with the package root`)).toBe(expected === 1);
  });

  it('refuses more files than four', () => {
    for (const name of ['a', 'b', 'c', 'd']) write(`${name}.js`, `export const ${name} = 1;\n`);
    const index = (...names: string[]) => names.map((name) => `export * from './${name}.js';\n`).join('');
    expect(check('root', write('index.js', index('a', 'b', 'c'))).code).toBe(0);
    const { code, lines } = check('root', write('index.js', index('a', 'b', 'c', 'd')));
    expect(code).toBe(1);
    expect(lines.join('\n')).toMatch(/loads 5 files, and at most 4 are allowed: .*index\.js, .*a\.js, /);
  });

  it('refuses more code than 353 KiB, and does not count comments', () => {
    const much = 'x'.repeat(353 * 1024);
    expect(check('root', write('index.js', `/* ${much} */\n`)).code).toBe(0);
    const { code, lines } = check('root', write('index.js', `export const much = '${much}';\n`));
    expect(code).toBe(1);
    expect(lines).toEqual(['- the package root loads 353.0 KiB, and at most 353 are allowed']);
  });
});

describe('deployment', () => {
  const deployment = 'examples/deployment';
  const manifest = readFileSync(`${deployment}/kubernetes/statefulset.yaml`, 'utf8');
  const dockerfile = readFileSync(`${deployment}/Dockerfile`, 'utf8');
  const changed = (text: string, before: string, after: string): string => {
    expect(text).toContain(before);
    return text.replaceAll(before, after);
  };
  beforeEach(() => cpSync(deployment, folder, { recursive: true }));

  it('passes as the files are', () => {
    expect(check('deployment', folder).lines).toEqual(['manifests: 8, Dockerfiles: 1']);
  });

  const mistakes: [string, string, string, string][] = [
    [
      'a member that does not exist',
      'runAsNonRoot:',
      'runAsNonRot:',
      'must NOT have additional properties: runAsNonRot',
    ],
    ['a value of the wrong type', 'replicas: 3', 'replicas: three', '/spec/replicas must be integer'],
    ['a key given twice', 'serviceName: payments', 'serviceName: payments\n  serviceName: payments', 'unique'],
    [
      'a selector that matches nothing',
      'matchLabels: { app: payments }',
      'matchLabels: { app: other }',
      'match its pods',
    ],
    [
      'a ConfigMap that is nowhere',
      'configMapRef: { name: audit-keys }',
      'configMapRef: { name: keys }',
      'no ConfigMap keys',
    ],
    ['a volume that is nowhere', '{ name: audit, mountPath', '{ name: log, mountPath', 'no volume log'],
    ['a port that is nowhere', 'path: /readyz, port: http', 'path: /readyz, port: web', 'no port web'],
    ['state outside of a volume', '/var/log/payments/.state', '/var/lib/state', '/var/lib/state is on no volume'],
    [
      'a writable root',
      'readOnlyRootFilesystem: true',
      'readOnlyRootFilesystem: false',
      'write to its root file system',
    ],
    ['fsGroup on every start', 'fsGroupChangePolicy: OnRootMismatch', 'fsGroupChangePolicy: Always', 'to the group'],
    ['a kind without a schema', 'kind: Service\n', 'kind: Servise\n', 'no schema of this kind'],
  ];
  it('refuses in a manifest each of them, by the name of the file', () => {
    for (const [what, before, after] of mistakes) write(`kubernetes/${what}.yaml`, changed(manifest, before, after));
    const { lines } = check('deployment', folder);
    for (const [what, , , problem] of mistakes) {
      expect(lines.filter((line) => line.includes(`${what}.yaml: `)).join('\n'), what).toContain(problem);
    }
  });

  it('refuses in a Dockerfile what is none to run by', () => {
    const wrong = [
      ['root', 'USER 10001:10001', 'USER root', 'does not end as a user with a number'],
      ['a base image of any version', 'node:24-bookworm-slim', 'node:latest', 'names no version'],
      ['a shell around the program', 'CMD ["node", "app.mjs"]', 'CMD node app.mjs', 'CMD is not in exec form'],
      ['an instruction that does not exist', 'EXPOSE 8080', 'EXPOSES 8080', 'Unknown instruction'],
      ['no init', '["/usr/bin/tini", "--"]', '["/usr/bin/env"]', 'no init'],
    ] as const;
    for (const [what, before, after] of wrong) write(`${what}/Dockerfile`, changed(dockerfile, before, after));
    const { lines } = check('deployment', folder);
    for (const [what, , , problem] of wrong) expect(lines.join('\n'), what).toContain(problem);
  });
});
