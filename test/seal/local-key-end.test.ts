import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as passes } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  auditorKeys,
  createSealer,
  generateKeyFile,
  type KeyEvent,
  onKeyEvent,
  type Sealer,
  type SealerOptions,
  type VerifyReport,
  verify,
} from '../../src/index.ts';
import { FileKeyProvider } from '../../src/providers/file.ts';
import { times } from '../support/tier.ts';
import { ORIGIN, workplace } from './workplace.ts';

/** A log that ends while its first key is on its way: a local key is read at once then. */

const modes: Readonly<Record<string, SealerOptions>> = {
  MACs: {},
  signatures: { algorithm: 'Ed25519' },
  both: { signingKeyId: 'sign' },
};

interface Place {
  readonly stateDir: string;
  readonly keyProvider: FileKeyProvider;
  begin(more?: SealerOptions): Sealer;
  text(): string;
  judged(): Promise<VerifyReport>;
  secrets(): string[];
}

async function placeOf(mode: string): Promise<Place> {
  const { directory, file } = workplace();
  const [data, sign, stateDir] = ['data.key', 'sign.key', 'state'].map((name) => join(directory, name)) as [string, string, string]; // biome-ignore format: short
  await generateKeyFile(data, 'HMAC-SHA256');
  await generateKeyFile(sign, 'Ed25519');
  const keyProvider = new FileKeyProvider({ dataKeys: { path: data }, signingKeys: { path: sign } });
  return {
    stateDir,
    keyProvider,
    begin: (more = {}) => {
      const sealer = createSealer({
        file,
        stateDir,
        origin: ORIGIN,
        keySource: 'file',
        keyFilePath: mode === 'signatures' ? sign : data,
        ...(mode === 'both' && { signingKeyFilePath: sign }),
        ...modes[mode],
        keyProvider,
        ...more,
      });
      onTestFinished(() => sealer.closeSync());
      return sealer;
    },
    text: () => readFileSync(file, 'latin1'),
    judged: () =>
      verify({ paths: [file], origin: ORIGIN, keys: auditorKeys({ dataKeyFiles: [data], publicKeyFiles: mode === 'MACs' ? [] : [`${sign}.pub`] }) }),
    secrets: () => [data, sign].map((path) => /^[\w+/=]{40,}$/m.exec(readFileSync(path, 'utf8'))?.[0] ?? ''),
  }; // biome-ignore format: short
}

/** The numbers of the key periods that the log names, in order. */
const periods = (text: string): number[] =>
  [...text.matchAll(/"kind":"open".*"key_id":"\w+\.(\d+)"/g)].map(([, number]) => Number(number));

const keptFiles = ({ stateDir }: Place): string[] =>
  readdirSync(stateDir).filter((name) => /unsealed-|keeping-/.test(name));

describe.each(Object.keys(modes))('%s: a log that ends before its first key has come', (mode) => {
  it.each(['turn', 'line'] as const)(
    'is sealed at whatever step its start is (flush_every: %s)',
    async (flushEvery) => {
      const place = await placeOf(mode);
      let given = 0;
      const ends = times(16, 60);
      for (let turns = 0; turns < ends; turns++) {
        const sealer = place.begin({ flushEvery });
        sealer.on('kept', (kept) => expect.unreachable(`${turns} turns: ${JSON.stringify(kept)}`));
        for (let line = 0; line < 3; line++) sealer.write(`{"n":${given++}}\n`);
        for (let turn = 0; turn < turns; turn++) await (turns % 2 === 0 ? nextTurn() : undefined);
        sealer.closeSync();
        const log = place.text();
        await passes(2);
        expect(place.text(), 'nothing of the start runs on').toBe(log);
      }
      expect(keptFiles(place)).toEqual([]);
      const numbers = [...place.text().matchAll(/"n":(\d+)/g)].map(([, n]) => Number(n));
      expect(numbers).toEqual(Array.from({ length: given }, (_, n) => n));
      const used = periods(place.text());
      expect(used).toEqual([...new Set(used)].sort((one, other) => one - other)); // M1.5
      expect(used).toHaveLength(ends);
      expect(await place.judged()).toMatchObject({
        verdict: 'ok',
        streams: [{ records: given, end: 'closed', adoptedEntries: 0 }],
      });
    },
  );

  it('close() keeps the lines of a key that does not come: read at once, a dead mount would hold up the thread for ever', async () => {
    const place = await placeOf(mode);
    place.keyProvider.getKey = () => new Promise(() => undefined);
    place.keyProvider.getSigningKey = () => new Promise(() => undefined);
    const sealer = place.begin();
    sealer.write('{"n":0}\n');
    await sealer.close();
    expect(keptFiles(place)).toHaveLength(1);
  });

  it('tells of the uses of its keys, and shows them to nobody', async () => {
    const place = await placeOf(mode);
    const events: KeyEvent[] = [];
    onTestFinished(onKeyEvent((event) => events.push(event)));
    const sealer = place.begin({ flushEvery: 'line' });
    const told: unknown[] = [];
    for (const name of ['warning', 'error', 'kept', 'checkpoint'] as const) sealer.on(name, (event: unknown) => told.push(event));
    sealer.write('{"n":0}\n');
    sealer.closeSync();
    const uses = { MACs: ['getKey'], signatures: ['getSigningKey', 'sign'], both: ['getKey', 'getSigningKey', 'sign'] }[mode];
    expect([...new Set(events.map(({ operation }) => operation))].sort()).toEqual(uses);
    expect(events.every(({ outcome, source }) => outcome === 'ok' && source === 'file')).toBe(true);
    const seen = [place.text(), JSON.stringify([events, told])];
    for (const name of readdirSync(place.stateDir)) seen.push(readFileSync(join(place.stateDir, name), 'latin1'));
    for (const secret of place.secrets()) {
      expect(secret.length).toBeGreaterThan(40);
      for (const text of seen) expect(text).not.toContain(secret);
    }
  }); // biome-ignore format: short
});

it('says why a local key could not be read, and keeps the lines', async () => {
  const place = await placeOf('MACs');
  const sealer = place.begin({ keyProvider: new FileKeyProvider({ dataKeys: { path: join(place.stateDir, 'none') } }) });
  const codes: string[] = [];
  let kept = 0;
  sealer.on('warning', ({ code }) => codes.push(code)).on('kept', ({ lines }) => (kept += lines));
  sealer.write('{"n":0}\n');
  sealer.closeSync();
  expect({ codes, kept }).toEqual({ codes: ['KEY_NOT_FOUND'], kept: 1 });
  expect(place.text()).toBe('');
}); // biome-ignore format: short

it('reads no key where no line waits', async () => {
  const place = await placeOf('MACs');
  const events: KeyEvent[] = [];
  onTestFinished(onKeyEvent((event) => events.push(event)));
  place.begin().closeSync();
  await passes(20);
  expect(place.text()).toBe('');
  expect(events.filter(({ outcome }) => outcome === 'ok')).toEqual([]);
});
