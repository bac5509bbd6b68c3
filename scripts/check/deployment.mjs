// examples/ and docs/deployment.md, docs/audit.md: what can run here runs, the rest is checked against the
// schemas and tools of those who will run it. With a folder as argument, only its manifests and Dockerfiles are read.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { filesBelow } from '../lib/files.mjs';
import { report, root } from '../lib/run.mjs';
import { runAudits } from './deployment/auditing.mjs';
import { dockerfileProblems, hadolintProblems, imageProblems } from './deployment/dockerfile.mjs';
import { environmentOf, podOf, readManifest, wiringProblems } from './deployment/kubernetes.mjs';
import { blocks, runBlocks, syntaxProblems } from './deployment/page.mjs';
import { bareEnvironment, configurationProblems, prepare, runApplication, runNightly } from './deployment/running.mjs';
import { unitProblems } from './deployment/units.mjs';

const problems = [];
const given = process.argv[2];
const base = given === undefined ? root : `${resolve(given)}/`;
const examples = given === undefined ? `${root}examples/` : base;
const here = (pattern) =>
  filesBelow(given === undefined ? 'examples' : '.', pattern, base).map((file) => join(base, file));

const manifests = here(/\/kubernetes\/[^/]*\.yaml$/).map((file) => {
  const text = readFileSync(file, 'utf8');
  const { objects, problems: wrong } = readManifest(text);
  if (wrong.length === 0) wrong.push(...wiringProblems(text, objects));
  problems.push(...wrong.map((problem) => `${basename(file)}: ${problem}`));
  return { name: basename(file), objects };
});
const dockerfiles = [...here(/\/Dockerfile$/), ...(given === undefined ? [`${root}image/Dockerfile`] : [])];
for (const file of dockerfiles) {
  problems.push(...dockerfileProblems(readFileSync(file, 'utf8')).map((problem) => `${file}: ${problem}`));
}
// it comes from PyPI, which the tests of this check do not wait for
if (given === undefined) problems.push(...hadolintProblems(dockerfiles));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const pages = given === undefined ? filesBelow('docs', /\.md$/).map((page) => root + page) : [];
for (const file of [...here(/\/(Dockerfile|[^/]*\.yaml)$/), ...pages]) {
  problems.push(...imageProblems(readFileSync(file, 'utf8'), version).map((problem) => `${file}: ${problem}`));
}
const looked = [`manifests: ${manifests.length}, Dockerfiles: ${dockerfiles.length}`];
if (manifests.length === 0 || dockerfiles.length === 0) problems.push(`${base} holds no manifest or no Dockerfile`);
if (given !== undefined) report(problems, looked.join('; '));
else await runAll();

/** Whether a tool is there; without it CI fails, and elsewhere its name is said. */
function has(tool, debian) {
  if (!spawnSync(tool, ['--version'], { stdio: 'ignore' }).error) return true;
  const missing = `${tool} is missing (Debian package ${debian})`;
  if (process.env.CI === 'true') problems.push(missing);
  else console.log(`not checked: ${missing}`);
  return false;
}

