import { TamperError } from '../../errors.ts';
import type { Shard } from './shard.ts';

/** Which night the parts of an audit belong to: last night's part beside tonight's would hide what has vanished since. */

const NAME = /^[\x21-\x7e]{1,200}$/;
const HINT =
  'Give every part of one audit the same name and the next audit another one: --run "$(date +%F)", or the name of the job that all parts belong to.';

/**
 * The name of the run that a part belongs to: a flag first, then the array job of AWS Batch, whose id all its jobs begin with.
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
    throw new TamperError('USAGE', 'this is one part of an audit, and nothing says of which', { hint: HINT });
  if (name !== undefined && !NAME.test(name))
    throw new TamperError('USAGE', '--run takes 1 to 200 visible ASCII characters without a space', { hint: HINT });
  return count > 1 ? name : undefined;
}

/** `AWS_BATCH_JOB_ID` is `ID:INDEX` in a job of an array. */
function arrayJob(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env['AWS_BATCH_JOB_ARRAY_INDEX'] === undefined ? undefined : env['AWS_BATCH_JOB_ID']?.replace(/:\d+$/, '');
}
