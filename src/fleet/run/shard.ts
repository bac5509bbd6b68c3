import { TamperError } from '../../errors.ts';
import { familyId } from '../memory/family.ts';

/** Which of several processes audits which streams, without any of them asking another. */

/** One of `count` parts. */
export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly count: number;
  /** The name of the audit that it is a part of; absent where it is all of it. */
  readonly run?: string | undefined;
}

/** All streams are one part. */
export const ALL: Shard = { index: 0, count: 1 };

/** Whether a family belongs to a part: by the first 48 bits of the SHA-256 of its name. */
export function isInShard(family: string, { index, count }: Shard): boolean {
  return Number.parseInt(familyId(family).slice(0, 12), 16) % count === index;
}

/** Reads `I/N`. @throws {@link TamperError} `USAGE` */
function parseShard(text: string, from: string): Shard {
  const match = /^(0|[1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && index < count) return { index, count };
  throw new TamperError('USAGE', `${from} is I/N, with I from 0 to N - 1, not ${JSON.stringify(text)}`);
}

/**
 * The part that a job of an engine is: a flag first, then what Kubernetes and AWS Batch tell the jobs of an array. Kubernetes
 * does not tell how many there are: `FAPILOG_TAMPER_SHARDS` does.
 *
 * @throws {@link TamperError} `USAGE`
 */
export function shardOf(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): Shard {
  if (flag !== undefined) return parseShard(flag, '--shard');
  const count = env['FAPILOG_TAMPER_SHARDS'];
  if (count !== undefined) {
    const index = env['JOB_COMPLETION_INDEX'] ?? env['AWS_BATCH_JOB_ARRAY_INDEX'];
    if (index === undefined) {
      throw new TamperError(
        'USAGE',
        'FAPILOG_TAMPER_SHARDS says how many parts there are, and nothing says which this is',
        {
          hint: 'Run it as an Indexed Job (JOB_COMPLETION_INDEX), as an array job (AWS_BATCH_JOB_ARRAY_INDEX), or with --shard I/N.',
        },
      );
    }
    return parseShard(`${index}/${count}`, 'JOB_COMPLETION_INDEX/FAPILOG_TAMPER_SHARDS');
  }
  const [index, size] = [env['AWS_BATCH_JOB_ARRAY_INDEX'], env['AWS_BATCH_JOB_ARRAY_SIZE']];
  if (index !== undefined && size !== undefined)
    return parseShard(`${index}/${size}`, 'AWS_BATCH_JOB_ARRAY_INDEX/SIZE');
  if (index !== undefined || env['JOB_COMPLETION_INDEX'] !== undefined) {
    throw new TamperError('USAGE', 'this is one job of several, and nothing says of how many', {
      hint: 'Set FAPILOG_TAMPER_SHARDS to their number: the completions of an Indexed Job. To audit all streams here: --shard 0/1.',
    });
  }
  return ALL;
}
