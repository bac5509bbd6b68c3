import { describe, expect, it } from 'vitest';
import { expandOrigin, expandPath } from '../../src/config/index.ts';

const values = { host: 'Höst.Example', pid: '7', instance: 'a1', pod: 'web-0', basename: 'audit log.jsonl' };

describe('templates', () => {
  it('maps what they expand to into the characters of an origin', () => {
    expect(expandOrigin('example.com/{host}/{pid}/{basename}', values)).toBe(
      'example.com/H-st.Example/7/audit-log.jsonl',
    );
  });

  it('cannot be led out of a directory', () => {
    expect(expandPath('/var/log/{host}-{instance}.jsonl', { ...values, host: '../../etc/x' })).toBe(
      '/var/log/..-..-etc-x-a1.jsonl',
    );
  });

  it('expands a value once', () => {
    expect(expandPath('{host}', { ...values, host: '{pid}' })).toBe('-pid-');
  });
});
