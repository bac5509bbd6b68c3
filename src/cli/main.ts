#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { OwnDigest } from './own-digest.ts';
import { endAtUncaught } from './uncaught.ts';

async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: number } = JSON.parse(text) as { version: string };
  return number;
}

async function digest(): Promise<OwnDigest> {
  const { digestOfPackage } = await import('./own-digest.ts');
  return digestOfPackage(fileURLToPath(new URL('..', import.meta.url)));
}

// logrotate sends it at any time, also while the command starts or ends
if (process.argv[2] === 'seal') process.on('SIGHUP', () => undefined);
endAtUncaught(); // also where the files of the package cannot be read
const [{ run }, { ioOfProcess }] = await Promise.all([import('./run.ts'), import('./process-io.ts')]);
process.exitCode = await run(process.argv.slice(2), { ...ioOfProcess(), digest }, version);
