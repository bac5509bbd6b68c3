import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { listPath, recordsOf, rootOf } from './reader.ts';
import { JOURNAL, makeScene, type Scene } from './scene.ts';

/** What is changed between two nights is found, each with its own code (J2.4 to J2.6). */

/** Two nights of a fleet of three streams, each of which has grown. */
async function twoNights(): Promise<Scene> {
  const scene = await makeScene();
  for (const files of [1, 2]) {
    for (const name of ['a', 'b', 'c']) scene.ship(name, files);
    const { code, stderr } = await scene.audit();
    expect([code, stderr]).toEqual([0, '']);
  }
  return scene;
}

const copy = (scene: Scene, from: string, to: string): void => {
  rmSync(scene.path(to), { recursive: true, force: true });
  cpSync(scene.path(from), scene.path(to), { recursive: true });
};

/** Keeps the journal and what is beside it, or puts it back. */
function journalIn(scene: Scene, from: string, to: string): void {
  mkdirSync(scene.path(to), { recursive: true });
  for (const name of ['journal.jsonl', 'journal.jsonl.nights', 'journal.jsonl.manifest.json', 'state'])
    if (existsSync(scene.path(from, name))) copy(scene, `${from}/${name}`, `${to}/${name}`);
}

const idOf = (stream: string): string => createHash('sha256').update(stream).digest('hex');

/** Changes what is remembered of a stream, as somebody does who knows the digest. */
function remember(scene: Scene, stream: string, change: (text: string) => string): void {
  const id = idOf(stream);
  const [name = ''] = readdirSync(scene.path('memory', id)).sort().reverse();
  const [, before = ''] = /^(.*),"digest":"[0-9a-f]{64}"\}\n$/s.exec(String(scene.read(`memory/${id}/${name}`))) ?? [];
  const changed = change(before);
  expect(changed).not.toBe(before);
  const digest = createHash('sha256').update(changed).digest('hex');
  scene.write(`memory/${id}/${name}`, `${changed},"digest":"${digest}"}\n`);
}

const stagedPath = (scene: Scene): string => scene.path('journal.jsonl.nights', '.staged');

/** Acts between the list of a night and its end, when all that is to be remembered waits in a file. */
async function whenListed(scene: Scene, act: (path: string) => void): Promise<void> {
  const lists = (): number =>
    readdirSync(scene.path('journal.jsonl.nights')).filter((one) => one.endsWith('.list')).length;
  const before = lists();
  while (lists() === before) await turn();
  act(stagedPath(scene));
}

const codesOf = (lines: Awaited<ReturnType<Scene['audit']>>['lines'], stream: string): string[] =>
  lines.get(stream)?.findings.map(({ code }) => code) ?? [];

