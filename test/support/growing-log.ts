import { dataKey, edKey } from '../vectors/keys.ts';
import { signKeys } from '../vectors/logs.ts';
import { SealedLog } from './sealed-log.ts';

/** Numbers below another one, the same ones for a seed. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

const bothKeys = { dataKey, signers: [edKey] };

/** What a growing log was when its checkpoint of `size` had been signed. */
export interface Stage {
  readonly log: SealedLog;
  readonly size: number;
}

/** A log of several runs and files, with or without salts and MACs, at each of its signed checkpoints. */
export function grown(seed: number, entries: number): Stage[] {
  const next = random(seed);
  const keys = { ...(next(2) === 0 ? signKeys : bothKeys), ...(next(2) === 0 && { salted: true as const }) };
  const log = new SealedLog(`audit.example.com/tiles/${seed}`).open(keys).seal().checkpoint();
  const stages: Stage[] = [];
  let lost: { readonly at: number; readonly lines: SealedLog['lines'] } | undefined;
  for (let file = 1; log.size < entries; ) {
    for (let left = next(120); left > 0; left--) log.record(`{"n":${log.size},"pad":"${'x'.repeat(next(90))}"}`);
    const what = next(5);
    if (what === 0) log.close('rotated').checkpoint().rotate(`file-${file++}.jsonl`).seal().checkpoint();
    else if (what === 1) log.close().checkpoint().open(keys, { why: 'resumed' }).seal().checkpoint();
    else if (what === 2 && 'dataKey' in keys && lost === undefined && log.lines.at(-1)?.kind === 'record') {
      // a shipped copy is ahead of what the crash left
      lost = {
        at: log.lines.length,
        lines: log.fork().record('lost 1', 'lost 2', 'lost 3').lines.slice(log.lines.length),
      };
      log.open(keys, { why: 'recovered' }).seal().checkpoint();
    } else log.seal().checkpoint();
    const shipped = log.fork();
    if (lost !== undefined) shipped.lines.splice(lost.at, 0, ...lost.lines);
    stages.push({ log: shipped, size: log.size });
  }
  return stages;
}
