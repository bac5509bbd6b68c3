import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import proofSchema from '../../spec/proof-report.schema.json' with { type: 'json' };
import schema from '../../spec/report.schema.json' with { type: 'json' };
import streamProofSchema from '../../spec/stream-proof-report.schema.json' with { type: 'json' };
import { type BuiltPackage, buildPackage } from '../support/built-package.ts';
import { runHere } from '../support/command-line.ts';
import {
  copyInto,
  digestsOf,
  type FrozenScene,
  folderOf,
  readScene,
  type Step,
  scenesOf,
  sha256,
  versions,
} from './frozen-folder.ts';
import { lostFiles, playSteps, playWrites, type Run } from './playing.ts';
import { type Surface, surfaceOf, type Taken } from './surface.ts';

/** An audit reads a file once more that had been changed within this time before, in milliseconds: its times may not show another change. */
const TICK = 60;

/** compat/VERSION: what each version wrote is verified, continued, audited and exported by this one. */

let parent = '';
let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
  parent = mkdtempSync(join(tmpdir(), 'compat-'));
});
afterAll(() => {
  built.remove();
  rmSync(parent, { recursive: true });
});

const ajv = new Ajv2020({ strict: true, strictRequired: false });
const isProof = ajv.compile(proofSchema);
const schemas = { verify: ajv.compile(schema), proof: isProof, streamProof: ajv.compile(streamProofSchema) };

/** The schema of a report of `verify`; undefined for other commands, which have none. */
function schemaOf({ argv }: Step): (typeof schemas)['verify'] | undefined {
  if (argv[0] !== 'verify' || !argv.join(' ').endsWith('--format json')) return undefined;
  const [, first = ''] = argv;
  return first.endsWith('.tlog-proof')
    ? schemas.proof
    : first.endsWith('.stream-proof')
      ? schemas.streamProof
      : schemas.verify;
}

/** This version; what its reports have to be like is checked on the way. */
const run: Run = async (argv, { apart = false, ...options }) => {
  const result = apart ? await built.run(argv, options) : await runHere(argv, options);
  const isReport = schemaOf({ argv, exit: 0 });
  if (isReport !== undefined) {
    isReport(JSON.parse(result.stdout));
    expect(isReport.errors ?? []).toEqual([]);
  }
  return result;
};

it('some version is frozen', () => {
  expect(versions).toContain('0.1.0');
});

describe.each(versions)('what %s wrote', (version) => {
  const folder = folderOf(version);
  const scenes = scenesOf(version).map((name): [string, FrozenScene] => [name, readScene(version, name)]);

  it('is as it was: no file was changed, added or removed', () => {
    const [now, frozen] = [digestsOf(folder), readFileSync(join(folder, 'SHA256SUMS'), 'utf8')].map((text) =>
      text.split('\n'),
    );
    expect({ changed: now?.filter((line) => !frozen?.includes(line)) }).toEqual({ changed: [] });
    expect({ gone: frozen?.filter((line) => !now?.includes(line)) }).toEqual({ gone: [] });
    // a list that was written anew with the folder is not the one that was published
    const sums = sha256(readFileSync(join(folder, 'SHA256SUMS')));
    expect(readFileSync('docs/compatibility.md', 'utf8')).toContain(`| ${version} | \`${sums}\` |`);
    expect(readFileSync(join(folder, 'COMMIT'), 'utf8')).toMatch(/^[0-9a-f]{40}\n$/);
  });

  it.each(scenes)('is verified, audited and exported: %s', async (name, { steps }) => {
    expect(await playSteps(run, copyInto(parent, join(folder, name)), steps, 'frozen')).toEqual([]);
  });

  it.each(scenes.filter(([, { continued }]) => continued !== undefined))('is continued: %s', async (name, scene) => {
    const { writes = [], steps = [] } = scene.continued ?? {};
    const copy = copyInto(parent, join(folder, name));
    expect(await playWrites(run, copy, writes)).toEqual([]);
    expect(lostFiles(join(folder, name), copy, scene)).toEqual([]);
    await delay(TICK);
    expect(await playSteps(run, copy, steps, 'continued')).toEqual([]);
  });

  it('its reports are what the schemas of this version describe', () => {
    const reports = scenes.flatMap(([, { steps, continued }]) => [...steps, ...(continued?.steps ?? [])]);
    const errors = reports.flatMap((step) => {
      const isReport = schemaOf(step);
      isReport?.(step.report);
      return isReport?.errors ?? [];
    });
    expect(errors).toEqual([]);
    expect(reports.filter((step) => schemaOf(step) !== undefined).length).toBeGreaterThan(30);
  });

  it('its commands, flags and what they take, codes and exports are all still there', async () => {
    const frozen = JSON.parse(readFileSync(join(folder, 'surface.json'), 'utf8')) as Surface;
    const now = await surfaceOf();
    expect(now.exitCodes).toEqual(frozen.exitCodes);
    expect(now.findingCodes).toMatchObject(frozen.findingCodes);
    for (const part of ['errorCodes', 'proofCodes', 'auditCodes', 'streamResults'] as const)
      expect(missing(frozen[part], now[part])).toEqual([]);
    for (const part of ['commands', 'exports'] as const)
      expect(missing(Object.keys(frozen[part]), Object.keys(now[part]))).toEqual([]);
    const goneExports = Object.entries(frozen.exports).flatMap(([of, names]) => missing(names, now.exports[of] ?? []));
    expect(goneExports).toEqual([]);
    const goneFlags = Object.entries(frozen.commands).flatMap(([command, flags]) =>
      Object.entries(flags).flatMap(([name, taken]) =>
        takesAsBefore(taken, now.commands[command]?.[name]) ? [] : [`${command} --${name}: ${taken}`],
      ),
    );
    expect(goneFlags).toEqual([]);
  });
});

/** Whether what was given to a flag may still be given to it. */
const takesAsBefore = (frozen: Taken, now: Taken | undefined): boolean =>
  typeof frozen === 'string'
    ? frozen === now
    : now === 'text' || (Array.isArray(now) && missing(frozen, now).length === 0);

const missing = (frozen: readonly string[], now: readonly string[]): string[] =>
  frozen.filter((name) => !now.includes(name));
