import { TamperError } from '../../errors.ts';
import { familyId } from '../memory/family.ts';

/** Which of several processes audits which streams, without any of them asking another, and of which audit they are parts. */

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

/** What engines tell each job of an array. Of Kubernetes the number has to be set in the manifest, beside `completions`. */
const ENGINES = [
  { index: 'JOB_COMPLETION_INDEX', count: 'JOB_COMPLETIONS' },
  { index: 'AWS_BATCH_JOB_ARRAY_INDEX', count: 'AWS_BATCH_JOB_ARRAY_SIZE' },
] as const;

/**
 * The part that a job of an engine is: a flag first, then what Kubernetes (`JOB_COMPLETION_INDEX`, `JOB_COMPLETIONS`) and AWS
 * Batch (`AWS_BATCH_JOB_ARRAY_INDEX`, `AWS_BATCH_JOB_ARRAY_SIZE`) tell the jobs of an array. Default: all streams.
 *
 * @throws {@link TamperError} `USAGE`: it cannot be read, or is one of several and nothing says which or of how many
 */
export function shardOf(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): Shard {
  if (flag !== undefined) return parseShard(flag, '--shard');
  const told = ENGINES.filter(({ index, count }) => env[index] !== undefined || env[count] !== undefined);
  const [engine] = told;
  if (engine === undefined) return ALL;
  const all = 'To audit all streams here: --shard 0/1.';
  if (told.length > 1) {
    throw new TamperError('USAGE', 'this is a job of Kubernetes and of AWS Batch at once', {
      hint: `Say with --shard I/N which part it is. ${all}`,
    });
  }
  const [index, count] = [env[engine.index], env[engine.count]];
  if (index === undefined) {
    throw new TamperError('USAGE', `${engine.count} says how many parts there are, and nothing says which this is`, {
      hint: `Run it as an Indexed Job of Kubernetes or an array job of AWS Batch, which set ${engine.index}. ${all}`,
    });
  }
  if (count === undefined) {
    throw new TamperError(
      'USAGE',
      `${engine.index} says that this is one part of several, and nothing says of how many`,
      {
        hint: `Set ${engine.count} to their number: in the manifest of an Indexed Job, to its completions. ${all}`,
      },
    );
  }
  return parseShard(`${index}/${count}`, `${engine.index}/${engine.count}`);
}

const RUN_NAME = /^[\x21-\x7e]{1,200}$/;
const RUN_HINT =
  'Give every part of one audit the same name and the next audit another one: --run "$(date +%F)", or the name of the job that all parts belong to.';

/**
 * The name of the audit that a part belongs to: a flag first, then the array job of AWS Batch, whose id all its jobs begin with.
 * Last night's part beside tonight's would hide what has vanished since.
 *
 * @returns undefined where there is one part alone and no name was given
 * @throws {@link TamperError} `USAGE`: a part without a run, or a name that is none
 */
export function runOf(
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  { count }: Shard,
): string | undefined {
  const name = flag ?? arrayJob(env);
  if (name === undefined && count > 1)
    throw new TamperError('USAGE', 'this is one part of an audit, and nothing says of which', { hint: RUN_HINT });
  if (name !== undefined && !RUN_NAME.test(name))
    throw new TamperError('USAGE', '--run takes 1 to 200 visible ASCII characters without a space', { hint: RUN_HINT });
  return count > 1 ? name : undefined;
}

/** `AWS_BATCH_JOB_ID` is `ID:INDEX` in a job of an array. */
function arrayJob(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env['AWS_BATCH_JOB_ARRAY_INDEX'] === undefined ? undefined : env['AWS_BATCH_JOB_ID']?.replace(/:\d+$/, '');
}
