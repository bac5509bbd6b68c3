import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createKeyProvider, formatVkey } from '../../src/index.ts';
import { verify } from '../support/verifying.ts';

const KILLS = Number(process.env['KILLS'] ?? 100);
const ORIGIN = 'audit.example.com/kills';
const root = mkdtempSync(join(tmpdir(), 'kills-'));
const dist = join(root, 'dist');

beforeAll(() => {
  const project = new URL('../../', import.meta.url);
  execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: project });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  execFileSync('ln', ['-s', join(project.pathname, 'node_modules'), join(root, 'node_modules')]);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs the writing process for a random moment, kills it. @returns how many lines it said are acknowledged */
async function runAndKill(directory: string, first: number, mode: string): Promise<number> {
  const program = new URL('writing-process.mjs', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, join(dist, 'index.js'), directory, String(first), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    said += text;
  });
  const exited = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), exited]); // it has begun
  const timer = setTimeout(() => child.kill('SIGKILL'), Math.random() * 60);
  await exited;
  clearTimeout(timer);
  const whole = said.slice(0, said.lastIndexOf('\n')).split('\n');
  return Number(whole.at(-1) ?? 0) || first;
}

it.each(['mac', 'signing'])(
  `no acknowledged record is missing after ${KILLS} SIGKILLs at random moments: %s`,
  async (mode) => {
    const directory = join(root, mode);
    execFileSync('mkdir', [directory]);
    const pair = generateKeyPairSync('ed25519');
    const key = mode === 'mac' ? randomBytes(32) : pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    writeFileSync(join(directory, 'key'), key, { mode: 0o600 });
    let acknowledged = 0;
    const intact: [number, number][] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const from = acknowledged + kill * 100_000; // each process counts in a range of its own
      const to = await runAndKill(directory, from, mode);
      intact.push([from, to]);
      acknowledged = 0;
    }
    const files = readdirSync(directory)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(directory, name));
    const written = new Set<number>();
    for (const file of files) {
      for (const line of readFileSync(file, 'latin1').split('\n')) {
        const match = /^\{"n":(\d+),/.exec(line);
        if (match !== null) written.add(Number(match[1]));
      }
    }
    const missing = intact
      .flatMap(([from, to]) => Array.from({ length: to - from }, (_, at) => from + at))
      .filter((n) => !written.has(n));
    expect(missing).toEqual([]);
    const keys = await createKeyProvider({ keySource: 'file', keyFilePath: join(directory, 'key') });
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
    const report = await verify({
      paths: files,
      origin: ORIGIN,
      live: true,
      ...(mode === 'mac'
        ? { dataKeys: [{ source: 'file', keys, named: [{ name: 'default' }] }] }
        : { publicKeys: [formatVkey(ORIGIN, { algorithm: 'ed25519', bytes: spki })] }),
    });
    await keys.close();
    expect(report.verdict, JSON.stringify(report.findings.filter(({ severity }) => severity === 'tampered'))).not.toBe(
      'tampered',
    );
    expect(report.streams[0]?.runs).toBeGreaterThan(KILLS / 2);
    expect(report.findings.filter(({ code }) => code === 'RESTART').length).toBeGreaterThan(0);
  },
);
