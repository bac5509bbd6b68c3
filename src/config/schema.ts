import { inspect } from 'node:util';
import * as v from 'valibot';
import { isThirdParty, ownSources, type TamperConfig, type ThirdPartySource } from './tamper-config.ts';
import { originTemplateProblem, pathTemplateProblem } from './template.ts';

/** No timer of Node may be longer (2^31 - 1 ms, in whole seconds). */
const longestSeconds = 2_147_483;
const sources = [...ownSources, 'custom'] as const;

const flag = v.boolean('must be true or false');
const text = v.pipe(
  v.string('must be text'),
  v.nonEmpty('must not be empty'),
  v.check((value) => !/\p{Cc}/u.test(value), 'must not contain control characters'),
);
const variableName = v.pipe(
  v.string('must be text'),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable, not its value'),
);

function whole(least: number, most: number) {
  return v.pipe(
    v.number('must be a whole number'),
    v.safeInteger('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
}

function oneOf<const T extends readonly string[]>(values: T) {
  return v.picklist(values, `must be one of ${values.join(', ')}`);
}

const keySource = v.union(
  [oneOf(sources), v.custom<ThirdPartySource>((value) => isThirdParty(String(value)))],
  `must be one of ${sources.join(', ')}, or a package fapilog-tamper-keys-NAME`,
);

/** A template is checked as far as it can be before its placeholders are known. */
function template(problem: (value: string) => string | undefined) {
  return v.pipe(
    v.string('must be text'),
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? problem(dataset.value) : undefined;
      if (message !== undefined) addIssue({ message });
    }),
  );
}

function address(schemes: readonly string[]) {
  return v.pipe(
    text,
    v.check(
      (value) => {
        const url = URL.canParse(value) ? new URL(value) : undefined;
        return url !== undefined && schemes.includes(url.protocol) && url.username === '' && url.password === '';
      },
      `must be a URL (${schemes.join('// or ')}//) without a user name or password`,
    ),
  );
}

/** Every option and what it must be; in the order of the documentation. */
const options = {
  enabled: flag,
  algorithm: oneOf(['HMAC-SHA256', 'Ed25519']),
  keyId: text,
  keySource,
  keyEnvVar: variableName,
  keyFilePath: text,
  keyProviderModule: text,
  keyProviderOptions: v.record(v.string(), v.unknown(), 'must be a map of options (in a variable, a JSON object)'),
  keyCacheTtlSeconds: whole(1, longestSeconds),
  useKmsSigning: flag,
  saltRecords: flag,
  signingKeyId: text,
  signingKeySource: keySource,
  signingKeyEnvVar: variableName,
  signingKeyFilePath: text,
  postQuantumKeyId: text,
  postQuantumKeySource: keySource,
  postQuantumKeyEnvVar: variableName,
  postQuantumKeyFilePath: text,
  noteKeyFilePath: text,
  awsRegion: text,
  awsProfile: text,
  gcpEndpoint: text,
  azureTenantId: text,
  azureClientId: text,
  vaultAddr: address(['https:', 'http:']),
  vaultToken: text,
  vaultTokenFile: text,
  vaultPath: v.pipe(text, v.regex(/^[^/].*\/keys\/[^/]+$/, 'must have the form MOUNT/keys/NAME')),
  vaultAuthMethod: oneOf(['token', 'approle', 'kubernetes', 'jwt', 'cert']),
  vaultAuthMount: text,
  vaultRole: text,
  vaultSecretIdFile: text,
  vaultSecretIdWrapped: flag,
  vaultJwtPath: text,
  vaultAuthNamespace: text,
  vaultNamespace: text,
  vaultCaFile: text,
  vaultClientCertFile: text,
  vaultClientKeyFile: text,
  vaultServerName: text,
  file: template(pathTemplateProblem),
  origin: template(originTemplateProblem),
  stateDir: text,
  flushEvery: oneOf(['turn', 'line']),
  fsyncOnWrite: flag,
  fsyncOnRotate: flag,
  compressRotated: flag,
  rotateChain: flag,
  rotateMaxBytes: whole(0, Number.MAX_SAFE_INTEGER),
  rotateIntervalSeconds: whole(0, longestSeconds),
  verifyOnClose: flag,
  alertOnFailure: flag,
  tee: flag,
  anchors: v.pipe(v.array(text, 'must be a list of strings'), v.readonly()),
  checkpointMaxRecords: whole(1, 1_000_000_000),
  checkpointMaxSeconds: whole(1, longestSeconds),
  heartbeatSeconds: whole(1, 86_400), // spec M2.5
  maxEpochSeconds: whole(1, longestSeconds),
  onKmsFailure: oneOf(['continue', 'stop']),
  maxUnsignedSeconds: whole(0, longestSeconds),
  closeTimeoutSeconds: whole(1, 3_600),
  onStartFailure: oneOf(['wait', 'stop']),
  onWriteFailure: oneOf(['wait', 'drop', 'stop']),
  onFailure: oneOf(['warn', 'throw', 'exit']),
  onStateConflict: oneOf(['error', 'new_stream']),
  maxLineBytes: whole(1_024, 2_097_152),
  maxPendingBytes: whole(65_536, 1_073_741_824),
  onIntegrity: oneOf(['keep', 'wrap']),
} satisfies { [Name in keyof Required<TamperConfig>]: v.GenericSchema<unknown, Required<TamperConfig>[Name]> };

/** The name of an option, as code spells it. */
export type OptionName = keyof TamperConfig;

/** What an option's value is written as where everything is text. */
export type OptionKind = 'boolean' | 'number' | 'text' | 'choice' | 'list' | 'map';

/** Every option, in the order of the documentation. */
export const optionNames: readonly OptionName[] = Object.keys(options) as OptionName[];

const kinds: Readonly<Record<string, OptionKind>> = {
  boolean: 'boolean',
  number: 'number',
  string: 'text',
  picklist: 'choice',
  union: 'choice',
  record: 'map',
  array: 'list',
};

/** How an option's value is written. */
export function kindOf(name: OptionName): OptionKind {
  return kinds[options[name].type] ?? 'text';
}

/** The values of an option that has a few; none of another one. */
export function choicesOf(name: OptionName): readonly string[] {
  const schema = options[name];
  if (schema.type === 'union') return schema.options[0].options;
  return schema.type === 'picklist' ? schema.options : [];
}

/** What is wrong with a value of an option, in words that follow its name; undefined if nothing is. */
export function problemOf(name: OptionName, value: unknown): string | undefined {
  const isList = Array.isArray(value) && kindOf(name) === 'map'; // valibot's record takes one
  const result = v.safeParse(options[name], isList ? undefined : value, { abortEarly: true });
  return result.success ? undefined : result.issues[0].message;
}

/** The schema of an option, for its documentation. */
export function schemaOf(name: OptionName): object {
  return options[name];
}

/** The options that hold a credential themselves, or may. None may stand on a command line. */
export const secretOptions: readonly OptionName[] = ['vaultToken', 'keyProviderOptions'];

/** Whether an option may hold a credential itself, which nothing may show. */
export function isSecretOption(name: string): boolean {
  return secretOptions.some((one) => one === name);
}

/** Makes an object print without its secrets in console, `inspect` and JSON; its members stay as they are. */
export function hideSecrets<T extends object>(holder: T, shown: () => object): T {
  Object.defineProperty(holder, inspect.custom, { value: shown });
  Object.defineProperty(holder, 'toJSON', { value: shown });
  return holder;
}
