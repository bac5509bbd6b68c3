/**
 * The pages of the site: where each file of the repository stands, what it is called in the sidebar, and in which
 * order. A Markdown file of docs/ or spec/ that is not here fails the build.
 */
const page = (file, at, text) => ({ file, at, text });
const docs = (name, text) => page(`docs/${name}.md`, `${name}.md`, text);
const decision = (name, text) => page(`docs/decisions/${name}.md`, `decisions/${name}.md`, text);
const api = (name) => page(`site/api/${name}/README.md`, `api/${name}/index.md`, name);

export const sections = [
  {
    text: 'Start',
    pages: [
      page('README.md', 'start.md', 'What it is, first steps'),
      docs('openbao', 'Five minutes with OpenBao'),
      docs('loggers', 'Loggers'),
      docs('coming-from', 'Coming from something else'),
      docs('runtimes', 'Node.js, Bun and Deno'),
      docs('bundling', 'Bundlers, Jest, TypeScript'),
      docs('faq', 'Questions'),
    ],
  },
  {
    text: 'Operate',
    pages: [
      docs('deployment', 'Deployment'),
      docs('configuration', 'Configuration'),
      docs('keys-and-rotation', 'Keys and rotation'),
      page('docs/providers/local.md', 'providers/local.md', 'Local keys'),
      page('docs/providers/aws-kms.md', 'providers/aws-kms.md', 'AWS KMS'),
      page('docs/providers/gcp-kms.md', 'providers/gcp-kms.md', 'Google Cloud KMS'),
      page('docs/providers/azure-keyvault.md', 'providers/azure-keyvault.md', 'Azure Key Vault'),
      page('docs/providers/vault.md', 'providers/vault.md', 'Vault and OpenBao'),
      page('docs/providers/your-own.md', 'providers/your-own.md', 'A provider of your own'),
      docs('logrotate', 'Rotation, and logrotate'),
      docs('erasure', 'Erasing a record'),
      docs('when-things-fail', 'When things fail'),
      docs('monitoring', 'Monitoring'),
      docs('runbook', 'Runbook'),
      docs('anchors', 'Anchors'),
      docs('witnesses', 'Witnesses and time stamps'),
      docs('post-quantum', 'Signatures for ten years'),
      docs('scale', 'Scale'),
    ],
  },
  {
    text: 'Audit',
    pages: [
      docs('auditor', 'For auditors'),
      docs('verifying', 'Verifying a log'),
      docs('report', 'The report'),
      docs('policy', 'The policy file'),
      docs('evidence', 'Evidence'),
      docs('offline', 'Without npm'),
      docs('audit', 'Many streams'),
      docs('audit-workers', 'On many machines'),
      docs('object-storage', 'Object storage'),
      docs('kafka', 'Kafka'),
      docs('compliance', 'Compliance'),
    ],
  },
  {
    text: 'Look up',
    pages: [
      page('docs/README.md', 'all.md', 'Every page'),
      docs('command-line', 'The command line'),
      docs('errors', 'Errors'),
      docs('compatibility', 'Compatibility'),
      docs('reproducible-builds', 'Reproducible builds'),
      page('SECURITY.md', 'security.md', 'Security'),
      docs('support', 'Support'),
      page('spec/format.md', 'spec/format.md', 'Log format'),
      page('spec/evidence.md', 'spec/evidence.md', 'Format of evidence'),
      page('spec/erasure.md', 'spec/erasure.md', 'Erasure'),
      page('spec/journal.md', 'spec/journal.md', 'Journal of an auditor'),
      page('vectors/README.md', 'vectors.md', 'Test vectors'),
      docs('benchmarks', 'Benchmarks'),
      docs('story', 'Names'),
      page('CHANGELOG.md', 'changelog.md', 'Changelog'),
    ],
  },
  {
    text: 'API',
    pages: [
      'fapilog-tamper',
      'fapilog-tamper/errors',
      'fapilog-tamper/pino',
      'fapilog-tamper/winston',
      'fapilog-tamper/opentelemetry',
      'fapilog-tamper/providers/env',
      'fapilog-tamper/providers/file',
      'fapilog-tamper/providers/aws-kms',
      'fapilog-tamper/providers/gcp-kms',
      'fapilog-tamper/providers/azure-keyvault',
      'fapilog-tamper/providers/vault',
      'fapilog-tamper/keys',
      'fapilog-tamper/testing',
    ].map(api),
  },
  {
    text: 'Inside',
    pages: [
      docs('architecture', 'Architecture'),
      page('CONTRIBUTING.md', 'contributing.md', 'Contributing'),
      decision('README', 'Decisions'),
      decision('build', 'Build'),
      decision('configuration', 'Configuration'),
      decision('dependencies', 'Dependencies'),
      decision('engine', 'Engine'),
      decision('evidence', 'Evidence'),
      decision('format', 'Format'),
      decision('journal', 'Journal'),
      decision('kafka', 'Kafka'),
      decision('layers', 'Layers'),
      decision('limits', 'Limits'),
      decision('parallel-verification', 'Parallel verification'),
      decision('recovered-keys', 'Recovered keys'),
      decision('retry', 'Retry'),
      decision('transports', 'Transports'),
      decision('verifying-cat', 'Verifying cat'),
      decision('writer', 'Writer'),
      decision('audit-queue', 'The queue of an audit'),
      decision('aws-kms', 'AWS KMS'),
      page('bench/README.md', 'bench.md', 'Running benchmarks'),
    ],
  },
];

export const pages = sections.flatMap((section) => section.pages);
