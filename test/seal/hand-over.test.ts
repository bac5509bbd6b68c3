import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { EnvKeyProvider } from '../../src/providers/env.ts';
import { FakeClock, MemoryProvider } from '../../src/testing/index.ts';
import { someOf, times } from '../support/tier.ts';
import { advance, modes, testHandOvers, worse } from './hand-over-matrix.ts';
import { audit, read, start, workplace } from './workplace.ts';

testHandOvers(someOf(['ACCESS_DENIED', 'UNAUTHENTICATED', 'UNAVAILABLE', 'RESPONSE_MALFORMED', 'KEY_NOT_FOUND'], 3), [
  'disabled',
  'gone',
]);

describe.each(['signing', 'both', 'data key'] as const)(
  'a key that was made anew under its name, sealed with %s',
  (mode) => {
    it('begins a key period of its own, although its identity is the same', async () => {
      const clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
      const { directory, file, options, provider } = workplace(['audit', 'sign'], clock);
      const sealer = start({ ...options(), ...modes[mode], clock, checkpointMaxSeconds: 5 });
      let [handovers, complete] = [0, 0];
      sealer.on('handover', () => handovers++);
      await sealer.ready;
      sealer.write('{"n":1}');
      await sealer.flush();
      const signedBefore = sealer.stats.covered;
      const dataKeysBefore = mode === 'signing' ? undefined : await read([file], provider);
      expect(dataKeysBefore?.size ?? signedBefore).toBe(signedBefore);
      provider.remake(mode === 'both' ? 'sign' : 'audit');
      sealer.write('{"n":2}');
      sealer.on('checkpoint', (event) => {
        if (event.complete) complete = event.size;
      });
      for (let second = 0; second < 2_000 && (handovers === 0 || complete === 0); second++) await advance(clock);
      expect(handovers).toBe(1);
      sealer.write('{"n":3}');
      await sealer.flush();
      expect(complete).toBe(sealer.stats.size);
      await sealer.close();
      const report = await audit(directory, provider);
      expect(report.verdict).not.toBe('tampered');
      expect(report.streams[0]?.keys).toHaveLength(2);
      for (const { code, seq } of worse(report)) {
        if (mode === 'data key')
          expect(['WRONG_KEY', 'NO_KEY', 'UNVOUCHED', 'KEY_SERVICE']).toContain(code); // its data key is lost with it
        else expect([code, seq]).toEqual(['UNSIGNED', signedBefore + 1]);
      }
    });

    if (mode === 'data key') return;
    // A signature that is asked for before the hand-over may come after it, by a key that the log no longer goes by.
    it.each([600, 900].flatMap((signing) => [0, 900].map((rest) => ({ signing, rest }))))(
      'waits for no signature of the key that is gone (signing $signing ms, all else $rest ms)',
      async ({ signing, rest }) => {
        const clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
        const { options } = workplace(['audit', 'sign'], clock);
        const provider = new MemoryProvider({ keyIds: ['audit', 'sign'], clock, keyCacheTtlSeconds: 10 });
        const short = { checkpointMaxSeconds: 1, keyCacheTtlSeconds: 10 };
        const sealer = start({ ...options(), ...modes[mode], ...short, keyProvider: provider, clock });
        let [handovers, flushed] = [0, false];
        sealer.on('handover', () => handovers++);
        await sealer.ready;
        provider.faults.decide(async (operation) => {
          const ms = operation === 'sign' ? signing : rest;
          if (ms > 0) await new Promise<void>((resolve) => clock.after(ms, resolve));
          return undefined;
        });
        const pass = async (): Promise<void> => {
          for (let part = 0; part < 10; part++) await clock.advance(100);
          await new Promise((resolve) => setTimeout(resolve, 1));
        };
        for (let round = 1; round <= times(4, 16); round++) {
          for (let second = 0; second < round * 3; second++) await pass();
          provider.remake(mode === 'both' ? 'sign' : 'audit');
          for (let second = 0; second < 1_000 && handovers < round; second++) {
            sealer.write('{"n":2}');
            await pass();
          }
          expect(handovers).toBe(round);
          const { size } = sealer.stats;
          flushed = false;
          void sealer.flush().then(() => {
            flushed = true;
          });
          for (let second = 0; second < 1_000 && !flushed; second++) await pass();
          expect(flushed).toBe(true);
          expect(sealer.stats.covered).toBeGreaterThanOrEqual(size);
        }
        provider.faults.heal();
        await sealer.close();
      },
    );
  },
);

it('the file of a data key that changes begins a new key period', async () => {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 23));
  const { options } = workplace(['audit'], clock);
  const env: Record<string, string> = { KEY: Buffer.alloc(32, 1).toString('base64') };
  const provider = new EnvKeyProvider({ dataKeys: { audit: 'KEY' }, env });
  const sealer = start({ ...options(), keySource: 'custom', keyProvider: provider, clock });
  await sealer.ready;
  const handover = once(sealer, 'handover');
  await clock.advance(700_000);
  env['KEY'] = Buffer.alloc(32, 2).toString('base64');
  await clock.advance(700_000);
  await handover;
  await sealer.close();
});

it.each([
  ['disabled', 'KEY_DISABLED'],
  ['expired', 'KEY_DISABLED'],
  ['not yet valid', 'KEY_DISABLED'],
  ['pending deletion', 'KEY_PENDING_DELETION'],
  ['gone', 'KEY_NOT_FOUND'],
] as const)('a key that is %s, named with or without its version, is refused at the start', async (state, code) => {
  for (const keyId of ['audit', 'audit:v1']) {
    const { options, provider } = workplace();
    provider.setState('audit', state);
    const sealer = start({ ...options(), keyId, useKmsSigning: true });
    await expect(sealer.ready).rejects.toMatchObject({ code });
  }
});