describe('what is changed between two nights', () => {
  it('a stream that was rewritten together with what is remembered of it', async () => {
    const scene = await twoNights();
    scene.ship('b', 2, 'other');
    for (const name of ['a', 'b', 'c']) rmSync(scene.path('memory', idOf(`fleet/${name}`)), { recursive: true });
    const [elsewhere, audited] = [await makeScene(), 'the forger audits'];
    cpSync(scene.path('logs'), elsewhere.path('logs'), { recursive: true });
    await elsewhere.auditAlone('2026-11-25T00:00:00Z', '--stopped-after', '100d');
    expect(existsSync(elsewhere.path('memory')), audited).toBe(true);
    cpSync(elsewhere.path('memory'), scene.path('memory'), { recursive: true });
    const { code, lines } = await scene.audit();
    expect(code).toBe(1);
    expect(codesOf(lines, 'fleet/b')).toContain('JOURNAL_CONTRADICTED');
    expect(codesOf(lines, 'fleet/b')).toContain('KNOWN_CONTRADICTED');
    expect(codesOf(lines, 'fleet/a')).not.toContain('JOURNAL_CONTRADICTED');
    expect(scene.ended.at(-1)?.entries?.get('fleet/b')?.state).toBe('tampered');
  });

  it('a memory that is ahead of the journal, once: the night that was not recorded is', async () => {
    const scene = await twoNights();
    scene.ship('b', 3);
    scene.ship('d', 1);
    await scene.auditAlone('2026-11-25T01:00:00Z', '--stopped-after', '100d');
    scene.nights = 120; // after that audit
    const { code, journal } = await scene.audit();
    expect([code, [...journal].sort()]).toEqual([1, ['fleet/b JOURNAL_CONTRADICTED', 'fleet/d JOURNAL_CONTRADICTED']]);
    const next = await scene.audit();
    expect([next.code, next.journal]).toEqual([0, []]);
  });

  it('a memory that is behind the journal: the stream is verified against the journal', async () => {
    for (const files of [1, 2, 3]) {
      const scene = await makeScene();
      for (const name of ['a', 'b']) scene.ship(name, 1);
      await scene.audit();
      copy(scene, 'memory', 'memory-1');
      for (const name of ['a', 'b']) scene.ship(name, 2);
      await scene.audit();
      copy(scene, 'memory-1', 'memory');
      scene.ship('b', files);
      const { code, journal, lines } = await scene.audit();
      expect([code, journal], `${files}`).toEqual([files < 2 ? 1 : 0, []]);
      if (files < 2) expect(codesOf(lines, 'fleet/b')).toContain('KNOWN_CONTRADICTED');
      expect((await scene.audit()).code).toBe(files < 2 ? 1 : 0);
    }
  });

  it('a memory that is lost: nothing goes on until somebody holds a checkpoint of the journal', async () => {
    for (const files of [1, 2, 3]) {
      const scene = await twoNights();
      rmSync(scene.path('memory'), { recursive: true });
      scene.ship('b', files);
      for (let night = 0; night < 2; night++) {
        const { code, journal, lines } = await scene.audit();
        expect([code, journal], `${files}`).toEqual([files < 2 ? 1 : 2, [`${JOURNAL} JOURNAL_CONTRADICTED`]]);
        expect(codesOf(lines, 'fleet/b').includes('KNOWN_CONTRADICTED')).toBe(files < 2);
        expect(scene.ended).toHaveLength(2);
      }
      scene.write('held.note', scene.checkpoint);
      const held = await scene.audit('--since', 'held.note');
      expect([held.code, held.journal]).toEqual([files < 2 ? 1 : 0, []]);
      expect((await scene.audit()).code).toBe(files < 2 ? 1 : 0);
    }
  });

  it('a memory of audits without a journal, in the first night', async () => {
    const scene = await makeScene();
    for (const name of ['a', 'b']) scene.ship(name, 1);
    await scene.auditAlone('2026-11-24T23:30:00Z');
    const first = await scene.audit();
    expect([first.code, first.journal]).toEqual([2, [`${JOURNAL} JOURNAL_CONTRADICTED`]]);
    scene.write('held.note', scene.checkpoint);
    expect((await scene.audit('--since', 'held.note')).code).toBe(0);
    scene.ship('b', 1, 'other');
    expect((await scene.audit()).code).toBe(1);
  });

  it('what waits beside the journal to be remembered', async () => {
    const scene = await twoNights();
    scene.ship('b', 3);
    const forging = whenListed(scene, (path) => {
      const forged = readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => {
          const [, before = ''] = /^(.*),"digest":"[0-9a-f]{64}"\}$/s.exec(line) ?? [];
          const other = before.replace(
            /("newest":"fleet\/b\\n\d+\\n)(.)/,
            (_, head, one) => `${head}${one === 'A' ? 'B' : 'A'}`,
          );
          return `${other},"digest":"${createHash('sha256').update(other).digest('hex')}"}`;
        });
      writeFileSync(path, `${forged.slice(0, -1).join('\n')}\n`);
    });
    const { code, stderr } = await scene.audit();
    await forging;
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining('was changed')]);
    const next = await scene.audit();
    expect([next.code, next.journal]).toEqual([0, []]);
  });

  it.each([
    ['is remembered by the next audit if it was sealed', true],
    ['and is lost: the stream is read again', false],
  ])('what waited when an audit was killed %s', async (_, waits) => {
    const scene = await twoNights();
    copy(scene, 'memory', 'before/memory');
    scene.ship('b', 3);
    const keeping = whenListed(scene, (path) => cpSync(path, scene.path('kept')));
    expect((await scene.audit()).code).toBe(0);
    await keeping;
    copy(scene, 'before/memory', 'memory');
    if (waits) cpSync(scene.path('kept'), stagedPath(scene));
    const { code, journal, lines } = await scene.audit();
    expect([code, journal]).toEqual([0, []]);
    expect(lines.get('fleet/b')).toMatchObject({ result: waits ? 'unchanged' : 'rewritten', verdict: 'ok' });
    expect(lines.get('fleet/a')).toMatchObject({ result: 'unchanged' });
  });

  it('a checkpoint in the memory, of the same or another size', async () => {
    for (const [what, change] of [
      [
        'root',
        (text: string) =>
          text.replace(/("newest":"fleet\/b\\n\d+\\n)(.)/, (_, head, one) => `${head}${one === 'A' ? 'B' : 'A'}`),
      ],
      [
        'size',
        (text: string) => text.replace(/("newest":"fleet\/b\\n)(\d+)/, (_, head, size) => `${head}${Number(size) + 1}`),
      ],
    ] as const) {
      const scene = await twoNights();
      remember(scene, 'fleet/b', change);
      const { code, lines } = await scene.audit();
      expect([code, codesOf(lines, 'fleet/b').includes('JOURNAL_CONTRADICTED')], what).toEqual([1, true]);
    }
  });

  it('a list: changed, cut, emptied, that of another night, or gone', async () => {
    const scene = await twoNights();
    const [first = '', last = ''] = scene.ended.map(({ root }) => listPath(scene.file, root));
    const whole = readFileSync(last, 'utf8');
    journalIn(scene, '.', 'before');
    copy(scene, 'memory', 'before/memory');
    const [line = ''] = whole.split('\n');
    for (const [what, text] of [
      ['another state', whole.replace('"ok"', '"tampered"')],
      ['another order', `${whole.split('\n').slice(1, -1).join('\n')}\n${line}\n`],
      ['a line less', whole.slice(line.length + 1)],
      ['a line twice', `${line}\n${whole}`],
      ['another spelling', whole.replace('{"origin"', '{ "origin"')],
      ['nothing', ''],
      ['the list before', readFileSync(first, 'utf8')],
    ] as const) {
      writeFileSync(last, text);
      const { code, journal } = await scene.audit();
      expect([code, journal], what).toEqual([1, [`${JOURNAL} JOURNAL_WRONG`]]);
      journalIn(scene, 'before', '.');
      copy(scene, 'before/memory', 'memory');
    }
    for (const path of [last, first]) {
      renameSync(path, `${path}.kept`);
      const { code, journal } = await scene.audit();
      expect([code, journal]).toEqual([2, [`${JOURNAL} JOURNAL_LIST_MISSING`]]);
      journalIn(scene, 'before', '.');
      copy(scene, 'before/memory', 'memory');
    }
  });

  it('a journal that was cut back to an earlier night', async () => {
    const scene = await makeScene();
    for (const name of ['a', 'b']) scene.ship(name, 1);
    await scene.audit();
    journalIn(scene, '.', 'first');
    for (const name of ['a', 'b']) scene.ship(name, 2);
    await scene.audit();
    journalIn(scene, 'first', '.');
    for (let night = 0; night < 2; night++) {
      const { code, lines } = await scene.audit();
      expect([code, codesOf(lines, JOURNAL)]).toEqual([1, ['KNOWN_CONTRADICTED']]);
      expect(scene.ended).toHaveLength(1);
    }
  });

  it('a journal with another byte: nothing is sealed or remembered, and all is audited', async () => {
    const scene = await twoNights();
    const journal = String(scene.read('journal.jsonl'));
    scene.write('journal.jsonl', journal.replace(/"streams":(\d)/, '"streams":9'));
    scene.ship('a', 3);
    for (let time = 0; time < 2; time++) {
      const { code, lines } = await scene.audit();
      expect([code, lines.get(JOURNAL)?.verdict, lines.get('fleet/a')?.result]).toEqual([1, 'tampered', 'grown']);
    }
    scene.write('journal.jsonl', journal);
    const { code, journal: found, lines } = await scene.audit();
    expect([code, found, lines.get('fleet/a')?.result]).toEqual([0, [], 'grown']);
  });

  it('records that are none of a night, and a second end of one: nothing is sealed behind them', async () => {
    const scene = await twoNights();
    const [, ended = ''] =
      /^(\{"journal":1,[^\n]*"of":[^\n]*),"integrity":[^\n]*$/m.exec(String(scene.read('journal.jsonl'))) ?? [];
    await scene.run(['seal', '--config', 'journal.yaml', '--quiet'], `${ended}}\nhello\n`);
    for (let night = 0; night < 2; night++) {
      const found = await scene.audit();
      expect([found.code, found.journal]).toEqual([1, [`${JOURNAL} JOURNAL_WRONG`, `${JOURNAL} JOURNAL_WRONG`]]);
      expect(scene.has('journal.jsonl.nights/.unsealed')).toBe(false);
    }
    const { code, stderr } = await scene.prove('fleet/a');
    expect([code, stderr]).toEqual([1, expect.stringContaining('JOURNAL_WRONG')]);
  });

  it.each([
    ['leaves a stream out', (lines: string[]) => lines.filter((line) => !line.includes('"fleet/b"'))],
    [
      'says another since',
      (lines: string[]) => lines.map((line) => line.replace(/"since":\{"size":\d+/, '"since":{"size":1')),
    ],
    ['has no since', (lines: string[]) => lines.map((line) => line.replace(/,"since":\{[^}]*\}/, ''))],
    ['goes back', (lines: string[]) => lines.map((line) => line.replace(/^(.*"state":"ok","size":)\d+/, '$11'))],
    [
      'has another root for the same size',
      (lines: string[]) =>
        lines.map((line) =>
          line.replace(/("ok","size":\d+,"root":")(.)/, (_, head, one) => `${head}${one === 'A' ? 'B' : 'A'}`),
        ),
    ],
  ])('a night that its auditor signed, and whose list %s', async (_, change) => {
    const scene = await twoNights();
    await scene.audit(); // nothing has grown: size and since are the same
    const last = scene.ended.at(-1);
    const lines = [...(last?.entries ?? new Map()).values()].map((entry) => JSON.stringify(entry));
    const listed = lines.map((line) => {
      const { size, root, ...entry } = JSON.parse(line);
      return JSON.stringify({ ...entry, size, root, since: { size, root } });
    });
    const changed = change(
      listed.map((line) => line.replace(/^(\{.*?),"since":\{[^}]*\}(,.*?)(,"since".*)$/, '$1$2$3')),
    );
    const { bits, root } = rootOf(changed);
    const night = '2026-11-25T00:09:00.000Z';
    const [begun = ''] =
      String(scene.read('journal.jsonl')).match(/"config":"[^"]+","policy":"[^"]+","verifier":"[^"]+"/) ?? [];
    await scene.run(
      ['seal', '--config', 'journal.yaml', '--quiet'],
      `{"journal":1,"night":"${night}","begins":true,${begun}}\n`,
    );
    const of = recordsOf(scene.file).at(-1)?.seq;
    const end = { journal: 1, night, of, streams: changed.length, bits, root };
    await scene.run(['seal', '--config', 'journal.yaml', '--quiet'], `${JSON.stringify(end)}\n`);
    writeFileSync(listPath(scene.file, root), `${changed.join('\n')}\n`);
    scene.nights = 20;
    const { code, journal } = await scene.audit();
    expect([code, journal]).toEqual([1, expect.arrayContaining([`${JOURNAL} JOURNAL_WRONG`])]);
  });
});

describe('a journal is refused', () => {
  it.each([
    ['in a place that is audited', ['file: logs/journal.jsonl'], 'is in logs'],
    ['that is not there', ['file: nowhere.jsonl'], 'is not there'],
    ['that rotates', ['rotate_max_bytes: 100000'], 'rotate nothing'],
  ])('%s', async (_, more, why) => {
    const scene = await makeScene();
    const given = String(scene.read('journal.yaml'));
    const names = more.map((line) => line.split(':')[0]);
    scene.write(
      'journal.yaml',
      `${given
        .split('\n')
        .filter((line) => !names.includes(line.split(':')[0]))
        .join('\n')}${more.join('\n')}\n`,
    );
    scene.ship('a', 1);
    if (more[0]?.includes('logs/') === true) await scene.run(['seal', '--config', 'journal.yaml', '--quiet']);
    const { code, stderr } = await scene.audit();
    expect([code, stderr]).toEqual([64, expect.stringContaining(why)]);
    expect(scene.has('memory')).toBe(false);
  });

  it('for one part of an audit, and for a service that watches', async () => {
    const scene = await makeScene();
    scene.ship('a', 1);
    for (const more of [['--shard', '0/2', '--run', 'x'], ['--watch']]) {
      const argv = [
        'audit',
        'logs',
        '--memory',
        'memory',
        '--public-key',
        'fleet.pub',
        '--origin',
        'fleet/*',
        '--journal',
        'journal.yaml',
        ...more,
      ];
      const { code, stderr } = await scene.run(argv);
      expect([code, stderr]).toEqual([64, expect.stringContaining('journal')]);
    }
  });

  it('without a signing key', async () => {
    const scene = await makeScene();
    scene.write('data.key', `${Buffer.alloc(32, 7).toString('base64')}\n`);
    chmodSync(scene.path('data.key'), 0o600);
    scene.write(
      'journal.yaml',
      `origin: ${JOURNAL}\nfile: mac.jsonl\nstate_dir: mac\nkey_source: file\nkey_file_path: data.key\n`,
    );
    const sealed = await scene.run(['seal', '--config', 'journal.yaml', '--quiet']);
    expect(sealed.stderr).not.toContain('MALFORMED');
    scene.ship('a', 1);
    const { code, stderr } = await scene.audit();
    expect([code, stderr]).toEqual([64, expect.stringMatching(/not signed|is not there/)]);
  });
});
