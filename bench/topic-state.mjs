// What `--state` costs a verification of a topic: time and memory of reading with and without it, CPU time of snapshots, and a
// restart behind all records. Without a broker: records come from memory. With `--other`, the same with another build.
// Run `npm run build` first.
// usage: node bench/topic-state.mjs [streams, default 200] [records of each, default 5000] [records per seal, default 500]
//   --other DIST  the dist of another build
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createSealer } from '../dist/index.js';
import { records } from './lib/records.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { other: { type: 'string' }, phase: { type: 'string' }, dist: { type: 'string' }, in: { type: 'string' } },
});
const PARTITIONS = 8;
const ORIGIN = 'fleet.example.com';
/** Lines of a stream that come together, and records of one answer. */
const TOGETHER = 25;
const ANSWER = 500;

if (values.phase === undefined) await measure();
else process.send(await phase(values.phase, values.in, resolve(values.dist)));

async function measure() {
  const [streams = 200, count = 5_000, every = 500] = positionals.map(Number);
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-topic-state-'));
  try {
    await writeLogs(folder, streams, count, every);
    const bytes = names(folder).reduce((sum, name) => sum + statSync(join(folder, 'logs', name)).size, 0);
    console.log(`${streams} streams of ${count} records, a seal every ${every}: ${mib(bytes)} MiB`);
    for (const dist of ['dist', ...(values.other === undefined ? [] : [values.other])]) {
      rmSync(join(folder, 'saved'), { recursive: true, force: true });
      for (const name of ['without', 'with', 'again']) console.log(`${dist}: ${await inProcess(name, folder, dist)}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inProcess(name, folder, dist) {
  const child = fork(import.meta.filename, ['--phase', name, '--in', folder, '--dist', dist]);
  const [answer] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return answer[0];
}

function names(folder) {
  return readdirSync(join(folder, 'logs')).filter((name) => name.endsWith('.jsonl'));
}

async function writeLogs(folder, streams, count, every) {
  const keyFilePath = join(folder, 'audit.key');
  writeFileSync(keyFilePath, randomBytes(32).toString('hex'), { mode: 0o600 });
  for (let at = 0; at < streams; at++) {
    const file = join(folder, 'logs', `host-${at}.jsonl`);
    const stateDir = join(folder, 'state', String(at));
    const keys = { keySource: 'file', keyFilePath, keyId: 'audit' };
    const policy = { checkpointMaxRecords: every, checkpointMaxSeconds: 300 };
    const sealer = createSealer({ ...keys, ...policy, file, stateDir, origin: `${ORIGIN}/host-${at}` });
    await sealer.ready;
    for (let from = 0; from < count; from += 1_000) {
      sealer.write(records(Math.min(1_000, count - from), from));
      await sealer.flush();
    }
    await sealer.close();
  }
}

/** The records of all streams, some of each at a time, as answers of a broker. */
function* answers(folder) {
  const logs = names(folder).map((name, at) => {
    const bytes = readFileSync(join(folder, 'logs', name));
    return { key: Buffer.from(`${ORIGIN}/${name.slice(0, -6)}`), bytes, at: 0, partition: at % PARTITIONS };
  });
  const next = Array.from({ length: PARTITIONS }, () => 0);
  let waiting = Array.from({ length: PARTITIONS }, () => []);
  let held = 0;
  const answer = () => {
    held = 0;
    const fetched = waiting.map((records, partition) => ({ partition, records, next: next[partition] }));
    waiting = Array.from({ length: PARTITIONS }, () => []);
    return fetched.filter(({ records }) => records.length > 0).map((one) => ({ kind: 'records', fetched: one }));
  };
  for (let left = logs.length; left > 0; ) {
    left = 0;
    for (const log of logs) {
      for (let lines = 0; lines < TOGETHER && log.at < log.bytes.length; lines++) {
        const end = log.bytes.indexOf(0x0a, log.at) + 1;
        const value = log.bytes.subarray(log.at, end);
        waiting[log.partition].push({ offset: next[log.partition]++, key: log.key, value });
        log.at = end;
        if (++held === ANSWER) yield answer();
      }
      if (log.at < log.bytes.length) left++;
    }
  }
  yield answer();
}

async function phase(name, folder, dist) {
  const own = (file) => import(pathToFileURL(join(dist, 'kafka', file)));
  const { TopicVerification } = await own('topic-verification.js');
  const { StateDirectory } = await own('state/state-directory.js');
  const { createDataKey } = await import(pathToFileURL(join(dist, 'index.js')));
  const saves = [];
  for (const method of ['save', 'replaceJournal']) {
    const original = StateDirectory.prototype[method];
    if (original === undefined) continue;
    StateDirectory.prototype[method] = async function (...args) {
      const used = process.cpuUsage();
      await original.apply(this, args);
      saves.push(cpuSince(used));
    };
  }
  const began = performance.now();
  const used = process.cpuUsage();
  const owner = { cluster: 'c', topic: 't', topicId: 'i', origins: [`${ORIGIN}/*`], policy: '' };
  const state = name === 'without' ? undefined : await StateDirectory.open(join(folder, 'saved'), owner);
  const iterator = name === 'again' ? [].values() : answers(folder);
  let atBegin = 0;
  let cpuAtBegin = 0;
  const reader = {
    begin: async () => {
      atBegin = performance.now() - began;
      cpuAtBegin = cpuSince(used);
      return [];
    },
    next: async () => iterator.next().value,
    heldBack: async () => [],
  };
  const material = Buffer.from(readFileSync(join(folder, 'audit.key'), 'latin1'), 'hex');
  const getKey = async () => createDataKey({ material: Buffer.from(material), source: 'file', identity: 'audit' });
  const dataKeys = [{ source: 'file', named: [{ name: 'audit' }], givenBy: 'the bench', keys: { getKey } }];
  const verify = { paths: [], origin: `${ORIGIN}/*`, dataKeys };
  const nothing = () => undefined;
  const parts = { topic: 't', verify, held: [], reader, state, onBytes: nothing };
  const { streams } = await new TopicVerification(parts).run();
  const took = performance.now() - began;
  await state?.close();
  const found = streams.reduce((sum, { findings }) => sum + findings.list().length, 0);
  const total = streams.reduce((sum, { facts }) => sum + facts.records, 0);
  const saving = saves.reduce((sum, one) => sum + one, 0);
  const size = state === undefined ? 0 : sizeOf(join(folder, 'saved'));
  return [
    name === 'again'
      ? `started again in ${seconds(atBegin)} s (CPU ${seconds(cpuAtBegin)} s)`
      : `read ${name} a state in ${seconds(took)} s (CPU ${seconds(cpuSince(used))} s)`,
    `${total} records, ${found} findings, ${mib(process.resourceUsage().maxRSS * 1024)} MiB at most`,
    ...(saves.length === 0
      ? []
      : [`${saves.length} saves with ${seconds(saving)} s of CPU, the last ${seconds(saves.at(-1))} s`]),
    ...(size === 0 ? [] : [`state ${mib(size)} MiB`]),
  ].join('; ');
}

function sizeOf(directory) {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function cpuSince(used) {
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1_000;
}

function mib(bytes) {
  return Math.round(bytes / 2 ** 20);
}

function seconds(ms) {
  return (ms / 1_000).toFixed(2);
}
