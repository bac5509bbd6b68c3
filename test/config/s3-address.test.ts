import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config/index.ts';
import { parseS3Address } from '../../src/config/s3-address.ts';

describe('an address of S3', () => {
  it.each([
    ['s3://checkpoints', 'checkpoints', ''],
    ['s3://checkpoints/', 'checkpoints', ''],
    ['s3://a.b-3/audit', 'a.b-3', 'audit'],
    ['s3://checkpoints/audit/', 'checkpoints', 'audit'],
    ["s3://checkpoints/Audit_1/*!'().x/-", 'checkpoints', "Audit_1/*!'().x/-"],
  ])('%s names a bucket and a prefix', (text, bucket, prefix) => {
    expect(parseS3Address(text)).toEqual({ bucket, prefix });
    expect(resolveConfig({ code: { anchors: [text] } }).config.anchors).toEqual([text]);
  });

  it.each([
    's3:',
    's3:checkpoints',
    's3:/checkpoints',
    's3://',
    's3:///audit',
    's3://ab',
    's3://Checkpoints',
    'S3://checkpoints',
    's3://-checkpoints',
    `s3://${'a'.repeat(64)}`,
    's3://AKIA:hunter2@checkpoints/audit',
    's3://checkpoints:443/audit',
    's3://checkpoints//audit',
    's3://checkpoints/audit//',
    's3://checkpoints/audit log',
    's3://checkpoints/a%2Fb',
    's3://checkpoints/audit?mode=COMPLIANCE',
    's3://checkpoints/audit#x',
    's3://checkpoints/audit\n',
    's3://checkpoints/prüfung',
  ])('%j is refused, and not shown', (text) => {
    expect(parseS3Address(text)).toBeUndefined();
    const wrong = (): unknown => resolveConfig({ code: { anchors: [text] } });
    expect(wrong).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(wrong).not.toThrow(/hunter2/);
  });
});
