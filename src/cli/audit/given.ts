import type { GivenItem } from '../../report/about.ts';
import type { Call } from '../command.ts';
import type { RequestFlags } from './request.ts';

/** What the report of an audit says that the auditor brought: the names of what was given, never their content. */
export function givenItems({ flags, positionals }: Call<RequestFlags>): GivenItem[] {
  const items: readonly (readonly [string, string | undefined])[] = [
    ['Places', positionals.join(', ')],
    ['Memory', flags.memory],
    ['Streams', flags.origin.join(', ')],
    ['Policy', flags.policy],
    ['Configuration', flags.config],
    ['Public keys', flags['public-key'].join(', ')],
    ['Data keys', [...flags.keys, ...flags['key-env'].map((name) => `environment variable ${name}`)].join(', ')],
    ['Witnesses', flags.witness.join(', ')],
    ['Checkpoints held', flags.since.join(', ')],
    ['A stream has stopped after', flags['stopped-after']],
    ['Files may be gone after', flags.retention],
    [
      'Options',
      [flags.live && '--live', flags['accept-successors'] && '--accept-successors', flags.strict && '--strict']
        .filter((one) => one !== false)
        .join(', '),
    ],
  ];
  return items.flatMap(([what, value]) => (value === undefined || value === '' ? [] : [{ what, value }]));
}
