import { describe, expect, it } from 'vitest';
import { emptyResult } from '../../src/audit/check/results.ts';
import { STREAM_RESULTS } from '../../src/audit/check/stream-result.ts';
import { auditMetrics, expositionOf, METRICS_BEGINNING, ResultCounts } from '../../src/audit/run/audit-metrics.ts';
import { ALL } from '../../src/audit/run/shard.ts';
import { Tally } from '../../src/audit/run/summary.ts';
import type { StreamResult } from '../../src/index.ts';

const fine = (stream: string): StreamResult => ({
  ...emptyResult(stream, 2, undefined),
  result: 'grown',
  verdict: 'ok',
  read: { files: 2, bytes: 300 },
});

const forked = (stream: string): StreamResult => ({
  ...fine(stream),
  result: 'forked',
  verdict: 'tampered',
  findings: [
    { code: 'FORK', severity: 'tampered', message: `of ${stream}` },
    { code: 'END_UNPROVEN', severity: 'undecided', message: 'the end' },
  ],
  more: 3,
});

function text(results: readonly StreamResult[], run: Partial<Parameters<typeof auditMetrics>[2]> = {}): string {
  const [tally, counts] = [new Tally([]), new ResultCounts()];
  for (const result of results) {
    tally.add(result);
    counts.add(result);
  }
  const summary = tally.summary({
    ignored: { files: [], more: 0 },
    request: 'x',
    shard: ALL,
    time: '2026-11-26T00:00:00.000Z',
  });
  return expositionOf(auditMetrics(summary, counts, { endedAt: 1_800_000_000_500, ...run }));
}

describe('an audit as numbers', () => {
  it('counts streams by verdict and by result, findings, what was read and asked for, and when', () => {
    const said = text([fine('a/1'), fine('a/2'), forked('a/3')], {
      tookMs: 1500,
      requests: { list: 4, read: 3, get: 2, put: 1 },
    });
    const values = Object.fromEntries(
      said
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .map((line) => line.replace('fapilog_tamper_audit_', '').split(' ')),
    );
    expect(values).toMatchObject({
      'streams{verdict="ok"}': '2',
      'streams{verdict="tampered"}': '1',
      'streams{verdict="undecided"}': '0',
      'results{result="grown"}': '2',
      'results{result="forked"}': '1',
      'results{result="vanished"}': '0',
      'findings{severity="tampered"}': '1',
      'findings{severity="undecided"}': '1',
      findings_left_out: '3',
      streams_without_key: '0',
      timestamp_seconds: '1800000000.5',
      duration_seconds: '1.5',
      read_bytes: '900',
      read_files: '6',
      'requests{operation="list"}': '4',
      'requests{operation="put"}': '1',
    });
    expect(said.startsWith(METRICS_BEGINNING)).toBe(true);
  });

  it.each(['NO_KEY', 'WRONG_KEY', 'KEY_NOT_NAMED'] as const)(
    'counts a stream once of which a key is missing: %s',
    (code) => {
      const missing = { code, severity: 'undecided', message: 'a key' } as const;
      const without = { ...fine('a/4'), verdict: 'undecided' as const, findings: [missing, missing] };
      expect(text([fine('a/1'), forked('a/3'), without])).toContain('\nfapilog_tamper_audit_streams_without_key 1\n');
    },
  );

  it('says what was read again, and of which stream nobody has read everything for longest', () => {
    const again = (name: string, wholeAt: string): StreamResult => ({ ...fine(name), result: 'unchanged', wholeAt });
    const said = text([
      fine('a/1'),
      again('a/2', '2026-11-29T00:00:00.000Z'),
      again('a/3', '2026-11-01T00:00:00.500Z'),
    ]);
    expect(said).toContain('\nfapilog_tamper_audit_reread_bytes 600\n');
    expect(said).toContain('\nfapilog_tamper_audit_oldest_reading_timestamp_seconds 1793491200.5\n');
  });

  it('has as many series for ten thousand streams as for none, and no name of a stream in any', () => {
    const series = (said: string): string[] =>
      said.split('\n').flatMap((line) => (line.startsWith('#') ? [] : (line.split(' ')[0] ?? [])));
    const many = text(Array.from({ length: 10_000 }, (_, at) => forked(`fleet.example.com/"host\n${at}`)));
    expect(series(many)).toEqual(series(text([])));
    expect(series(many).length).toBeLessThan(40);
    expect(many).not.toContain('fleet.example.com');
    for (const result of STREAM_RESULTS) expect(many).toContain(`result="${result}"`);
  });

  it('leaves out what nobody measured', () => {
    expect(text([])).not.toMatch(/duration_seconds|requests|oldest/);
  });
});
