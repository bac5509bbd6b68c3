import type { ResolvedConfig } from './defaults.ts';
import { fileName } from './names.ts';
import { type OptionName, secretOptions } from './schema.ts';
import type { Environment, Setting } from './setting.ts';
import { isLocal, keySources } from './sources.ts';

/** What works but should not stay so, as sentences. */
export function warningsOf(
  settings: ReadonlyMap<OptionName, Setting>,
  config: ResolvedConfig,
  env: Environment,
): string[] {
  return [...literalCredentials(settings), ...withoutEffect(settings, config), ...debugging(config, env)];
}

function literalCredentials(settings: ReadonlyMap<OptionName, Setting>): string[] {
  return secretOptions.flatMap((name) => {
    const setting = settings.get(name);
    if (setting === undefined) return [];
    const { spelling, place } = setting;
    return [`${spelling} (${place}) is a literal credential: use VAULT_TOKEN, vault_token_file or another auth method`];
  });
}

/** Options that one key service alone looks at, by how they begin. */
const owners = [
  [/^aws[A-Z]/, 'aws-kms'],
  [/^gcp[A-Z]/, 'gcp-kms'],
  [/^azure[A-Z]/, 'azure-keyvault'],
  [/^vault[A-Z]/, 'vault'],
] as const;

/** An auditor's configuration may name services for his policy, so this is no error. */
function withoutEffect(settings: ReadonlyMap<OptionName, Setting>, config: ResolvedConfig): string[] {
  const sources = keySources(config);
  return [...settings.values()].flatMap(({ name, place }) => {
    const owner = owners.find(([pattern]) => pattern.test(name))?.[1];
    if (owner === undefined || sources.includes(owner)) return [];
    return [
      `${fileName(name)} (${place}) has no effect on the keys of this configuration: none of them comes from ${owner}`,
    ];
  });
}

/** Sections of NODE_DEBUG that print what is sent, headers with tokens included. */
const talkative = ['http', 'https', 'http2', 'tls', 'net', 'fetch', 'undici'];

function debugging(config: ResolvedConfig, env: Environment): string[] {
  const { NODE_DEBUG: text } = env;
  if (text === undefined || keySources(config).every(isLocal)) return [];
  const sections = text.split(/[\s,]+/).filter((section) => section !== '');
  const found = sections.filter((section) => talkative.some((one) => matches(section.toLowerCase(), one)));
  if (found.length === 0) return [];
  return [
    `NODE_DEBUG contains ${found.join(', ')}: Node prints requests to the key service, including their tokens, to standard error`,
  ];
}

/** As Node reads it: `*` stands for anything. */
function matches(pattern: string, section: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`).test(section);
}
