// A setup file of vitest: writes which lines of src/ this test file runs, here and in the Node processes that it starts, into
// the folder $MUTANTS_COVERAGE.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect } from 'vitest';

const root = process.cwd();
const folder = process.env.MUTANTS_COVERAGE;
const processes = mkdtempSync(join(folder, 'processes-'));
process.env.NODE_V8_COVERAGE = processes; // read by Node processes as they start
const hits = new Map();
const began = process.cpuUsage();
let failed = false;
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  const cpu = process.cpuUsage(began);
  const test = relative(root, expect.getState().testPath);
  const scripts = (await session.post('Profiler.takePreciseCoverage')).result.filter(({ url }) => sourceFile(url));
  await session.post('Debugger.enable');
  for (const script of scripts) {
    const { scriptSource } = await session.post('Debugger.getScriptSource', { scriptId: script.scriptId });
    const map = /\n\/\/# sourceMappingURL=data:application\/json;(?:[\w=-]+;)*base64,([\w+/=]+)/.exec(
      scriptSource,
    )?.[1];
    const lengths = scriptSource.split('\n').map(({ length }) => length);
    if (map !== undefined) note(script, lengths, JSON.parse(Buffer.from(map, 'base64').toString()).mappings);
  }
  session.disconnect();
  for (const name of readdirSync(processes)) {
    const { result, 'source-map-cache': maps = {} } = processCoverage(readFileSync(join(processes, name), 'utf8'));
    for (const script of result) {
      const map = sourceFile(script.url) && maps[script.url];
      if (map?.data) note(script, map.lineLengths, map.data.mappings);
    }
  }
  const lines = Object.fromEntries([...hits].map(([file, hit]) => [file, [...hit].sort((a, b) => a - b)]));
  const seconds = (cpu.user + cpu.system) / 1e6;
  writeFileSync(join(folder, `${test.replaceAll('/', '!')}.json`), JSON.stringify({ test, seconds, failed, lines }));
  rmSync(processes, { recursive: true });
});

/** A process that was killed while it wrote says nothing. */
function processCoverage(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { result: [] };
  }
}

function sourceFile(url) {
  const path = relative(root, url.startsWith('file:') ? fileURLToPath(url) : url);
  if (path.startsWith('src/') && path.endsWith('.ts')) return path;
  const built = /\/dist\/(.+)\.js$/.exec(path)?.[1]; // a package that a test built
  return built !== undefined && existsSync(join(root, `src/${built}.ts`)) ? `src/${built}.ts` : undefined;
}

/** Adds the lines of the TypeScript that were run, by a script's ranges (innermost counts) and its source map. */
function note({ url, functions }, lengths, mappings) {
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1) + length + 1);
  const ran = new Uint8Array(starts.at(-1) + 1);
  const ranges = functions.flatMap((one) => one.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  const file = sourceFile(url);
  const hit = hits.get(file) ?? new Set();
  hits.set(file, hit);
  let original = 0;
  mappings.split(';').forEach((line, index) => {
    let column = 0;
    for (const segment of line === '' ? [] : line.split(',')) {
      const [columns, , lines = 0] = numbers(segment);
      column += columns;
      original += lines;
      if (ran[starts[index] + column] === 1) hit.add(original + 1);
    }
  });
}

/** The numbers of one segment of a source map (base64 VLQ). */
function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const sign of segment) {
    const bits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(sign);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}
