// npm run build -- site: the documentation site, from docs/ and the sources, into site/.vitepress/dist/. What builds it
// is installed in site/, since nothing else needs it. SITE_BASE is the path that it is served under (default /).
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ensureInstalled } from '../lib/install.mjs';
import { capture, root } from '../lib/run.mjs';

const site = `${root}site/`;
const { resolve } = createRequire(`${site}package.json`);
const started = performance.now();
const took = (what) => console.log(`${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`);

ensureInstalled(); // typescript
install();
await writeApi();
took('API reference');
await (await load('vitepress')).build(site);
took('site');

function install() {
  const lock = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {});
  const wanted = Object.entries(lock(`${site}package-lock.json`)).filter(([path, one]) => path !== '' && !one.optional);
  const present = lock(`${site}node_modules/.package-lock.json`);
  if (wanted.every(([path, { version }]) => present[path]?.version === version)) return;
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  capture('npm', ['ci', ...quiet], { cwd: site, shell: process.platform === 'win32' });
  took('npm ci in site/');
}

/** A module of site/node_modules. */
function load(name) {
  return import(pathToFileURL(resolve(name)).href);
}

/** One page for each entry point of the package, under the name that it is imported by. */
async function writeApi() {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const names = new Map(
    Object.entries(exports)
      .filter(([, file]) => file.endsWith('.js'))
      .map(([path, file]) => [file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'), path]),
  );
  const { Application } = await load('typedoc');
  const app = await Application.bootstrapWithPlugins({
    plugin: [resolve('typedoc-plugin-markdown')],
    out: `${site}api`,
    entryPoints: [...names.keys()].map((file) => root + file),
    tsconfig: `${root}tsconfig.json`,
    basePath: root,
    readme: 'none',
    router: 'member',
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    skipErrorChecking: true,
    disableGit: true,
    gitRevision: 'main',
    sourceLinkTemplate: 'https://github.com/fapilog/fapilog-tamper-node/blob/main/{path}#L{line}',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    sanitizeComments: true,
    logLevel: 'Warn',
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('typedoc could not read the sources');
  for (const module of project.children) {
    module.name = `fapilog-tamper${names.get(module.sources[0].fileName).slice(1)}`;
  }
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('typedoc complained: see above');
}
