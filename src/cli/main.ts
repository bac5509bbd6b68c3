#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { ioOfProcess } from './process-io.ts';
import { run } from './run.ts';

async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version: number } = JSON.parse(text) as { version: string };
  return number;
}

process.exitCode = await run(process.argv.slice(2), ioOfProcess(), version);
