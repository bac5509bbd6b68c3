// Who may import whom inside src/. docs/decisions/layers.md says why. scripts/check/layers.mjs runs this.

/** The folders and files that each layer may import, besides itself and `errors.ts`. */
const mayImport = {
  foundation: [],
  core: [],
  format: ['core'],
  engine: ['core', 'format', 'foundation'],
  config: ['foundation'],
  storage: ['foundation'],
  witness: ['format', 'keys', 'core', 'foundation'],
  timestamp: ['foundation'],
  keys: ['core', 'config', 'foundation', 'format/key-reference.ts', 'format/vkey.ts'],
  seal: ['engine', 'format', 'keys', 'core', 'config', 'foundation'],
  verify: ['engine', 'storage', 'format', 'keys', 'core', 'foundation', 'config/yaml.ts'],
  kafka: ['verify', 'format', 'core', 'foundation', 'providers/internal/cannot-load.ts'],
  audit: [
    'verify',
    'storage',
    'format',
    'keys',
    'core',
    'foundation',
    'config/endpoint.ts',
    'providers/internal/cannot-load.ts',
  ],
  api: [
    'verify',
    'kafka',
    'storage',
    'witness',
    'timestamp',
    'providers',
    'format',
    'keys',
    'config',
    'core',
    'foundation',
    'audit',
    'journal',
  ],
  erase: ['verify', 'append-records.ts', 'signers-for.ts', 'format', 'config', 'foundation'],
  journal: ['audit', 'verify', 'append-records.ts', 'signers-for.ts', 'format', 'core', 'config', 'foundation'],
  report: ['verify', 'format', 'audit', 'journal'],
  transports: ['line-taker.ts', 'seal', 'config', 'keys', 'foundation'],
  cli: ['index.ts', 'internal.ts', 'report', 'foundation/own-package.ts'],
  offline: ['cli', 'engine', 'report', 'verify', 'api', 'format', 'keys', 'core', 'foundation'],
};

/**
 * The rooms of the two large layers, each with the rooms of its layer that it may import; files at a layer's root may
 * import them all, and no room imports a file at the root.
 */
export const rooms = {
  seal: {
    disk: [],
    anchor: ['disk'],
    epoch: [],
    checkpoint: ['disk', 'epoch'],
    resume: ['anchor', 'checkpoint', 'disk', 'epoch'],
    stream: ['checkpoint', 'disk', 'epoch', 'resume'],
    intake: ['disk', 'resume', 'stream'],
    lifecycle: ['anchor', 'checkpoint', 'intake', 'stream'],
  },
  verify: {
    carrier: [],
    input: ['carrier'],
    'data-keys': [],
    auditor: ['carrier', 'data-keys', 'erasures'],
    model: ['data-keys'],
    erasures: ['model', 'stream', 'verdict'],
    state: ['auditor', 'erasures', 'model'],
    trust: ['auditor', 'model', 'state'],
    verdict: ['auditor', 'carrier', 'erasures', 'input', 'model', 'state', 'trust'],
    range: ['model', 'state', 'trust', 'verdict'],
    entry: ['model', 'range', 'state', 'trust'],
    stream: ['auditor', 'entry', 'input', 'model', 'range', 'state', 'trust', 'verdict'],
    parallel: ['input', 'model', 'stream'],
    proof: ['auditor', 'model', 'stream', 'trust', 'verdict'],
    tiles: ['auditor', 'input', 'model', 'proof', 'stream'],
    found: ['input', 'verdict'],
    files: ['auditor', 'found', 'input', 'model', 'parallel', 'state', 'stream', 'verdict'],
    show: ['carrier', 'files', 'found', 'input', 'model', 'verdict'],
  },
  audit: {
    place: [],
    memory: [],
    check: ['memory', 'place'],
    run: ['check', 'memory', 'place'],
    redis: [],
    queue: ['redis'],
    jobs: ['check', 'memory', 'queue', 'run'],
    watch: ['check', 'run'],
  },
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

const roomRules = Object.entries(rooms).flatMap(([layer, within]) => [
  {
    name: `${layer}-rooms`,
    comment: `every folder of src/${layer} has its line in .dependency-cruiser.mjs`,
    severity: 'error',
    from: { path: `^src/${layer}/[^/]+/`, pathNot: `^src/${layer}/(${Object.keys(within).join('|')})/` },
    to: {},
  },
  ...Object.entries(within).map(([room, allowed]) => ({
    name: `${layer}-${room}-imports`,
    comment: `src/${layer}/${room} may import of its layer: ${allowed.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^src/${layer}/${room}/` },
    to: { path: `^src/${layer}/`, pathNot: [room, ...allowed].map((name) => `^src/${layer}/${name}/`) },
  })),
]);

