import { createHash } from 'node:crypto';
import { type DefaultTreeAdapterMap, defaultTreeAdapter, type ParserError, parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import type { StreamReport, VerifyReport } from '../../src/index.ts';
import type { ReportAbout } from '../../src/report/about.ts';
import { renderReport, renderReportMain } from '../../src/report/html/render-report.ts';
import { REPORT_STYLE, REPORT_STYLE_DIGEST } from '../../src/report/html/style.ts';
import { someOf } from '../support/tier.ts';
import { vectorNames, vectorReport } from '../support/vector-reports.ts';

type Node = DefaultTreeAdapterMap['node'];
type Element = DefaultTreeAdapterMap['element'];

const about: ReportAbout = {
  version: '1.2.3',
  checkedAt: '2026-11-26T05:00:00.000Z',
  given: [{ what: 'Public keys', value: 'signer.pub' }],
};

/** What the report consists of; nothing else may ever appear in it. */
const ELEMENTS = new Set(
  'html head meta title style body main header footer section article h1 h2 h3 h4 p span strong code pre br ul li dl dt dd div a time table thead tbody tr th td details summary figure figcaption blockquote nav fieldset legend input label svg g desc line rect path text'.split(
    ' ',
  ),
);
const ATTRIBUTES = new Set(
  'lang charset name content http-equiv class id href datetime scope role tabindex type name for checked aria-label aria-labelledby aria-hidden viewBox width height x y x1 x2 y1 y2 rx d transform text-anchor'.split(
    ' ',
  ),
);

function parsed(html: string): { elements: Element[]; text: string } {
  const errors: ParserError[] = [];
  const document = parse(html, { onParseError: (error) => errors.push(error), sourceCodeLocationInfo: true });
  expect(errors).toEqual([]);
  const elements: Element[] = [];
  let text = '';
  const walk = (node: Node): void => {
    if (defaultTreeAdapter.isTextNode(node)) text += node.value;
    if (defaultTreeAdapter.isElementNode(node)) elements.push(node);
    if ('childNodes' in node && node.nodeName !== 'style') node.childNodes.forEach(walk);
  };
  walk(document);
  return { elements, text };
}

/** The markup without its texts: what a browser would do with it. */
const shape = (elements: readonly Element[]): string =>
  elements.map(({ tagName, attrs }) => `${tagName} ${attrs.map(({ name }) => name).join(' ')}`).join('\n');

function checkDocument(html: string): { elements: Element[]; text: string } {
  const document = parsed(html);
  const strange = document.elements.flatMap(({ tagName, attrs }) => [
    ...(ELEMENTS.has(tagName) ? [] : [tagName]),
    ...attrs
      .filter(({ name, value }) => !ATTRIBUTES.has(name) || (name === 'href' && !/^#log-\d+(-[A-Z_]+)?$/.test(value)))
      .map(({ name, value }) => `${tagName} ${name}="${value}"`),
  ]);
  expect(strange).toEqual([]);
  const ids = document.elements.flatMap(({ attrs }) =>
    attrs.filter(({ name }) => name === 'id').map(({ value }) => value),
  );
  expect(new Set(ids).size).toBe(ids.length);
  expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  return document;
}

describe('the report of every vector', async () => {
  const names = vectorNames();

  it.each(someOf(names, 16))('%s', async (name) => {
    const report = await vectorReport(name);
    const { text } = checkDocument(renderReport(report, about));
    expect(text).toContain({ ok: 'OK', tampered: 'TAMPERED', undecided: 'UNDECIDED' }[report.verdict]);
    expect(text).toContain('Nothing in this report shows what came after the last entry');
    for (const { code } of report.findings) expect(text).toContain(code);
  });

  it.each(names.filter((name) => name.startsWith('link-')))(
    '%s spells the names of streams as they are',
    async (name) => {
      expect(renderReport(await vectorReport(name), about)).not.toContain('Audit.example.com');
    },
  );
});

describe('the document', () => {
  it('allows its own style sheet and nothing else, and refers to nothing outside', async () => {
    const html = renderReport(await vectorReport('root-mismatch'), about);
    const { elements } = checkDocument(html);
    const policy = elements
      .find(({ attrs }) => attrs.some(({ value }) => value === 'Content-Security-Policy'))
      ?.attrs.find(({ name }) => name === 'content')?.value;
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${REPORT_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'`,
    );
    expect(createHash('sha256').update(REPORT_STYLE).digest('base64')).toBe(REPORT_STYLE_DIGEST);
    expect(html).toContain(`<style>${REPORT_STYLE}</style>`);
    expect(REPORT_STYLE).not.toMatch(/url\(|@import|<|\\/);
    expect(html).not.toMatch(/https?:|\/\/[a-z]/);
  });

  it('gives its main element alone, for a page around it', async () => {
    const report = await vectorReport('root-mismatch');
    const main = renderReportMain(report, about);
    expect(main).toMatch(/^<main class="report">[\s\S]*<\/main>$/);
    expect(renderReport(report, about)).toContain(main);
  });
});

describe('a report with many kinds of findings', () => {
  const kinds = ['ROOT_MISMATCH', 'FOREIGN_LINE', 'END_UNPROVEN', 'TORN_TAIL', 'CADENCE'] as const;
  const severities = ['tampered', 'tampered', 'undecided', 'undecided', 'warning'] as const;

  async function of(count: number): Promise<VerifyReport> {
    const report = await vectorReport('root-mismatch');
    const findings = kinds.slice(0, count).map((code, at) => ({
      code,
      severity: severities[at] ?? 'warning',
      message: `message of ${code}`,
    }));
    return { ...report, streams: report.streams.map((stream) => ({ ...stream, findings })) };
  }

  it('lists them first, each with a link to where it is told', async () => {
    const { elements } = checkDocument(renderReport(await of(5), about));
    const ids = new Set(
      elements.flatMap(({ attrs }) => attrs.filter(({ name }) => name === 'id').map((id) => id.value)),
    );
    const links = elements.flatMap(({ attrs }) => attrs.filter(({ name }) => name === 'href').map((one) => one.value));
    expect(links).toEqual(kinds.map((code) => `#log-1-${code}`));
    for (const link of links) expect(ids).toContain(link.slice(1));
  });

  it('lets the reader pick one severity, each choice with its label; few kinds have neither list nor choice', async () => {
    const shown = checkDocument(renderReport(await of(5), about)).elements;
    const values = (tag: string, attribute: string): string[] =>
      shown
        .filter(({ tagName }) => tagName === tag)
        .flatMap(({ attrs }) => attrs.filter(({ name }) => name === attribute).map(({ value }) => value));
    expect(values('input', 'class')).toEqual(['pick all', 'pick tampered', 'pick undecided', 'pick warning']);
    expect(values('label', 'for')).toEqual(values('input', 'id'));
    for (const severity of ['tampered', 'undecided', 'warning'])
      expect(REPORT_STYLE).toContain(`.pick.${severity}:checked~.finding:not(.${severity})`);
    const few = checkDocument(renderReport(await of(4), about)).elements;
    expect(few.filter(({ tagName }) => tagName === 'nav' || tagName === 'input')).toEqual([]);
  });
});

describe('who reads the report', () => {
  it('is told times in the zone of the check too, and not twice where that is UTC', async () => {
    const report = await vectorReport('root-mismatch');
    const local = checkDocument(renderReport(report, { ...about, timeZone: 'Asia/Kolkata' })).text;
    expect(local).toContain('(26 Nov 2026, 10:30:00 GMT+5:30)');
    expect(local).toMatch(/Time in Asia\/Kolkata25 Nov 2026, 04:30:01 GMT\+5:30 to /);
    for (const timeZone of ['UTC', undefined]) {
      const utc = checkDocument(renderReport(report, { ...about, ...(timeZone && { timeZone }) })).text;
      expect(utc).not.toMatch(/Time in|GMT/);
    }
  });

  it('signs it off on paper alone', async () => {
    const { text } = checkDocument(renderReport(await vectorReport('root-mismatch'), about));
    expect(text).toMatch(/I have read this report, whose verdict is TAMPERED\.\s*Name and role.*Signature/s);
    expect(REPORT_STYLE).toMatch(
      /\.report \.sign-off\{display:none\}[\s\S]*@media print[\s\S]*\.report \.sign-off\{display:block/,
    );
  });
});

describe('what the report shows of others, and of what was not checked', () => {
  it('shows each time stamp and witness, with size and time, also under what the verdict rests on', async () => {
    const report = await vectorReport('valid-both');
    const validUntil = '2027-01-02T00:00:00.000Z';
    const dated = [{ size: 9, time: '2026-11-26T05:01:02.000Z', authority: 'CN=Stamp Authority', validUntil }];
    const witness = { name: 'w.example/1', keyId: '01020304', size: 8, time: '2026-11-26T05:03:04.000Z' };
    const witnessed = { required: 1, size: 8, witnesses: [witness] };
    const streams = report.streams.map((stream) => ({ ...stream, dated, witnessed }));
    const { text } = checkDocument(renderReport({ ...report, streams }, about));
    expect(text).toMatch(
      /Time stampCN=Stamp Authority; certificate valid until 2027-01-02T00:00:00.000Zup to 92026-11-26T05:01:02\.000Z/,
    );
    expect(text).toMatch(/Witnessw\.example\/1\+01020304up to 82026-11-26T05:03:04\.000Z/);
    const basis = text.slice(text.indexOf('What the verdict rests on'));
    expect(basis).toContain(
      `entries up to 9 existed at 2026-11-26T05:01:02.000Z (CN=Stamp Authority; certificate valid until ${validUntil})`,
    );
    expect(basis).toContain('Cosigned up to entry 8 by 1 of 1 witnesses');
  });

  it.each([
    ['valid-both', 1, 0],
    ['valid-live', 1, 1],
    ['adopted-accepted', 3, 1],
  ])('%s: draws nothing as checked that was not', async (name, checked, unchecked) => {
    const { elements } = checkDocument(renderReport(await vectorReport(name), about));
    const bars = (style: string) => elements.filter(({ attrs }) => attrs[0]?.value === style).length;
    expect([bars('period'), bars('period unchecked')]).toEqual([checked, unchecked]);
  });

  it('draws nothing as checked of a key period without a key, whatever of it has no open', async () => {
    const report = await vectorReport('abandoned-file-missing-signed');
    const streams = report.streams.map((stream) => ({
      ...stream,
      keys: stream.keys.map((key) => ({ ...key, checkedBy: [] })),
      unproven: [{ firstSeq: 6, lastSeq: 8, macChecked: false }],
    }));
    const { elements } = checkDocument(renderReport({ ...report, streams }, about));
    expect(elements.filter(({ attrs }) => attrs[0]?.value === 'period')).toEqual([]);
  });

  it('a page of it never says of entries that a restart took over that all were checked', async () => {
    const { text } = checkDocument(renderReport(await vectorReport('adopted-accepted'), about));
    expect(text).not.toMatch(/all its \S+ entries were checked|Every entry is here, in its order, byte for byte/);
    expect(text).toContain('could write to the files between the crash and the restart');
  });
});

/** Everything that could become more than text. */
const ATTACKS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title></style></code></pre></main><iframe src=//evil.example>',
  '<!-- --><!doctype html>]]>',
  '&lt;script&gt;&#60;b&#62;&amp;',
  'javascript:alert(1)',
  '{{alert(1)}}`#{alert(1)}`',
  'a\u202Egnp.exe\u2066\u200F\uFEFF\u00AD\u061C',
  '\u0000\u0007\u001B[2J\u001B]0;title\u0007\r\n\u0085\u009B\u2028\u2029',
  'lone \uD800 surrogates \uDFFF',
  '\u{E0001}\u{E0041}\u{FFFFE}\uE000',
  `long ${'<b>'.repeat(2_000)}`,
];

/** Words of ours: no log decides them. */
const OURS = new Set(['verdict', 'code', 'severity', 'kind', 'status', 'records', 'end', 'checkedBy', 'fingerprint']);

/** A value with every string that may come from a log in the place of its own. */
function poisoned<T>(value: T, attack: string): T {
  const poison = (one: unknown, name: string): unknown => {
    if (typeof one === 'string') return OURS.has(name) ? one : attack;
    if (Array.isArray(one)) return one.map((item) => poison(item, name));
    if (typeof one !== 'object' || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, poison(item, key)]));
  };
  return poison(value, '') as T;
}

describe('what a log says is text', () => {
  it.each(ATTACKS)('%j', async (attack) => {
    for (const name of [
      'root-mismatch',
      'foreign-line',
      'valid-continued',
      'valid-gaps',
      'key-not-named',
      'restart-vouched-only',
    ]) {
      const report = await vectorReport(name);
      const withAttack = checkDocument(renderReport(poisoned(report, attack), about));
      const harmless = checkDocument(renderReport(poisoned(report, 'x'.repeat(attack.length)), about));
      expect(shape(withAttack.elements)).toBe(shape(harmless.elements));
    }
  });

  it('shows characters that a reader would not see', async () => {
    const html = renderReport(poisoned(await vectorReport('foreign-line'), 'a\u202Eb\u0007c\uD800d\u0000'), about);
    expect(checkDocument(html).text).toContain('a\\u{202e}b\\u{7}c\\u{d800}d\\u{0}');
  });

  it('a quoted line is marked as one that an attacker may have written, and a cut one as cut', async () => {
    const report = await vectorReport('foreign-line');
    const quoted = { head: 'X'.repeat(10), tail: 'Y'.repeat(10), bytes: 5_000 };
    const streams = report.streams.map((stream) => ({
      ...stream,
      findings: stream.findings.map((finding) => (finding.code === 'FOREIGN_LINE' ? { ...finding, quoted } : finding)),
    }));
    const { text } = checkDocument(renderReport({ ...report, streams }, about));
    expect(text).toMatch(
      /Text of the log, which an attacker may have written: line .*5\u202f000 bytes, cut in the middle/,
    );
    expect(text).toContain('XXXXXXXXXX … cut … YYYYYYYYYY');
  });
});

describe('the length of the document is bounded', () => {
  const many = (streams: readonly StreamReport[]): VerifyReport => ({
    version: 1,
    verdict: 'tampered',
    streams,
    findings: [],
    ignored: { files: [], more: 0 },
    note: 'nothing here shows what came after',
  });

  it('ten thousand logs: an overview, a hundred parts, and a sentence on the rest', async () => {
    const [tampered] = (await vectorReport('root-mismatch')).streams;
    const [ok] = (await vectorReport('valid-both')).streams;
    if (tampered === undefined || ok === undefined) throw new Error('vectors without a stream');
    const streams = Array.from({ length: 10_000 }, (_, at) => ({
      ...(at === 9_999 ? tampered : ok),
      origin: `o/${at}`,
    }));
    const html = renderReport(many(streams), about);
    const { elements, text } = checkDocument(html);
    expect(html.length).toBeLessThan(2_000_000);
    expect(elements.filter(({ tagName, attrs }) => tagName === 'article' && attrs[0]?.value === 'log')).toHaveLength(
      100,
    );
    expect(text).toContain('Of 10\u202f000 logs: 1 not as sealed, 9\u202f999 as sealed.');
    expect(text.indexOf('o/9999')).toBeLessThan(text.indexOf('o/0')); // what is not ok comes first
    expect(text).toContain('and 9\u202f000 more logs, not shown here');
    expect(text).toContain('9\u202f900 more logs have no part of their own here');
  });

  it('thousands of key periods, files, events and findings of a hostile log', async () => {
    const [one] = (await vectorReport('root-mismatch')).streams;
    const [key] = one?.keys ?? [];
    const [finding] = one?.findings ?? [];
    if (one === undefined || key === undefined || finding === undefined) throw new Error('a vector without a key');
    const long = '\u0000<'.repeat(2_000);
    const quoted = { head: '\u0000'.repeat(768), tail: '\u0000'.repeat(256), bytes: 1e6 };
    const hostile: StreamReport = {
      ...one,
      origin: long,
      keys: Array.from({ length: 500 }, (_, at) => ({
        ...key,
        firstSeq: at + 1,
        lastSeq: at + 1,
        signers: Array.from({ length: 2 }, (_item, index) => ({
          source: long,
          identity: `${at} ${index} ${long}`,
          algorithm: long,
        })),
      })),
      files: Array.from({ length: 2_000 }, (_, at) => `${at}${long.slice(0, 200)}`),
      findings: Array.from({ length: 300 }, () => ({
        ...finding,
        message: long.slice(0, 4_096),
        file: long,
        quoted,
      })),
      timeline: {
        events: Array.from({ length: 1_280 }, (_, at) => ({
          kind: 'open',
          seq: at,
          why: long,
          keyId: long,
          file: long,
        })),
        counts: { open: 1_000_000, hand_over: 0, gap: 0, close: 0, checkpoint: 0 },
      },
    };
    const html = renderReport(many(Array.from({ length: 200 }, () => hostile)), about);
    expect(html.length).toBeLessThan(40_000_000);
    const alone = renderReport(many([hostile]), about);
    expect(alone.length).toBeLessThan(3_000_000);
    const { text } = checkDocument(alone);
    for (const cut of [
      'more keys, not shown here',
      'more files, not shown here',
      'of 1\u202f000\u202f000 events are listed',
      'more of this kind, not shown here',
    ])
      expect(text).toContain(cut);
  });
});
