// Pages whose commands are run, by pages.mjs.
/** `tools`: programs in Go that the page calls by name; `runtimes`: others than Node.js. `most`: lines of the page. `quick`: headings below which `npm install` to the first `verify` takes 10 lines at most. */
export const pages = [
  { page: 'README.md', most: 150 },
  { page: 'docs/openbao.md' },
  { page: 'docs/faq.md' },
  { page: 'docs/coming-from.md' },
  { page: 'docs/runtimes.md', runtimes: ['bun', 'deno'] },
  { page: 'docs/monitoring.md' },
  { page: 'docs/evidence.md', tools: ['cosign'] },
  { page: 'docs/auditor.md' },
  { page: 'docs/erasure.md' },
  { page: 'docs/providers/your-own.md' },
  { page: 'docs/loggers.md', quick: ['pino, in a worker', 'winston', 'OpenTelemetry'] },
];
