// Who may import whom inside src/. docs/decisions/layers.md says why. scripts/check-layers.mjs runs this.

/** The folders and files that each layer may import, besides itself and `errors.ts`. */
const mayImport = {
  core: [],
  format: ['core'],
  config: [],
  keys: ['core', 'config'],
  seal: ['format', 'keys', 'core', 'config'],
  verify: ['format', 'keys', 'core', 'config/yaml.ts'],
  watch: ['audit', 'verify', 'seal', 'format', 'keys', 'config', 'core'],
  audit: ['verify', 'providers', 'format', 'keys', 'config', 'core'],
  transports: ['index.ts'],
  cli: ['index.ts'],
};

const layers = Object.entries(mayImport).map(([layer, allowed]) => ({
  name: `${layer}-imports`,
  comment: `${layer} may import: ${['errors', ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: {
    path: '^src/',
    pathNot: [
      `^src/${layer}/`,
      '^src/errors\\.ts$',
      ...allowed.map((name) => (name.endsWith('.ts') ? `^src/${name.replace('.', '\\.')}$` : `^src/${name}/`)),
    ],
  },
}));

const sdks =
  '^(node_modules/)?(@aws-sdk|@aws-crypto|@smithy|@google-cloud|google-gax|google-auth-library|@azure|@grpc)/';

export default {
  forbidden: [
    ...layers,
    {
      name: 'providers-imports',
      comment: 'a provider may import the keys contract, config, errors and what providers share',
      severity: 'error',
      from: { path: '^src/providers/' },
      to: { path: '^src/', pathNot: ['^src/(providers|keys|config)/', '^src/errors\\.ts$'] },
    },
    {
      name: 'providers-apart',
      comment: 'one provider never imports another; the factory (index.ts) names them all',
      severity: 'error',
      from: { path: '^src/providers/([^/.]+)[/.]', pathNot: '^src/providers/(index\\.ts|internal/)' },
      to: {
        path: '^src/providers/',
        pathNot: ['^src/providers/$1[/.]', '^src/providers/(internal/|doctor-check\\.ts)'],
      },
    },
    {
      name: 'root-imports',
      comment: 'the package root re-exports seal, verify, providers and their contracts; never a logger or a command',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/(cli|transports|testing)/' },
    },
    {
      name: 'nobody-imports-the-edge',
      comment: 'cli and testing are ends: nothing in src imports them',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(cli|testing)/'] },
      to: { path: '^src/(cli|testing)/' },
    },
    {
      name: 'core-is-pure',
      comment: 'core and format do no I/O and read no clock or environment',
      severity: 'error',
      from: { path: '^src/(core|format)/' },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|fs/promises|os|net|tls|http|https|dns|child_process|worker_threads|process|timers|timers/promises)$',
      },
    },
    {
      name: 'sdk-on-first-use',
      comment: 'a cloud SDK is loaded by import() on first use, from a provider',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        path: sdks,
        pathNot: '@aws-crypto/crc32c',
        dynamic: false,
        dependencyTypesNot: ['type-only', 'type-import'],
      },
    },
    {
      name: 'sdk-in-providers-only',
      comment: 'only providers know a cloud SDK',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/providers/' },
      to: { path: sdks, pathNot: '@aws-crypto/crc32c' },
    },
    {
      name: 'loggers-in-transports-only',
      comment: 'only transports and the demonstration know a logger',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(transports|cli/demo)' },
      to: { path: '(^|/)node_modules/(pino|winston|pino-abstract-transport|winston-transport)(/|$)' },
    },
    {
      name: 'no-cycles',
      comment: 'types may name each other; code may not',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'type-import'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
