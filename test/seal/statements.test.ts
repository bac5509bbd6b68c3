import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { read, sealedFiles, start, workplace } from './workplace.ts';

/** What the specification demands of a writer, each statement by its number. */

const stateFiles = (directory: string): string[] =>
  readdirSync(join(directory, 'state'))
    .filter((name) => name.endsWith('.chainstate'))
    .map((name) => join(directory, 'state', name));

describe('a writer', () => {
  it('M1.8: refuses keys whose names would make a line of ours longer than carriers take', async () => {
    const keyId = 'k'.repeat(17_000);
    const { file, options } = workplace([keyId]);
    const sealer = start({ ...options(), keyId });
    const failed = new Promise<unknown>((resolve) => sealer.once('error', resolve));
    expect(await failed).toMatchObject({ code: 'FORMAT_LIMIT' });
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    expect(lines.filter((line) => line.length > 16_000)).toEqual([]);
  });

  it('M1.8: refuses at the start what only a later, longer open would show, with nothing sealed', async () => {
    const keyId = 'k'.repeat(12_500); // fits into the first open, and not into one with a large frontier
    const { file, options } = workplace([keyId]);
    const sealer = start({ ...options(), keyId });
    const failed = new Promise<unknown>((resolve) => sealer.once('error', resolve));
    expect(await failed).toMatchObject({ code: 'FORMAT_LIMIT', hint: expect.stringContaining('shorter key names') });
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('M1.11: cuts a line over the limit into parts, and none of it is lost', async () => {
    const { file, options, provider } = workplace();
    const sealer = start({ ...options(), maxLineBytes: 1024 });
    const long = `{"text":"${'x'.repeat(5000)}"}`;
    sealer.write(long);
    await sealer.close();
    const stream = await read([file], provider);
    const parts = readFileSync(file, 'utf8').match(/"as":"base64","part":\d+(,"last":true)?/g) ?? [];
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.at(-1)).toContain('"last":true');
    expect(parts.slice(0, -1).some((part) => part.includes('last'))).toBe(false);
    expect(stream.entries.filter(({ kind }) => kind === 'record')).toHaveLength(parts.length);
  });

  it('M2.5: seals at exactly `records`, inside a batch too', async () => {
    const { file, options, provider } = workplace();
    const sealer = start({ ...options(), checkpointMaxRecords: 7 });
    await sealer.flush();
    for (let n = 0; n < 50; n++) sealer.write(`{"n":${n}}`);
    await sealer.close();
    const kinds = (await read([file], provider)).entries.map(({ kind }) => kind);
    const between = kinds.join(' ').split('seal').slice(2, -1);
    expect(between.length).toBeGreaterThan(5);
    for (const run of between) expect(run.trim().split(' ')).toHaveLength(7);
  });

  it('M4.7: has the entries on disk and in the state before it signs them, and checks what it signed', async () => {
    const { directory, file, options, provider } = workplace(['audit', 'sign']);
    const atSigning: { entries: number; size: number }[] = [];
    const { sign } = provider;
    provider.sign = async (...args) => {
      const size = Number(Buffer.from(args[1]).toString('utf8').split('\n')[1]);
      const entries = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"seq":')).length;
      const [state] = stateFiles(directory);
      expect(JSON.parse(readFileSync(state ?? '', 'utf8')).size).toBeGreaterThanOrEqual(size);
      atSigning.push({ entries, size });
      return sign.apply(provider, args);
    };
    const sealer = start({ ...options(), signingKeyId: 'sign' });
    sealer.write('{"n":1}');
    await sealer.flush();
    await sealer.close();
    expect(atSigning.length).toBeGreaterThan(0);
    for (const { entries, size } of atSigning) expect(entries).toBeGreaterThanOrEqual(size);
  });

  it('M5.6: asks for a data key of its own for each key period of each stream', async () => {
    const { options, provider, directory } = workplace();
    const materials = new Set<string>();
    const { getKey } = provider;
    let asked = 0;
    provider.getKey = async (...args) => {
      const key = await getKey.apply(provider, args);
      asked++;
      materials.add(Buffer.from(key.material).toString('hex'));
      return key;
    };
    const two = ['one', 'two'].map((name) =>
      start({ ...options(), file: join(directory, `audit-${name}.jsonl`), origin: `audit.example.com/${name}` }),
    );
    for (const sealer of two) sealer.write('{"n":1}');
    await Promise.all(two.map(async (sealer) => sealer.close()));
    const again = start({ ...options(), file: join(directory, 'audit-one.jsonl'), origin: 'audit.example.com/one' });
    await again.close();
    expect(asked).toBe(3);
    expect(materials.size).toBe(3);
  });

  it('M6.1: keeps a state that holds no secret and that nobody else may read', async () => {
    const { directory, options, provider } = workplace();
    const secrets: Buffer[] = [];
    const { getKey } = provider;
    provider.getKey = async (...args) => {
      const key = await getKey.apply(provider, args);
      secrets.push(Buffer.from(key.material));
      return key;
    };
    const sealer = start(options());
    sealer.write('{"n":1}');
    await sealer.close();
    const [state = ''] = stateFiles(directory);
    expect(statSync(state).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(state);
    expect(secrets).not.toHaveLength(0);
    for (const secret of secrets) {
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        expect(bytes.includes(secret.toString(encoding).replace(/=+$/, ''))).toBe(false);
      }
      expect(bytes.includes(secret)).toBe(false);
    }
  });

  it('M6.2: copies debris to a file of its own, cuts it off, says so, and starts', async () => {
    const { directory, file, options, provider } = workplace();
    const first = start(options());
    first.write('{"n":1}');
    await first.close();
    const debris = `{"n":2,"integr${'\0'.repeat(512)}`;
    appendFileSync(file, debris);
    const second = start(options());
    second.write('{"n":3}');
    await second.close();
    const [torn] = readdirSync(directory).filter((name) => name.includes('.torn-'));
    expect(readFileSync(join(directory, torn ?? ''), 'utf8')).toBe(debris);
    const stream = await read([file], provider);
    expect(stream.opens.at(-1)).toMatchObject({ why: 'recovered', torn: { bytes: debris.length } });
  });

  it('M6.3: names the next file in its state before the first line of it', async () => {
    const { directory, file, options, provider } = workplace();
    const first = start(options());
    first.write('{"n":1}');
    await first.rotate();
    first.write('{"n":2}');
    await first.flush();
    const [state = ''] = stateFiles(directory);
    const named = JSON.parse(readFileSync(state, 'utf8')).file as string;
    expect(named).not.toBe('');
    expect(existsSync(named) || existsSync(join(directory, named))).toBe(true);
    first.closeSync();
    const second = start(options());
    await second.close();
    const files = sealedFiles(directory);
    expect(files.length).toBe(2);
    expect(files).toContain(file);
    expect((await read(files, provider)).opens.map(({ why }) => why)).toEqual(['new', 'rotated', expect.any(String)]);
  });

  it('M6.4: marks what a run took over unsigned, and nothing else', async () => {
    const { file, options, provider } = workplace(['audit', 'sign']);
    const signed = { ...options(), signingKeyId: 'sign' };
    const first = start(signed);
    await first.flush();
    first.write('{"n":1}');
    first.closeSync();
    await start(signed).close();
    await start(signed).close();
    const stream = await read([file], provider);
    expect(stream.opens.map(({ adoptedFrom }) => adoptedFrom)).toEqual([undefined, 3, undefined]);
  });

  it('M6.5: never starts anew where state and file contradict each other', async () => {
    const { directory, file, options } = workplace();
    const first = start(options());
    for (let n = 0; n < 20; n++) first.write(`{"n":${n}}`);
    await first.close();
    truncateSync(file, 700);
    const before = readFileSync(file);
    expect(() => start(options())).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    expect(readFileSync(file).equals(before)).toBe(true);
    const second = start({ ...options(), onStateConflict: 'new_stream' });
    second.write('{"n":1}');
    await second.close();
    expect(readFileSync(file).equals(before)).toBe(true);
    const texts = readdirSync(directory)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => readFileSync(join(directory, name), 'utf8'));
    expect(texts.filter((text) => text.includes('"why":"conflict"') && text.includes('"after":'))).toHaveLength(1);
  });

  it('M6.6: refuses to go on in a file that somebody else has written to, and to share a stream', async () => {
    const { file, options } = workplace();
    const sealer = start(options());
    sealer.write('{"n":1}');
    await sealer.flush();
    expect(() => start(options())).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    writeFileSync(file, 'foreign\n', { flag: 'a' });
    const failed = new Promise<unknown>((resolve) => sealer.once('error', resolve));
    sealer.write('{"n":2}');
    sealer.flush().catch(() => undefined);
    expect(await failed).toMatchObject({ code: 'FOREIGN_WRITE' });
  });
});
