import { createHash } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ABOUT_ADA, ERASURES, makeScene, OF_ADA, ORIGIN, type Scene, writePolicy } from './scene.ts';

const ADA = ['--where', 'user.id=2', '--reason', 'case 17', '--who', 'dpo', '--ended'];

const at = (scene: Scene, name: string): string => join(scene.directory, name);

describe('fapilog-tamper erase', () => {
  it('erases the records of a person from every file, and the log proves the rest (R2.1, R2.4)', async () => {
    const scene = await makeScene();
    const before = scene.everything;
    expect(before.split(ABOUT_ADA).length - 1).toBe(OF_ADA);
    const { code, stdout } = await scene.erase(...ADA);
    expect(code).toBe(0);
    expect(stdout).toContain(`erased ${OF_ADA} records`);
    expect(scene.everything).not.toContain(ABOUT_ADA);
    expect(scene.files).toHaveLength(3);
    expect(scene.files.filter((name) => name.endsWith('.gz'))).toHaveLength(1);
    const lines = (text: string): string[] => text.split('\n').filter((line) => !line.includes('"commit"'));
    const kept = before.split('\n').filter((line) => !line.includes(ABOUT_ADA));
    expect(lines(scene.everything)).toEqual(kept); // every other byte is as it was
    const verified = await scene.verify();
    expect(verified.code).toBe(0);
    expect(verified.stdout).toContain('was erased by dpo at');
    expect(verified.stdout).toContain('case 17');
  });

  it('says in the erasure log what was erased, and nothing of what it said', async () => {
    const scene = await makeScene();
    await scene.erase(...ADA);
    const text = readFileSync(at(scene, 'erasures.jsonl'), 'utf8');
    const records = text.split('\n').filter((line) => line.startsWith('{"erased"'));
    expect(records).toHaveLength(OF_ADA);
    for (const line of records)
      expect(line).toMatch(
        /^\{"erased":\{"origin":"audit\.example\.com\/app","seq":\d+,"commit":"[\w-]{43}"\},"reason":"case 17","who":"dpo","time":"[^"]{24}","file":\{"name":"app[^"]*","before":"[0-9a-f]{64}","after":"[0-9a-f]{64}"\},"storage":"(not-)?in-place","integrity":/,
      );
    expect(text).not.toContain(ABOUT_ADA);
    expect(text).not.toContain('user.id');
  });

  it('takes entries by their numbers, and a value from a file', async () => {
    const scene = await makeScene();
    expect((await scene.erase('--seq', '3-5', '--reason', 'r')).code).toBe(0);
    scene.write('id.txt', '2\n');
    expect((await scene.erase('--where', 'user.id=@id.txt', '--where', 'n=38', '--reason', 'r', '--ended')).code).toBe(
      0,
    );
    expect(scene.everything.match(/"commit"/g)).toHaveLength(4);
    expect((await scene.verify()).code).toBe(0);
  });

  it('says what it would do, and does it only when told to', async () => {
    const scene = await makeScene();
    const before = scene.everything;
    const dry = await scene.erase(...ADA, '--dry-run');
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain(`${OF_ADA} records of ${ORIGIN}: `);
    const argv = ['erase', 'logs', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', ...ADA];
    const asked = await scene.run(argv);
    expect(asked.code).toBe(64);
    expect(asked.stderr).toContain('give --yes');
    expect(scene.everything).toBe(before);
    expect(scene.files).toHaveLength(3);
  });

  it('takes the same entries again where an old copy was put back', async () => {
    const scene = await makeScene([], { compressed: false });
    const [first = ''] = scene.files;
    const old = scene.read(first);
    const [, seq = ''] = new RegExp(`${ABOUT_ADA}.*"seq":(\\d+),`).exec(old.toString()) ?? [];
    expect((await scene.erase('--seq', seq, '--reason', 'r')).code).toBe(0);
    scene.write(first, old);
    expect(await scene.erase('--seq', seq, '--reason', 'r')).toMatchObject({ code: 0 });
    expect((await scene.verify()).code).toBe(0);
  });

  it('an old copy that was put back is no tampering for who has no erasure log (M7.1)', async () => {
    const scene = await makeScene([], { compressed: false });
    const [first = ''] = scene.files;
    const old = scene.read(first);
    expect((await scene.erase(...ADA)).code).toBe(0);
    scene.write(first, old);
    const policy = scene.read('policy.yaml').toString();
    scene.write('policy.yaml', policy.replace(/^erasures:.*$/m, ''));
    const { code, stdout } = await scene.run(['verify', first, 'logs', '--policy', 'policy.yaml', '--format', 'json']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/"code": "(MANIFEST_WRONG|FILES_MISSING)"/);
  });

  it('has nothing to do the second time', async () => {
    const scene = await makeScene();
    await scene.erase(...ADA);
    const log = readFileSync(at(scene, 'erasures.jsonl'));
    const again = await scene.erase(...ADA);
    expect(again).toMatchObject({ code: 0, stdout: 'there is nothing to erase\n' });
    expect(readFileSync(at(scene, 'erasures.jsonl'))).toEqual(log);
  });

  it('carries out what is on record where an old copy was put back, without being told what', async () => {
    const scene = await makeScene();
    const [, second = ''] = scene.files;
    const old = scene.read(second);
    await scene.erase(...ADA);
    scene.write(second, old);
    const put = await scene.verify();
    expect(put.code).toBe(2);
    expect(put.stdout).toContain('NOT_ERASED');
    expect((await scene.erase()).code).toBe(0);
    expect(scene.everything).not.toContain(ABOUT_ADA);
    expect((await scene.verify()).code).toBe(0);
  });

  it('a record that somebody else erased is tampered, and nothing is erased from that log any more (R2.1, R3.1)', async () => {
    const scene = await makeScene();
    const copy = readFileSync(at(scene, 'erasures.jsonl'));
    await scene.erase(...ADA);
    writeFileSync(at(scene, 'erasures.jsonl'), copy); // the erasure log from before
    rmSync(at(scene, 'erasures.jsonl.manifest.json'));
    const { code, stdout } = await scene.verify();
    expect(code).toBe(1);
    expect(stdout).toContain('ERASED_UNRECORDED');
    const more = await scene.erase('--seq', '3', '--reason', 'r');
    expect(more.code).not.toBe(0);
    expect(scene.everything.match(/"commit"/g)).toHaveLength(OF_ADA);
  });

  it('a policy limits how many (R2.4)', async () => {
    const scene = await makeScene();
    await scene.erase(...ADA);
    await writePolicy(scene, 'accept: { erased: 9 }');
    expect((await scene.verify()).code).toBe(2);
    await writePolicy(scene, 'accept: { erased: 10 }');
    expect((await scene.verify()).code).toBe(0);
  });
});

describe('what cannot be erased (R3.1)', () => {
  const refusals: readonly (readonly [
    string,
    string,
    (scene: Scene) => Promise<readonly string[]> | readonly string[],
  ])[] = [
    ['an entry of the newest file', 'is the newest file of its log', () => ['--seq', '45', '--reason', 'r']],
    ['a record without why', 'say why', () => ['--seq', '4']],
    ['an empty reason', '--reason: it must have 1 to 1000 characters', () => ['--seq', '4', '--reason', '']],
    [
      'an entry that is no record',
      'entry 1 of audit.example.com/app is no record',
      () => ['--seq', '1', '--seq', '4', '--reason', 'r', '--ended'],
    ],
    ['entries among which is no record', 'no entry from 1 to 2', () => ['--seq', '1-2', '--reason', 'r', '--ended']],
    ['an entry behind the end', 'entry 9999 is behind the proven end', () => ['--seq', '4-9999', '--reason', 'r']],
    [
      'into an erasure log with another key than the policy names',
      'the policy does not name the key that signs for audit.example.com/erasures',
      async (scene) => {
        await scene.run(['keygen', '--algorithm', 'Ed25519', '--out', 'other.key']);
        const config = scene.read('erasures.yaml').toString();
        scene.write('erasures.yaml', config.replace('erasures.key', 'other.key'));
        return ['--where', 'user.id=2', '--ended', '--reason', 'r'];
      },
    ],
    ...['rotate_max_bytes: 2048', 'rotate_interval_seconds: 60', 'rotate_chain: true', 'max_line_bytes: 1024'].map(
      (line) =>
        [
          `into an erasure log with ${line}`,
          `the configuration of the erasure log: ${line.startsWith('max') ? 'max_line_bytes must be' : 'rotate_max_bytes, '}`,
          (scene: Scene) => {
            const more = line === 'rotate_chain: true' ? `${line}\nrotate_max_bytes: 2048` : line;
            scene.write('erasures.yaml', `${scene.read('erasures.yaml')}${more}\n`);
            return ['--where', 'user.id=2', '--ended', '--reason', 'r'];
          },
        ] as const,
    ),
    ['a number that is none', '--seq is the number of an entry', () => ['--seq', '4-2', '--reason', 'r']],
    ['a member without a value', '--where takes MEMBER=VALUE', () => ['--where', 'user', '--reason', 'r']],
    [
      'a file with another name',
      'has another name (a hard link)',
      (scene) => {
        linkSync(at(scene, scene.files[1] ?? ''), at(scene, 'kept'));
        return ['--where', 'user.id=2', '--ended', '--reason', 'r'];
      },
    ],
    [
      'a link',
      'is not a regular file',
      (scene) => {
        const [, second = ''] = scene.files;
        renameSync(at(scene, second), at(scene, 'elsewhere'));
        symlinkSync(at(scene, 'elsewhere'), at(scene, second));
        return [...scene.files, '--where', 'user.id=2', '--ended', '--reason', 'r'];
      },
    ],
    [
      'from a log that was altered',
      'TAMPERED',
      (scene) => {
        const [, second = ''] = scene.files;
        scene.write(second, scene.read(second).toString().replace('"text":"other"', '"text":"Other"'));
        return ['--where', 'user.id=2', '--ended', '--reason', 'r'];
      },
    ],
    [
      'without a policy that names the erasure log',
      'the policy does not name',
      (scene) => {
        scene.write(
          'policy.yaml',
          scene
            .read('policy.yaml')
            .toString()
            .replace(/^erasures:.*$/m, ''),
        );
        return ['--seq', '4', '--reason', 'r'];
      },
    ],
    [
      'from an erasure log',
      'erase from one stream at a time',
      () => ['--stream', ERASURES, '--seq', '4', '--reason', 'r'],
    ],
  ];
  it.each(refusals)('%s', async (_what, message, prepare) => {
    const scene = await makeScene();
    const more = await prepare(scene);
    const before = scene.everything;
    const log = readFileSync(at(scene, 'erasures.jsonl'));
    const { code, stdout, stderr } = await scene.erase(...more);
    expect(stdout + stderr).toContain(message);
    expect(code).not.toBe(0);
    expect(scene.everything).toBe(before);
    expect(readFileSync(at(scene, 'erasures.jsonl'))).toEqual(log);
    expect(readdirSync(at(scene, 'logs')).filter((name) => name.includes('erase'))).toEqual([]);
  });

  it('a record without a salt, and a part of a long line alone', async () => {
    const plain = await makeScene(['salt_records: false']);
    const unsalted = await plain.erase('--seq', '4', '--reason', 'r');
    expect(unsalted).toMatchObject({ code: 64 });
    expect(unsalted.stderr).toContain('has no salt');
    const long = await makeScene(['max_line_bytes: 1024']);
    const [, seq = ''] = /"seq":(\d+),"as":"base64","part":1,/.exec(long.everything) ?? [];
    for (const one of [Number(seq), Number(seq) + 1]) {
      const part = await long.erase('--seq', String(one), '--reason', 'r', '--ended');
      expect(part.code).toBe(64);
      expect(part.stderr).toContain(`entry ${one} is a part of a long line`);
    }
    expect((await long.erase('--seq', `${seq}-${Number(seq) + 1}`, '--reason', 'r', '--ended')).code).toBe(0);
    expect((await long.verify()).code).toBe(0);
  });
});

describe('what stands in the way of an erasure', () => {
  const ERASE = ['--where', 'user.id=2', '--ended', '--reason', 'r'];
  it.each(['new', 'old', 'gone'])(
    'a folder in the place of .NAME.erase-%s is told, and nothing is erased',
    async (ending) => {
      const scene = await makeScene();
      const before = scene.everything;
      const [file = ''] = scene.files;
      const path = at(scene, `logs/.${file.slice('logs/'.length)}.erase-${ending}`);
      mkdirSync(path);
      const { code, stderr } = await scene.erase(...ERASE);
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining(`UNSAFE_PATH: ${path.slice(scene.directory.length + 1)}`),
      ]);
      rmSync(path, { recursive: true });
      expect(scene.everything).toBe(before);
      expect((await scene.erase(...ERASE)).code).toBe(0);
      expect((await scene.verify()).code).toBe(0);
    },
  );

  it('a link there is not followed', async () => {
    const scene = await makeScene();
    const [file = ''] = scene.files;
    scene.write('other', 'what must stay');
    symlinkSync(at(scene, 'other'), at(scene, `logs/.${file.slice('logs/'.length)}.erase-gone`));
    expect(await scene.erase(...ERASE)).toMatchObject({ code: 2, stderr: expect.stringContaining('UNSAFE_PATH') });
    expect(scene.read('other').toString()).toBe('what must stay');
  });

  it('an erasure log that is not there is never begun', async () => {
    const scene = await makeScene();
    const before = scene.everything;
    const config = scene.read('erasures.yaml').toString();
    for (const file of ['log.yaml/erasures.jsonl', 'other/erasures.jsonl', 'other.jsonl']) {
      scene.write('erasures.yaml', config.replace('file: erasures.jsonl', `file: ${file}`));
      const { code, stderr } = await scene.erase(...ERASE);
      expect([code, stderr]).toEqual([64, expect.stringContaining(`${file} is not there`)]);
    }
    scene.write('erasures.yaml', config.replace('file: erasures.jsonl\n', ''));
    expect((await scene.erase(...ERASE)).stderr).toContain('file must be the name of a file');
    scene.write('erasures.yaml', config);
    expect(scene.everything).toBe(before);
    expect((await scene.erase(...ERASE)).code).toBe(0);
    expect((await scene.verify()).code).toBe(0);
  });

  it('an erasure log that goes on under a name that no policy can name', async () => {
    const scene = await makeScene();
    const recover = ['recover', 'erasures.jsonl', '--reason', 'oops', '--config', 'erasures.yaml'];
    expect((await scene.run(recover)).code).toBe(0);
    const before = scene.everything;
    const { code, stderr } = await scene.erase(...ERASE);
    expect(code).toBe(2);
    expect(stderr).toMatch(/erasures\.jsonl goes on as .*, which no policy can name|UNDECIDED/);
    expect(scene.everything).toBe(before);
  });

  it('a file that changes while somebody is asked', async () => {
    const scene = await makeScene([], { compressed: false });
    const [first = ''] = scene.files;
    const change = (): void => scene.write(first, scene.read(first).toString().replace('other', 'Other'));
    const { code, stderr } = await scene.answer(ERASE, 'yes', change);
    expect([code, stderr]).toEqual([2, expect.stringContaining('was changed while you were asked')]);
    expect(scene.everything).toContain(ABOUT_ADA);
  });

  it('an answer that is not yes', async () => {
    const scene = await makeScene();
    const before = scene.everything;
    for (const answer of ['no', 'y', '']) {
      const { code, stdout } = await scene.answer(ERASE, answer);
      expect([code, stdout]).toEqual([0, expect.stringContaining('nothing was erased')]);
    }
    expect(scene.everything).toBe(before);
    expect((await scene.answer(ERASE, 'yes')).stdout).toContain('erased 10 records');
  });

  it('a path without a log is named', async () => {
    const scene = await makeScene();
    const argv = ['erase', 'nope', '--policy', 'policy.yaml', '--erasures', 'erasures.yaml', '--yes', ...ERASE];
    const { code, stderr } = await scene.run(argv);
    expect([code, stderr]).toEqual([64, expect.stringContaining('no log that the policy names is in nope')]);
  });
});

