import { spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { sha256 } from '@noble/hashes/sha2.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecordKey } from '../../src/core/hmac.ts';
import { Frontier } from '../../src/core/tree.ts';
import type { LinesToSeal } from '../../src/engine/engine.ts';
import { NativeEngine } from '../../src/engine/native-engine.ts';
import { nativePlaces } from '../../src/engine/native-place.ts';
import { engineInUse, selectEngine, selectedEngine } from '../../src/engine/selected-engine.ts';
import { SALT_LENGTH } from '../../src/format/entry.ts';
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { timesInMemory } from '../support/process-memory.ts';
import { builtBinding, typescriptEngine } from './engines.ts';

const input = Buffer.from('{"a":1}\n'.repeat(50), 'latin1');

function linesWith(key: RecordKey | undefined, more: Partial<LinesToSeal> = {}): LinesToSeal {
  return {
    input,
    from: 0,
    to: input.length,
    inputBytes: input.length,
    areObjects: false,
    maxLineBytes: 1_000,
    output: Buffer.alloc(32_768),
    at: 1,
    limit: 32_768,
    lineLimit: Number.MAX_SAFE_INTEGER,
    seq: 1,
    records: 50,
    kid: 'AAAAAAAA.1',
    member: key === undefined ? 'hash' : 'mac',
    key,
    salts: undefined,
    frontier: new Frontier(),
    ...more,
  };
}

/** Two words of the state of SHA-256 behind a pad, as memory has them: in their order, and in that of the processor's registers. */
function traces(pad: Buffer): Buffer[] {
  const state = (sha256.create().update(pad) as unknown as { get(): number[] }).get();
  return state.slice(1).flatMap((word, at) => {
    const pair = [state[at] as number, word];
    return [pair, pair.toReversed()].map((words) => Buffer.from(Uint32Array.from(words).buffer));
  });
}

describe('the native engine', () => {
  it('is the one in use where these tests run', async () => {
    await selectEngine();
    expect(selectedEngine().name).toBe('native');
    expect((await engineInUse()).about).toMatch(/engine\/[a-z0-9-]+\.node$/);
    expect(builtBinding().version()).toBe(nativePlaces()?.version);
  });

  it('holds no key once a call has returned, and none where a call was refused', () => {
    const binding = builtBinding();
    const engine = new NativeEngine(binding, typescriptEngine, 0);
    const key = new RecordKey(randomBytes(32));
    const zeros = Array(64).fill(0);
    expect(engine.sealLines(linesWith(key)).records).toBe(50);
    expect(binding.keyMemory()).toEqual(zeros);
    expect(engine.sealLines(linesWith(key, { limit: 100 })).records).toBe(0);
    expect(binding.keyMemory()).toEqual(zeros);
    expect(() => engine.sealLines(linesWith(key, { kid: 'A'.repeat(300) }))).toThrow('no record has such');
    expect(binding.keyMemory()).toEqual(zeros);
    const notObjects = { input: Buffer.from('{"a":1}\n\n', 'latin1'), to: 9, areObjects: true };
    expect(() => engine.sealLines(linesWith(key, notObjects)), 'a panic').toThrow('out of range');
    expect(binding.keyMemory()).toEqual(zeros);
  });

  it.runIf(process.platform === 'linux')('leaves no key anywhere in the memory of its process', async () => {
    const code = `const module = { exports: {} }; process.dlopen(module, process.argv[1]);
      const { seal, check } = module.exports;
      process.stdin.once('data', (pads) => {
        const [inner, outer] = [pads.subarray(0, 64), pads.subarray(64)];
        const edge = () => Buffer.alloc(53 * 32);
        const none = Buffer.alloc(0), output = Buffer.alloc(4096), leaves = Buffer.alloc(9 * 32);
        const batch = { seq: 1, kid: 'AAAAAAAA.1', isMac: true, records: 9, hasKey: true, isSalted: false, treeSize: 0 };
        const lines = { inputBytes: 99, areObjects: false, maxLineBytes: 99, at: 1, limit: 4096, lineLimit: 4096 };
        const input = Buffer.from('{"a":1}\\n{"b":2}\\n\\n');
        const { end } = seal(batch, lines, input, none, output, inner, outer, edge(), leaves);
        const { records } = check(batch, true, output.subarray(1, end), inner, outer, edge(), leaves);
        let panic;
        try {
          seal(batch, { ...lines, areObjects: true }, input, none, output, inner, outer, edge(), leaves);
        } catch (error) {
          panic = error.message;
        }
        process.stdout.write(JSON.stringify({ records, panic }));
      });`;
    const file = nativePlaces()?.places[0]?.file as string;
    const child = spawn(process.execPath, ['-e', code, file], { env: { ...process.env, RUST_BACKTRACE: '1' } });
    try {
      let errors = '';
      child.stderr.on('data', (text: Buffer) => {
        errors += text.toString();
      });
      const pads = randomBytes(128);
      child.stdin.write(pads); // and is not ended: the process waits
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      expect(JSON.parse(String(said))).toEqual({ records: 3, panic: expect.stringContaining('out of range') });
      const keys = [pads.subarray(0, 64), pads.subarray(64)];
      const [innerPad, outerPad, ...states] = timesInMemory(child.pid as number, [...keys, ...keys.flatMap(traces)]);
      expect(Math.min(innerPad as number, outerPad as number), 'that it finds what is there').toBeGreaterThan(0);
      expect(states).toEqual(Array(28).fill(0));
      expect(errors).toBe('');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('gives away what another thread may change meanwhile', () => {
    const shared = Buffer.from(new SharedArrayBuffer(input.length));
    input.copy(shared);
    const given: unknown[] = [];
    const engine = new NativeEngine(builtBinding(), {
      name: 'typescript',
      checkRecords: () => ({ records: 0, end: 0 }),
      sealLines: (lines) => {
        given.push(lines.input);
        return typescriptEngine.sealLines(lines);
      },
    });
    expect(engine.sealLines(linesWith(undefined, { input: shared })).records).toBe(50);
    expect(given).toEqual([shared]);
  });

  it('refuses a tree whose edge does not fit its size', () => {
    const binding = builtBinding();
    const batch = { seq: 2, kid: 'AAAAAAAA.1', isMac: false, records: 1, hasKey: false, isSalted: false, treeSize: 1 };
    const none = Buffer.alloc(0);
    expect(() => binding.check(batch, true, none, none, none, Buffer.alloc(31), none)).toThrow('edge');
  });

  it('refuses fewer salts than records', () => {
    const engine = new NativeEngine(builtBinding(), typescriptEngine, 0);
    const salts = randomBytes(50 * SALT_LENGTH);
    expect(engine.sealLines(linesWith(undefined, { salts })).records).toBe(50);
    expect(() => engine.sealLines(linesWith(undefined, { salts: salts.subarray(1) }))).toThrow('has a salt');
  });

  it('works in threads that end, one after the other', async () => {
    const file = nativePlaces()?.places[0]?.file as string;
    const code = `const module = { exports: {} }; process.dlopen(module, ${JSON.stringify(file)});
      const edge = Buffer.alloc(53 * 32), leaf = Buffer.alloc(32), output = Buffer.alloc(4096), pad = Buffer.alloc(64, 1);
      const batch = { seq: 1, kid: 'AAAAAAAA.1', isMac: true, records: 9, hasKey: true, isSalted: false, treeSize: 0 };
      const lines = { inputBytes: 99, areObjects: false, maxLineBytes: 99, at: 1, limit: 4096, lineLimit: 4096 };
      const { records } = module.exports.seal(batch, lines, Buffer.from('{}\\ntext\\n'), Buffer.alloc(0), output, pad, pad, edge, leaf);
      require('node:worker_threads').parentPort.postMessage(records);`;
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(code, { eval: true });
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      expect(await new Promise((resolve) => worker.once('message', resolve))).toBe(2);
      expect(await ended).toBe(0);
    }
  });
});

describe('a package that brings a native engine', () => {
  let built: BuiltPackage;
  const folder = mkdtempSync(join(tmpdir(), 'engine-'));
  beforeAll(async () => {
    built = await buildPackage({ own: true });
    const { packages, version, places } = nativePlaces() as NonNullable<ReturnType<typeof nativePlaces>>;
    const name = packages.find((one) => places[0]?.file.endsWith(`${one.split('engine-')[1]}.node`)) as string;
    const installed = join(built.directory, 'node_modules', name);
    mkdirSync(installed, { recursive: true });
    const file = places[0]?.file as string;
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ name, version }));
    const own = join(built.directory, 'package.json');
    const engineSha256 = { [name.split('engine-')[1] as string]: hash('sha256', readFileSync(file), 'hex') };
    writeFileSync(own, JSON.stringify({ ...JSON.parse(readFileSync(own, 'utf8')), engineSha256 }));
    copyFileSync(file, join(installed, 'engine.node'));
  });
  afterAll(() => {
    built.remove();
    rmSync(folder, { recursive: true });
  });

  it('is used by the command, which seals and verifies as it does without it', async () => {
    const key = randomBytes(32).toString('hex');
    const text = '{"a":1}\nplain\n{"b":"\u00e9"}\n';
    for (const [engine, other] of [
      ['native', 'typescript'],
      ['typescript', 'native'],
    ] as const) {
      const file = join(folder, `${engine}.jsonl`);
      const env = { FAPILOG_TAMPER_KEY: key, FAPILOG_TAMPER_STATE_DIR: join(folder, engine) };
      const argv = ['seal', '--out', file, '--origin', `example.com/${engine}`];
      const sealed = await built.run(argv, { env: { ...env, FAPILOG_TAMPER_ENGINE: engine }, input: text });
      expect(sealed.code, sealed.stderr).toBe(0);
      expect(readFileSync(file, 'utf8').match(/"as":"text"/g)).toHaveLength(1);
      const checked = ['verify', file, '--origin', `example.com/${engine}`, '--key-env', 'FAPILOG_TAMPER_KEY'];
      const verified = await built.run(checked, { env: { ...env, FAPILOG_TAMPER_ENGINE: other } });
      expect(verified.code, verified.stdout).toBe(0);
    }
    expect((await built.run(['--version', '--verbose'])).stdout).toContain('engine: native (');
  });
});