async function runAll() {
  const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-deployment-'));
  try {
    const page = readFileSync(`${root}docs/deployment.md`, 'utf8');
    for (const body of [...blocks(page, 'console'), ...blocks(page, 'sh')]) {
      problems.push(...syntaxProblems(body, 'docs/deployment.md'));
    }
    for (const file of here(/\.sh$/)) problems.push(...syntaxProblems(readFileSync(file, 'utf8'), basename(file)));

    const units = here(/\.(service|timer)$/);
    if (has('systemd-analyze', 'systemd')) {
      problems.push(...unitProblems(units, folder));
      looked.push(`${units.length} units`);
    }
    const vkey = prepare(folder, examples);
    const pageFolder = join(folder, 'page');
    mkdirSync(pageFolder);
    const env = { ...bareEnvironment(), PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
    const run = runBlocks(blocks(page, 'sh'), pageFolder, env);
    problems.push(...run.problems);
    looked.push(`${run.commands} commands of docs/deployment.md`);

    const unitEnvironment = Object.fromEntries(
      unitSettings(`${examples}deployment/systemd/`)
        .filter((line) => /^\w+=/.test(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const configurations = [['payments.conf', unitEnvironment], ...kubernetesConfigurations()];
    for (const [index, [name, settings]] of configurations.entries()) {
      const root = { ...settings };
      for (const option of ['FAPILOG_TAMPER_FILE', 'FAPILOG_TAMPER_STATE_DIR']) {
        if (root[option] !== '-') root[option] = `${index}${root[option]}`;
      }
      problems.push(...configurationProblems(name, root, folder));
    }
    looked.push(`${configurations.length} configurations`);

    const app = await runApplication(unitEnvironment, folder);
    const nightly = runNightly(examples, folder, vkey);
    problems.push(...app.problems, ...nightly.problems);
    const audits = await runAudits(manifests, folder);
    problems.push(...audits.problems);
    looked.push('the application', 'the nightly script', 'the audits');

    const auditPage = readFileSync(`${root}docs/audit.md`, 'utf8');
    const exportedBy = (text) => new Set(text.match(/^fapilog_tamper_\w+/gm));
    looked.push(
      checkAlerts(`${examples}monitoring/alerts.yaml`, exportedBy(app.metrics + nightly.metrics), page, 'deployment'),
      checkAlerts(`${examples}audit/alerts.yaml`, exportedBy(audits.metrics), auditPage, 'audit'),
    );
    const keysPage = readFileSync(`${root}docs/providers/your-own.md`, 'utf8');
    const recipe = readFileSync(`${root}docs/monitoring.md`, 'utf8');
    for (const name of exportedBy(app.metrics)) {
      if (!recipe.includes(name)) problems.push(`docs/monitoring.md does not name ${name}`);
    }
    for (const file of filesBelow('examples', /./)) {
      const [named, name] = file.startsWith('examples/audit/')
        ? [auditPage, 'audit']
        : file.startsWith('examples/keys/')
          ? [keysPage, 'providers/your-own']
          : [page, 'deployment'];
      if (!named.includes(file) && !/\/app\/|\.dockerignore$/.test(file))
        problems.push(`docs/${name}.md does not name ${file}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  report(problems, looked.join('; '));
}

/** Rules that ask for what is exported, metrics that the page names, and what promtool says of both. */
function checkAlerts(rules, exported, page, name) {
  const asked = parse(readFileSync(rules, 'utf8')).groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  for (const metric of new Set(asked.join(' ').match(/fapilog_tamper_\w+/g))) {
    if (!exported.has(metric)) problems.push(`${rules} asks for ${metric}, which nothing exports`);
  }
  for (const metric of exported) if (!page.includes(metric)) problems.push(`docs/${name}.md does not name ${metric}`);
  if (!has('promtool', 'prometheus')) return 'no alert rules';
  for (const args of [
    ['check', 'rules', rules],
    ['test', 'rules', rules.replace('.yaml', '.test.yaml')],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    if (status !== 0) problems.push(`promtool ${args[0]}: ${stdout}${stderr}`);
  }
  return `${asked.length} alert rules`;
}

/** Each workload with each set of keys that it may have. */
/** What systemd puts into the environment: of the file, and of the unit itself. */
function unitSettings(folder) {
  const own = readFileSync(`${folder}payments.service`, 'utf8').matchAll(/^Environment=(.*)$/gm);
  const credentials = '/run/credentials/payments.service';
  const file = readFileSync(`${folder}payments.conf`, 'utf8').split('\n');
  return [...file, ...[...own].map(([, setting]) => setting.replace('%d', credentials))];
}

function kubernetesConfigurations() {
  const keys = manifests.filter(({ name }) => name.startsWith('keys-'));
  return manifests.flatMap(({ name, objects }) =>
    objects
      .filter((object) => podOf(object) !== undefined)
      .flatMap((object) => {
        const [container] = podOf(object).spec.containers;
        if (container.envFrom === undefined) return [];
        const own = environmentOf(container, objects);
        if (own.FAPILOG_TAMPER_KEY_SOURCE !== undefined) return [[name, own]];
        return keys.map((set) => [`${name} with ${set.name}`, environmentOf(container, [...objects, ...set.objects])]);
      }),
  );
}
