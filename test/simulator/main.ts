import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { anchoredScheduleOf } from './anchor-schedule.ts';
import { play, playAsTold, playInProcesses } from './campaign.ts';
import { Coverage } from './coverage.ts';
import { keptSchedules, writeKept } from './kept.ts';
import { type Schedule, scheduleOf } from './schedule.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulation.ts';
import { sweep } from './sweep.ts';
import { compileTree } from './tree.ts';

/*
 * node --import ./test/child/typescript.mjs test/simulator/main.ts
 *   --seed S [--shrink]         one schedule, and all that happens in it; of its violations the first, or one that includes --what
 *   --seed S --keep NAME        shrinks it and keeps it as a test: test/simulator/kept/NAME.json
 *   --kept                      replays those, and says which these sources still show
 *   --count N | --seconds N     many, from seed --from on (default 1); each class of violation with its seeds
 *   --jobs J                    in J processes; the default is one
 *   --anchors                   seeds are those of a log with anchors
 *   --tree DIR                  the sources to simulate (default: these)
 *   --coverage                  which failures struck which calls in which phase
 *   --sweep                     every failure at every call that these seeds come to, one after the other
 *   --schedule FILE             in place of a seed: a schedule that a sweep or a person wrote down
 */
process.env['FAPILOG_TAMPER_ENGINE'] = 'typescript';
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    what: { type: 'string', default: '' },
    keep: { type: 'string' },
    kept: { type: 'boolean', default: false },
    count: { type: 'string' },
    seconds: { type: 'string' },
    from: { type: 'string', default: '1' },
    anchors: { type: 'boolean', default: false },
    tree: { type: 'string', default: '.' },
    coverage: { type: 'boolean', default: false },
    sweep: { type: 'boolean', default: false },
    schedule: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    'as-told': { type: 'boolean', default: false },
  },
});
const shows = values.seed !== undefined || values.schedule !== undefined;
if (!values.coverage && !values.sweep && !shows) Error.stackTraceLimit = 0; // nobody reads them, and each costs more than a call
const tree = await compileTree(values.tree);
const drawn = values.anchors ? anchoredScheduleOf : scheduleOf;
let status = 0;

async function one(schedule: Schedule): Promise<void> {
  const trace: string[] = [];
  const { violations, digest } = await simulate(tree, schedule, { trace });
  if (values.keep === undefined) process.stdout.write(`${trace.join('\n')}\n${JSON.stringify(schedule)}\n`);
  process.stdout.write(`seed ${schedule.seed}, digest ${digest}, ${violations.length} violations\n`);
  for (const { what, details } of violations) process.stdout.write(`${what}: ${details}\n`);
  const found = violations.find(({ what }) => what.includes(values.what));
  if (found === undefined) return;
  status = 1;
  if (!values.shrink && values.keep === undefined) return;
  const small = { what: found.what, ...(await shrink(tree, schedule, found.what)) };
  if (values.keep !== undefined) writeKept(`${values.keep}.json`, small);
  for (const step of small.steps) process.stdout.write(`${JSON.stringify(step)}\n`);
}

/** Says of each kept schedule whether these sources still show what it found. */
async function lookAtKept(): Promise<void> {
  for (const { name, ...kept } of keptSchedules()) {
    const { violations } = await simulate(tree, kept);
    const isOpen = violations.some(({ what }) => what === kept.what);
    process.stdout.write(`${isOpen ? 'open    ' : 'repaired'}  ${name}: ${kept.what}\n`);
  }
}

async function many(count: number, seconds: number): Promise<void> {
  const coverage = values.coverage ? new Coverage() : undefined;
  const begun = performance.now();
  const share = { from: Number(values.from), count };
  const jobs = Number(values.jobs);
  const { played, classes } =
    jobs > 1
      ? await playInProcesses(share, jobs)
      : await play(tree, drawn, share, { until: begun + seconds * 1000, ...(coverage && { coverage }) });
  const took = (performance.now() - begun) / 1000;
  const violated = new Set(classes.flatMap(([, seeds]) => seeds)).size;
  process.stdout.write(`${played} schedules in ${took.toFixed(1)} s, ${(played / took).toFixed(0)} a second\n`);
  for (const [what, seeds] of classes.toSorted((a, b) => b[1].length - a[1].length))
    process.stdout.write(`${String(seeds.length).padStart(7)}  ${what}   seeds ${seeds.slice(0, 6).join(' ')}\n`);
  for (const [key, hits] of [...(coverage?.counts ?? [])].sort()) process.stdout.write(`${hits}\t${key}\n`);
  process.stdout.write(`simulator: ${played - violated} passed, ${violated} failed\n`);
  if (violated > 0) status = 1;
}

/** Strikes every call, and says which failures struck none. */
async function sweepAll(count: number): Promise<void> {
  const begun = performance.now();
  const { played, coverage, violations } = await sweep(tree, drawn, { from: Number(values.from), count });
  const took = (performance.now() - begun) / 1000;
  const missed = [...coverage.counts].filter(([, hits]) => hits === 0).map(([key]) => key);
  for (const key of missed.sort()) process.stdout.write(`never struck: ${key}\n`);
  for (const [at, { place, what, schedule }] of violations.entries()) {
    const file = join(tmpdir(), `swept-${at}.json`);
    writeFileSync(file, JSON.stringify(schedule));
    process.stdout.write(`${place}: ${what} (--schedule ${file})\n`);
  }
  process.stdout.write(`${played} schedules in ${took.toFixed(1)} s\n`);
  process.stdout.write(`${coverage.counts.size} pairs of a call and a failure, ${missed.length} never struck\n`);
  process.stdout.write(`simulator: ${played - violations.length} passed, ${violations.length} failed\n`);
  if (violations.length > 0) status = 1;
}

if (values['as-told']) playAsTold(tree, drawn);
else if (values.kept) await lookAtKept();
else if (values.sweep) await sweepAll(Number(values.count ?? 1_000));
else if (values.schedule !== undefined) await one(JSON.parse(readFileSync(values.schedule, 'utf8')) as Schedule);
else if (values.seed === undefined) {
  const isTimed = values.seconds !== undefined;
  await many(Number(values.count ?? (isTimed ? Number.POSITIVE_INFINITY : 1_000)), Number(values.seconds ?? Number.POSITIVE_INFINITY));
} else await one(drawn(Number(values.seed))); // biome-ignore format: short
if (!values['as-told']) process.exitCode = status;
