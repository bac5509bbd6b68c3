import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { numbers } from '../support/numbers.ts';
import { times } from '../support/tier.ts';
import { type Entry, listPath, type ReadNight } from './reader.ts';
import { JOURNAL, keepScene, type Scene } from './scene.ts';

/** Stream proofs: each says what the list says, and no changed one says anything else (spec/journal.md, section 3). */

/** Two nights of 21 streams, the second with one more and one less. */
let scene: Scene;
let nights: readonly ReadNight[];
/** Proofs by the name of their file: of each night streams that are there, and streams that are not. */
const proofs = new Map<string, string>();

async function fleet(names: readonly string[]): Promise<Scene> {
  const made = await keepScene();
  for (const name of names) made.ship(name, 1);
  await made.audit();
  return made;
}

async function prove(from: Scene, stream: string, night: ReadNight | undefined): Promise<string> {
  const { code, stdout, stderr } = await from.prove(stream, '--night', night?.night ?? '');
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

beforeAll(async () => {
  scene = await fleet(Array.from({ length: 21 }, (_, at) => `s${at}`));
  scene.ship('s3', 2);
  scene.ship('s7', 0);
  scene.ship('new', 1);
  await scene.audit();
  nights = scene.ended;
  for (const [at, night] of nights.entries())
    for (const name of ['s3', 's7', 'new', 's12', 'nobody', 'x'])
      proofs.set(`${at}-${name}`, await prove(scene, `fleet/${name}`, night));
}, 120_000);

interface Checked {
  readonly file: string;
  readonly verdict: string;
  readonly night?: string;
  readonly stream?: string;
  readonly entry?: { readonly origin: string; readonly state: string; readonly head?: object; readonly since?: object };
  readonly codes: readonly string[];
}

async function check(texts: ReadonlyMap<string, string>): Promise<Checked[]> {
  const names = [...texts].map(([name, text]) => {
    writeFileSync(scene.path(`${name}.stream-proof`), text);
    return `${name}.stream-proof`;
  });
  return (await scene.verify(names)) as unknown as Checked[];
}

/** What the list of that night says, in the form of the report. */
function truth(night: string | undefined, stream: string | undefined): object | undefined {
  const entry = nights.find((one) => one.night === night)?.entries?.get(stream ?? '') as Entry | undefined;
  if (entry === undefined) return undefined;
  const { size, root, ...rest } = entry;
  return { ...rest, ...(size !== undefined && { head: { size, root } }) };
}

it('each says what the list of its night says, of streams that are there and of others', async () => {
  const checked = await check(proofs);
  expect(checked).toHaveLength(proofs.size);
  for (const { verdict, night, stream, entry, file } of checked) {
    expect([file, verdict]).toEqual([file, 'ok']);
    expect(entry, file).toEqual(truth(night, stream));
  }
  expect(checked.filter(({ entry }) => entry === undefined).map(({ stream }) => stream)).toEqual([
    'fleet/new',
    'fleet/nobody',
    'fleet/x',
    'fleet/nobody',
    'fleet/x',
  ]);
});

it('of any other name there is a proof that it is not there', async () => {
  const names = Array.from({ length: times(8, 300) }, (_, at) => `other/${(at * 7919) % 10_007}`);
  const texts = new Map<string, string>();
  for (const name of names) texts.set(`other-${name.slice(6)}`, await prove(scene, name, nights.at(-1)));
  for (const { verdict, entry, file } of await check(texts))
    expect([file, verdict, entry]).toEqual([file, 'ok', undefined]);
});

/** A proof in its lines: the tlog-proof, and what stands behind it. */
const split = (proof: string): { head: string; lines: string[] } => {
  const at = proof.indexOf('fapilog-tamper/v1 stream');
  return { head: proof.slice(0, at), lines: proof.slice(at).split('\n').slice(0, -1) };
};
const joined = (head: string, lines: readonly string[]): string => `${head}${lines.join('\n')}\n`;

/** The record of a proof in another spelling, its proof as it was. */
function withRecord(head: string, change: (record: string) => string): string {
  return head.replace(/^extra (.*)$/m, (_, data: string) => {
    const [first, record = '', ...rest] = Buffer.from(data, 'base64').toString('latin1').split('\n');
    return `extra ${Buffer.from([first, change(record), ...rest].join('\n'), 'latin1').toString('base64')}`;
  });
}

function* mutants(): Generator<string> {
  const all = [...proofs.values()];
  const below = numbers(7);
  const any = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  for (const proof of all) {
    const { head, lines } = split(proof);
    const other = split(any(all));
    yield joined(other.head, lines);
    yield joined(head, other.lines);
    yield joined(head, [lines[0] ?? '', other.lines[1] ?? '', ...lines.slice(2)]);
    yield joined(
      head,
      lines.filter((line) => !line.startsWith('entry ')),
    ); // of one that is there: that it is not
    yield joined(head, [
      ...lines.slice(0, 2),
      any(all.flatMap((one) => split(one).lines.filter((line) => line.startsWith('entry ')))),
      ...lines.slice(2),
    ]);
    yield joined(
      head,
      lines.map((line) => line.replace('"ok"', '"tampered"').replace('"absent"', '"ok"')),
    );
    yield joined(
      head,
      lines.map((line) => line.replace(/"size":(\d+)/, (_, size) => `"size":${Number(size) + 1}`)),
    );
    yield joined(head, [...lines, lines.at(-1) ?? '']);
    yield joined(head, lines.slice(0, -1));
    yield joined(head, [...lines.slice(0, 2), ...lines.slice(2).reverse()]);
    yield proof.slice(0, below(proof.length));
    yield proof.replace(/\n/g, '\r\n');
    yield `${proof}\n`;
    for (const bits of [0, 1, 4, 6, 24])
      yield joined(
        withRecord(head, (record) => record.replace(/"bits":\d+/, `"bits":${bits}`)),
        lines,
      );
    yield joined(
      withRecord(head, (record) => record.replace(/"streams":\d+/, '"streams":7')),
      lines,
    );
    yield joined(
      head.replace(/^index (\d+)$/m, (_, index) => `index ${Number(index) - 1}`),
      lines,
    );
    for (let time = 0; time < 160; time++) {
      const at = below(proof.length);
      const code = proof.charCodeAt(at);
      yield `${proof.slice(0, at)}${String.fromCharCode(code === 10 ? 32 : any([code ^ 1, code ^ 32, 65 + below(26), 10]))}${proof.slice(at + 1)}`;
    }
    for (let time = 0; time < 12; time++) {
      const changed = [...lines];
      const [one, two] = [2 + below(lines.length - 2), 2 + below(lines.length - 2)];
      [changed[one], changed[two]] = [changed[two] ?? '', changed[one] ?? ''];
      yield joined(head, changed);
      yield joined(head, [...lines.slice(0, one), ...lines.slice(one + 1)]);
    }
  }
}

describe('a proof that was changed', () => {
  it('is never accepted where it says something else than the list of its night', async () => {
    const texts = new Map([...mutants()].map((text, at) => [`mutant-${at}`, text]));
    expect(texts.size).toBeGreaterThan(2_000);
    let refused = 0;
    const honest = new Set(proofs.values());
    for (const { verdict, night, stream, entry, file } of await check(texts)) {
      if (verdict === 'ok') expect([file, entry]).toEqual([file, truth(night, stream)]);
      else refused++;
    }
    expect(refused).toBeGreaterThan([...texts.values()].filter((text) => !honest.has(text)).length * 0.99);
  }, 300_000);

  it('says what is wrong with it (J3.3, J3.4)', async () => {
    const proof = proofs.get('1-s12') ?? '';
    const { head, lines } = split(proof);
    const bucket = lines.filter((line) => line.includes(' ') && line.includes('= '));
    const twice = joined(
      head,
      lines.flatMap((line) => (bucket.includes(line) ? [line, line] : [line])),
    );
    const elsewhere = split([...proofs.values()].find((one) => split(one).lines.at(-1) !== lines.at(-1)) ?? '');
    const foreign = elsewhere.lines.find((line) => line.includes('= ')) ?? '';
    const cases: [string, string, string][] = [
      ['keys that do not ascend', twice, 'PROOF_MALFORMED'],
      [
        'a key of another bucket',
        joined(head, [...lines.slice(0, 3), ...[foreign, ...bucket].sort(), ...lines.slice(3 + bucket.length)]),
        'PROOF_MALFORMED',
      ],
      ['a path that is too short', joined(head, lines.slice(0, -1)), 'PROOF_MALFORMED'],
      [
        'no entry though there is one',
        joined(
          head,
          lines.filter((line) => !line.startsWith('entry ')),
        ),
        'INCLUSION_WRONG',
      ],
      ['another state', proof.replace('"state":"ok"', '"state":"absent"'), 'INCLUSION_WRONG'],
      ['a later version', proof.replace('fapilog-tamper/v1 stream', 'fapilog-tamper/v2 stream'), 'UNSUPPORTED'],
      ['nothing about a stream', head.slice(0, -1), 'PROOF_MALFORMED'],
    ];
    const checked = await check(new Map(cases.map(([, text], at) => [`case-${at}`, text])));
    expect(checked.map(({ codes }, at) => [cases[at]?.[0], codes[0]])).toEqual(
      cases.map(([what, , code]) => [what, code]),
    );
  });

  it('or is of another journal, or not signed by a key that was named', async () => {
    const other = await fleet(['s3']);
    const text = await prove(other, 'fleet/s3', other.ended.at(-1));
    writeFileSync(scene.path('foreign.stream-proof'), text);
    expect((await scene.verify(['foreign.stream-proof']))[0]).toMatchObject({
      verdict: 'undecided',
      codes: ['UNSIGNED'],
    });
    const named = await scene.run([
      'verify',
      'foreign.stream-proof',
      '--origin',
      'auditor/other',
      '--public-key',
      'journal.key.pub',
    ]);
    expect([named.code, named.stdout]).toEqual([2, expect.stringContaining('ORIGIN_NOT_NAMED')]);
  });
});

it('of an auditor who signed two histories are tampered where they are verified together (J3.5)', async () => {
  const two = await fleet(['a', 'b', 'c']);
  const kept = ['journal.jsonl', 'journal.jsonl.nights', 'journal.jsonl.manifest.json', 'state', 'memory'];
  const move = (from: string, to: string): void => {
    for (const name of kept) {
      rmSync(two.path(to, name), { recursive: true, force: true });
      cpSync(two.path(from, name), two.path(to, name), { recursive: true });
    }
  };
  move('.', 'before');
  const histories: { night: number; stream: string; text: string }[][] = [];
  for (const grown of [1, 3]) {
    move('before', '.');
    two.nights = 1;
    for (const night of [1, 2]) {
      two.ship('b', grown + night - 1);
      if (grown === 3) two.ship('c', 0);
      await two.audit();
    }
    const all = two.ended.flatMap((night, at) =>
      ['a', 'b', 'c', 'x'].map((name) => ({ night, at, stream: `fleet/${name}` })),
    );
    const own: { night: number; stream: string; text: string }[] = [];
    for (const { night, at, stream } of all) own.push({ night: at, stream, text: await prove(two, stream, night) });
    histories.push(own);
  }
  const verdicts = async (texts: readonly string[]): Promise<string[]> => {
    for (const [at, text] of texts.entries()) two.write(`of-${at}.stream-proof`, text);
    return (await two.verify(texts.map((_, at) => `of-${at}.stream-proof`))).map(({ verdict }) => verdict);
  };
  for (const own of histories) expect(new Set(await verdicts(own.map(({ text }) => text)))).toEqual(new Set(['ok']));
  const [small = [], large = []] = histories;
  for (const one of small.filter(({ night }) => night > 0))
    for (const other of large.filter(({ night }) => night > 0)) {
      const isOfOneSize = one.night === other.night;
      const isBelow = one.stream === 'fleet/b' && other.stream === 'fleet/b' && one.night > other.night;
      const found = await verdicts([one.text, other.text]);
      expect([one.stream, other.stream, one.night, other.night, found]).toEqual([
        ...[one.stream, other.stream, one.night, other.night],
        isOfOneSize || isBelow ? ['tampered', 'tampered'] : ['ok', 'ok'],
      ]);
    }
});

it('no proof is made of a list that was changed, or is not there', async () => {
  const path = listPath(scene.file, nights.at(-1)?.root ?? '');
  const whole = readFileSync(path, 'utf8');
  const honest = proofs.get('1-s12') ?? '';
  try {
    for (let time = 0; time < times(15, 1_000); time++) {
      const at = (time * 104_729) % whole.length;
      const code = whole.charCodeAt(at);
      writeFileSync(
        path,
        `${whole.slice(0, at)}${String.fromCharCode(code === 10 ? 32 : code ^ 1)}${whole.slice(at + 1)}`,
      );
      const { code: exit, stdout } = await scene.prove('fleet/s12');
      expect([exit, stdout === '' || stdout === honest], `byte ${at}`).toEqual([2, true]);
    }
  } finally {
    writeFileSync(path, whole);
  }
});

it('says what it is asked, in words', async () => {
  const text = await scene.run([
    'verify',
    '0-new.stream-proof',
    '1-s3.stream-proof',
    '--origin',
    JOURNAL,
    '--public-key',
    'journal.key.pub',
  ]);
  expect(text.code).toBe(0);
  expect(text.stdout).toContain('there was no such stream');
  expect(text.stdout).toMatch(/fleet\/s3 in the audit of .*: ok\n {2}\d+ entries, root /);
  const mixed = await scene.run(['verify', '0-new.stream-proof', 'journal.jsonl', '--origin', JOURNAL]);
  expect([mixed.code, mixed.stderr]).toEqual([64, expect.stringContaining('cannot be verified together')]);
  const none = await scene.prove('fleet/s3', '--night', '1999');
  expect([none.code, none.stderr]).toEqual([2, 'prove: the journal has no night 1999\n']);
});
