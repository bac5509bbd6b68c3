import type { GivenItem, ReportAbout } from '../report/about.ts';
import type { Call } from './command.ts';
import type { VerifyFlags } from './verify-request.ts';
import type { TopicFlags } from './verify-topic.ts';

/** What the report says of a verification on the command line: the names of what was given, never their content. */
export function reportAbout(
  { flags, positionals }: Call<VerifyFlags & TopicFlags>,
  version: string,
  withoutLines: boolean,
): ReportAbout {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const given = givenItems(flags, positionals);
  return { version, checkedAt: new Date().toISOString(), timeZone, given, withoutLines };
}

function givenItems(flags: Call<VerifyFlags & TopicFlags>['flags'], positionals: readonly string[]): GivenItem[] {
  const items: GivenItem[] = [];
  const say = (what: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') items.push({ what, value });
  };
  say('Paths', positionals.join(', '));
  say('Read from', flags.from);
  say('State', flags.state);
  say('Log', flags.origin.join(', '));
  say('Policy', flags.policy);
  say('Configuration', flags.config);
  say('Public keys', flags['public-key'].join(', '));
  say('Data keys', [...flags.keys, ...flags['key-env'].map((name) => `environment variable ${name}`)].join(', '));
  say('Known checkpoints', flags.known);
  say('Checkpoints held', flags.since.join(', '));
  say('Manifests', flags.manifest.join(', '));
  const options = [
    flags.live && '--live',
    flags.now !== undefined && `--now ${flags.now.toISOString()}`,
    flags.part && '--part',
    flags.demux && '--demux',
    flags['accept-successors'] && '--accept-successors',
    flags.strict && '--strict',
  ];
  say('Options', options.filter((one) => one !== false).join(', '));
  return items;
}