const sdks =
  '^(node_modules/)?(@aws-sdk|@aws-crypto|@smithy|@google-cloud|google-gax|google-auth-library|@azure|@grpc)/';

const queueClients = '^(node_modules/)?(bullmq|ioredis)/';

export default {
  forbidden: [
    ...layers,
    ...roomRules,
    {
      name: 'providers-imports',
      comment: 'a provider may import the keys contract, config, errors and what providers share',
      severity: 'error',
      from: { path: '^src/providers/' },
      to: { path: '^src/', pathNot: ['^src/(providers|keys|storage|config|foundation)/', '^src/errors\\.ts$'] },
    },
    {
      name: 'providers-apart',
      comment:
        'one provider never imports another; the factories (create-provider.ts, check-keys.ts, open-storage.ts) name them all',
      severity: 'error',
      from: {
        path: '^src/providers/([^/.]+)[/.]',
        pathNot: '^src/providers/((index|create-provider|check-keys|open-storage)\\.ts|internal/)',
      },
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
      to: { path: '^src/(cli|testing)/' },
    },
    {
      name: 'nobody-imports-a-transport',
      comment: 'a transport knows a logger: the root loads one when a logger asks for it, and nothing else does',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/transports/'] },
      to: { path: '^src/transports/', dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'nobody-imports-the-edge',
      comment: 'cli and testing are ends: nothing in src imports them, but what makes one file of a command',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(cli|testing|offline)/'] },
      to: { path: '^src/(cli|testing|offline)/' },
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
      name: 'report-is-pure',
      comment: 'a report is rendered in a browser too: nothing of Node.js, and of the verifier types alone',
      severity: 'error',
      from: { path: '^src/report/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'report-takes-types',
      comment: 'a report is rendered in a browser too: of the verifier and of audits it takes types alone',
      severity: 'error',
      from: { path: '^src/report/' },
      to: { path: '^src/(verify|audit|journal)/', dependencyTypesNot: ['type-only', 'type-import'] },
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
      name: 'kafka-client-on-first-use',
      comment: 'the client of Kafka is loaded by import() on first use, and only src/kafka knows it',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kafka/client/load-client\\.ts$' },
      to: {
        path: '^(node_modules/)?@platformatic/',
        dependencyTypesNot: ['type-only', 'type-import'],
      },
    },
    {
      name: 'queue-client-on-first-use',
      comment: 'BullMQ and its client are loaded by import() on first use',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: queueClients, dynamic: false, dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'queue-client-in-its-folder-only',
      comment: 'only src/audit/queue and src/audit/redis know BullMQ and its client',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/audit/(queue|redis)/' },
      to: { path: queueClients },
    },
    {
      name: 'loggers-at-the-edge-only',
      comment: 'only the demonstration and the transports know a logger',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli/demo|transports/)' },
      to: { path: '(^|/)node_modules/(pino|winston|pino-abstract-transport|winston-transport)(/|$)' },
    },
    {
      name: 'no-cycles',
      comment: 'neither code nor types go in a circle',
      severity: 'error',
      from: {},
      to: { circular: true },
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
