import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { EnvKeyProvider } from '../../../src/providers/env.ts';
import { FileKeyProvider } from '../../../src/providers/file.ts';
import { CompositeProvider } from '../../../src/providers/internal/composite.ts';
import { type ConformanceSubject, providerConformance } from '../../../src/testing/index.ts';

const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
afterAll(() => rmSync(directory, { recursive: true }));

const env: Record<string, string> = { D: '', S: '' };
function renew(name: string): void {
  const text = randomBytes(32).toString('hex');
  env[name] = text;
  writeFileSync(join(directory, `${name}.key`), text, { mode: 0o600 });
}
renew('D');
renew('S');

const keys = {
  dataKey: { keyId: 'D', kind: 'local' },
  signingKey: { keyId: 'S', algorithm: 'ed25519' },
  absentKey: { keyId: 'absent' },
  rotate: renew,
} as const;
const envProvider = () => new EnvKeyProvider({ dataKeys: { D: 'D' }, signingKeys: { S: 'S' }, env });
const fileProvider = () => new FileKeyProvider({ dataKeys: { path: directory }, signingKeys: { path: directory } });

const subjects: ConformanceSubject[] = [
  { name: 'EnvKeyProvider', ...keys, create: envProvider },
  {
    name: 'FileKeyProvider',
    ...keys,
    create: fileProvider,
    faults: [
      {
        name: 'the files hold no key',
        codes: ['KEY_MALFORMED'],
        begin: () => {
          for (const name of ['D', 'S']) writeFileSync(join(directory, `${name}.key`), 'no key');
          return () => ['D', 'S'].forEach(renew);
        },
      },
    ],
  },
  { name: 'CompositeProvider', ...keys, create: () => new CompositeProvider(envProvider(), envProvider()) },
];

describe.each(subjects)('$name', (subject) => {
  for (const check of providerConformance(subject)) it(check.name, check.run);
});
