import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isTamperError } from '../../src/errors.ts';
import { classifyLine } from '../../src/format/entry.ts';
import { StateFile } from '../../src/seal/disk/state.ts';
import { audit, start, workplace } from './workplace.ts';

/** Ways to lose a line, or to keep the log from going on. */

describe('lines that were taken and not written', () => {
  it('are kept and sealed by the next start where somebody else wrote into the file', async () => {
    const { directory, file, options, provider } = workplace();
    const sealer = start({ ...options(), maxLineBytes: 1024 });
    sealer.write('{"n":1}\n');
    await sealer.flush();
    const failed = once(sealer, 'error');
    appendFileSync(file, 'debris\n');
    sealer.write('{"n":2}\n');
    sealer.write('text that is no object\n');
    sealer.write(Buffer.from([0xff, 0x00, 0x0a]));
    sealer.write(`${'x'.repeat(3_000)}\n`);
    sealer.write('{}\n');
    expect((await failed)[0]).toMatchObject({ code: 'FOREIGN_WRITE' });
    const next = start({ ...options(), maxLineBytes: 1024 });
    next.write('{"n":3}\n');
    await next.close();
    const report = await audit(directory, provider);
    expect(report.verdict).toBe('ok');
    const text = readFileSync(file, 'utf8');
    for (const line of ['{"n":1,', '{"n":2,', '"text that is no object"', '{"line":"/wA="', '{"n":3,']) {
      expect(text.split(line), line).toHaveLength(2);
    }
    expect(text).toContain('\n{"integrity":{"seq":14,"key_id"');
    expect(text).toContain('"part":3,"last":true');
    expect(text.indexOf('{"n":2,')).toBeLessThan(text.indexOf('{"n":3,'));
  });
});

describe('flush', () => {
  it('does not wait for ever for a signature that close gave up', async () => {
    const { options, provider } = workplace();
    const sealer = start({ ...options(), useKmsSigning: true });
    await sealer.flush();
    const outage = once(sealer, 'outage');
    provider.faults.failWith('UNAVAILABLE');
    sealer.write('{"n":1}\n');
    const flushed = sealer.flush().then(
      () => 'flushed',
      (error: unknown) => (isTamperError(error) ? error.code : error),
    );
    await outage;
    sealer.closeSync();
    expect(await flushed).toBe('SEALER_CLOSED');
  });
});

describe('lines that a stranger put behind a crash', () => {
  it.each([
    [
      'a record',
      (seq: number, tag: string) =>
        `{"x":1,"integrity":{"seq":${seq},"key_id":"${tag}.9007199254740991","mac":"${'A'.repeat(43)}"}}`,
    ],
    [
      'a key entry',
      (seq: number, tag: string) =>
        `{"integrity":{"seq":${seq},"kind":"key","next":"${tag}.9007199254740991","key":{"records":"mac","source":"env","identity":"x","nonce":"${'A'.repeat(43)}","fp":"${'A'.repeat(43)}"},"key_id":"${tag}.1","mac":"${'A'.repeat(43)}"}}`,
    ],
  ])('do not use up the numbers of key periods: %s', async (_what, line) => {
    const { directory, file, options, provider } = workplace();
    const sealer = start(options());
    sealer.write('{"n":1}\n');
    await sealer.close();
    const last = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => classifyLine(Buffer.from(text)));
    const entry = last.findLast((read) => read.type === 'control');
    if (entry?.type !== 'control') throw new Error('there is no entry');
    appendFileSync(file, `${line(entry.seq + 1, entry.tag)}\n`);
    for (const n of [2, 3]) {
      const next = start(options());
      next.write(`{"n":${n}}\n`);
      await next.close();
    }
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('{"n":2,');
    expect(text).toContain('{"n":3,');
    expect(text).not.toContain('9007199254740992');
    expect((await audit(directory, provider)).findings.map(({ code }) => code)).not.toContain('FOREIGN_LINE');
  });
});

describe('a state that was on its way when its writer ended', () => {
  it('does not replace the one of the next writer', async () => {
    const { directory, file } = workplace();
    const path = join(directory, 'x.chainstate');
    const state = (size: 0 | 1) => ({
      origin: 'audit.example.com/test',
      size,
      frontier: size === 0 ? [] : ['\0'.repeat(32)],
      file,
      offset: size,
      base: file,
      epoch: size,
    });
    const lease = { assertHeld: () => undefined };
    const before = new StateFile(path, lease);
    const pending = before.replace(state(0));
    before.dropPending();
    const after = new StateFile(path, lease);
    after.replaceSync(state(1));
    await pending;
    expect(after.read()?.epoch).toBe(1);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
