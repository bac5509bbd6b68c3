import { type DefaultTreeAdapterMap, defaultTreeAdapter, type ParserError, parse } from 'parse5';
import { describe, expect, it } from 'vitest';
import { emptyResult } from '../../src/audit/check/results.ts';
import { STREAM_RESULTS } from '../../src/audit/check/stream-result.ts';
import { ALL, type Shard } from '../../src/audit/run/shard.ts';
import { Tally } from '../../src/audit/run/summary.ts';
import type { StreamResult } from '../../src/index.ts';
import type { ReportAbout } from '../../src/report/about.ts';
import { AuditReport } from '../../src/report/html/audit-report.ts';
import { REPORT_BEGINNING } from '../../src/report/html/document.ts';

type Node = DefaultTreeAdapterMap['node'];
type Element = DefaultTreeAdapterMap['element'];

const about: ReportAbout = {
  version: '1.2.3',
  checkedAt: '2026-11-26T05:00:00.000Z',
  given: [{ what: 'Places', value: 's3://logs/<hosts>' }],
};

const evil = '"><script>alert(1)</script>\u202e\u001b[31m&amp;\'';

function ok(stream: string): StreamResult {
  return { ...emptyResult(stream, 1, undefined), result: 'unchanged', verdict: 'ok', lastSeq: 1234 };
}

function tampered(stream: string, findings = 1): StreamResult {
  const finding = {
    code: 'AUTH_WRONG',
    severity: 'tampered',
    message: 'entry 3 is wrong',
    file: 'a.jsonl',
    line: 3,
  } as const;
  return {
    ...ok(stream),
    result: 'grown',
    verdict: 'tampered',
    findings: Array.from({ length: findings }, () => finding),
  };
}

const stopped = (stream: string): StreamResult => ({
  ...ok(stream),
  result: 'stopped',
  verdict: 'undecided',
  findings: [{ code: 'STOPPED', severity: 'undecided', message: 'nothing new has come' }],
});

function rendered(results: Iterable<StreamResult>, shard: Shard = ALL): string {
  const report = new AuditReport();
  const tally = new Tally([]);
  for (const result of results) {
    report.add(result);
    tally.add(result);
  }
  const ignored = { files: [{ file: `${evil}.txt`, why: 'nothing sealed' as const }], more: 0 };
  return report.render(tally.summary({ ignored, request: 'x', shard, time: '2026-11-26T00:00:00.000Z' }), about);
}

function parsed(html: string): { elements: Element[]; text: string } {
  const errors: ParserError[] = [];
  const document = parse(html, { onParseError: (error) => errors.push(error), sourceCodeLocationInfo: true });
  expect(errors).toEqual([]);
  const elements: Element[] = [];
  const texts: string[] = [];
  const walk = (node: Node): void => {
    if (defaultTreeAdapter.isTextNode(node)) texts.push(node.value);
    if (defaultTreeAdapter.isElementNode(node)) elements.push(node);
    if ('childNodes' in node && node.nodeName !== 'style') node.childNodes.forEach(walk);
  };
  walk(document);
  return { elements, text: texts.join('') };
}

const shape = (html: string): string =>
  parsed(html)
    .elements.map(({ tagName, attrs }) => `${tagName} ${attrs.map(({ name, value }) => `${name}=${value}`).join(' ')}`)
    .join('\n');

describe('the report of an audit', () => {
  it('takes nothing from a log or a listing as markup, wherever it stands', () => {
    const harmless = 'harmless';
    const page = (text: string): string =>
      rendered([
        {
          ...tampered(text),
          findings: [{ code: 'FORK', severity: 'tampered', message: text, file: text, seq: 3 }],
          error: { code: 'READ_FAILED', message: text, hint: text },
        },
        ok(text),
      ]);
    expect(shape(page(evil))).toBe(shape(page(harmless)));
    const html = page(evil);
    expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    expect(html).not.toContain('<script');
    expect(html).toContain('s3://logs/&lt;hosts&gt;');
    expect(html.startsWith(REPORT_BEGINNING)).toBe(true);
  });

  it('asks for nothing and runs nothing', () => {
    const { elements } = parsed(rendered([tampered('a.example/1'), stopped('a.example/2')]));
    const attributes = new Set(elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)));
    for (const name of ['src', 'href', 'style', 'onload', 'action']) expect(attributes).not.toContain(name);
    const policy = elements.flatMap(({ attrs }) => attrs).find(({ value }) => value.startsWith('default-src'));
    expect(policy?.value).toMatch(
      /^default-src 'none'; style-src 'sha256-[^ ]+'; base-uri 'none'; form-action 'none'$/,
    );
  });

  it('shows streams with findings before the others, tampered ones first, whatever the order they come in', () => {
    const { text } = parsed(rendered([ok('a/1'), stopped('a/2'), ok('a/3'), tampered('a/9'), tampered('a/8')]));
    const all = text.slice(text.indexOf('All streams'));
    const places = ['a/8', 'a/9', 'a/2', 'a/1', 'a/3'].map((name) => all.indexOf(name));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(text).toContain('Of 5 streams: 2 not as sealed, or gone, 1 undecided, 2 as sealed.');
    expect(text).toMatch(/AUTH_WRONG.*Entry 3 is wrong\..*a\.jsonl, line 3/s);
    expect(text).toContain('STOPPED: the stream has stopped');
  });

  it('says what a result and a finding mean, each of them once', () => {
    const all = STREAM_RESULTS.map((result, at) => ({ ...tampered(`a/${at}`), result }));
    const { text } = parsed(rendered(all));
    for (const result of STREAM_RESULTS) expect(text).toContain(result);
    expect(text.split('AUTH_WRONG: ')).toHaveLength(2);
  });

  it('holds ten thousand streams on one page, each by its name', () => {
    const name = (at: number): string => `fleet.example.com/host-${String(at).padStart(5, '0')}`;
    const html = rendered(Array.from({ length: 10_000 }, (_, at) => (at === 7777 ? tampered(name(at)) : ok(name(at)))));
    const { text } = parsed(html);
    const names = new Set(text.match(/fleet\.example\.com\/host-\d{5}/g));
    expect(names.size).toBe(10_000);
    expect(text).not.toContain('not shown here');
    expect(html.length).toBeLessThan(4_000_000);
  });

  it('stays bounded where everything is wrong, and says what is left out', () => {
    const all = Array.from({ length: 21_000 }, (_, at) => tampered(`${'x'.repeat(4_000)}/${at}`, 20));
    const page = rendered(all);
    expect(page).toMatch(/and 20\u202f700 more with findings, not shown here/);
    expect(page).toMatch(/and 1\u202f000 more streams, not shown here/);
    expect(page.length).toBeLessThan(15_000_000);
  });

  it('of a part says that it is one; without streams, that there was none', () => {
    expect(parsed(rendered([ok('a/1')], { index: 2, count: 5 })).text).toContain('2 of 5, from 0');
    const { text } = parsed(rendered([]));
    expect(text).toContain('There was no stream to check.');
    expect(text).toContain('UNDECIDED');
  });
});