describe('a line that was sealed in parts', () => {
  it('is found by its members, and goes with all its parts', async () => {
    const scene = await makeScene();
    scene.write('log.yaml', `${scene.read('log.yaml')}max_line_bytes: 1024\n`);
    const line = (id: number): string =>
      `${JSON.stringify({ user: { id }, text: `${id} lives in a long street `.repeat(40) })}\n`;
    const sealed = await scene.run(['seal', '--config', 'log.yaml', '--quiet'], `${line(77)}${line(78)}`);
    expect(sealed.code).toBe(0);
    const count = (): number => scene.everything.split('"part":').length - 1;
    const parts = count();
    const wanted = ['--where', 'user.id=77', '--reason', 'r', '--ended'];
    const { code, stdout } = await scene.erase(...wanted);
    expect(code).toBe(0);
    expect(stdout).toMatch(/erased \d+ records/);
    expect(count()).toBe(parts); // an erased part says which one it was
    const printed = await scene.run(['cat', 'logs']);
    expect(printed.stdout).not.toContain('77 lives');
    expect(printed.stdout).toContain('78 lives');
    expect((await scene.verify()).code).toBe(0);
  });
});

describe('an erasure log whose writer was killed', () => {
  it('records nothing of what somebody wrote into its unsigned tail, and nothing of that is erased (R1.3)', async () => {
    const scene = await makeScene();
    const [first = ''] = scene.files;
    const line =
      scene
        .read(first)
        .toString()
        .split('\n')
        .find((one) => one.includes(`"seq":5,`)) ?? '';
    const [, salt = ''] = /"salt":"([^"]+)"/.exec(line) ?? [];
    const head = line.slice(0, line.indexOf('"integrity"'));
    const commit = createHash('sha256').update('\u0002').update(Buffer.from(salt, 'base64url')).update(head);
    await scene.erase('--seq', '4', '--reason', 'r');
    // as a kill leaves it: records behind the last checkpoint, to which anybody may add one of a hash key period
    const whole = scene.read('erasures.jsonl').toString().trimEnd().split('\n');
    const last = whole.findLastIndex((one) => one.startsWith('{"erased"'));
    const genuine = whole[last] ?? '';
    const [, seq = '', kid = ''] = /"seq":(\d+),"salt":"[^"]+","key_id":"([^"]+)"/.exec(genuine) ?? [];
    const made = genuine
      .slice(0, genuine.indexOf('"integrity"'))
      .replace(/"seq":\d+,"commit":"[^"]+"/, `"seq":5,"commit":"${commit.digest('base64url')}"`);
    const own = Buffer.alloc(16, 7);
    const ownCommit = createHash('sha256').update('\u0002').update(own).update(made).digest('base64url');
    const member = `"integrity":{"seq":${Number(seq) + 1},`;
    const leaf = `{${member}"commit":"${ownCommit}","key_id":"${kid}","hash":"`;
    const auth = createHash('sha256').update('\0').update(leaf).digest('base64url');
    const forged = `${made}${member}"salt":"${own.toString('base64url')}","key_id":"${kid}","hash":"${auth}"}}`;
    scene.write('erasures.jsonl', `${[...whole.slice(0, last + 1), forged].join('\n')}\n`);
    rmSync(at(scene, 'erasures.jsonl.manifest.json'));
    rmSync(at(scene, 'state-erasures'), { recursive: true }); // a start without its state takes over what is there
    const before = scene.everything;
    await scene.erase();
    expect(scene.everything).toBe(before);
    expect(before).toContain(line);
    const after = await scene.verify();
    expect(after.code).toBe(2);
    expect(after.stdout).toContain('ADOPTED');
    expect(after.stdout).not.toContain('entry 5 was erased');
  });
});
