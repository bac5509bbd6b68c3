import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { podOf } from './kubernetes.mjs';
import { bareEnvironment } from './running.mjs';

/**
 * What the manifests of `examples/audit` run, run here: with the logs and the policy of the nightly verification, whose second
 * stream was tampered with. @returns what the audits exported, and what went wrong
 */
export async function runAudits(manifests, folder) {
  const problems = [];
  mkdirSync(join(folder, 'results'));
  writeFileSync(join(folder, 'webhook.secret'), `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  const here = { folder, env: { ...bareEnvironment(), PATH: `${join(folder, 'bin')}:${process.env.PATH}` } };
  const expect = (what, { status, stdout, stderr }, code) => {
    if (status !== code) problems.push(`${what} ended with ${status}, not ${code}\n${stdout}${stderr}`);
  };

  const nightly = containerOf(manifests, 'cronjob.yaml');
  expect('cronjob.yaml', runHere(nightly, here, 'one'), 1);

  const part = containerOf(manifests, 'indexed-job.yaml');
  const count = Number(part.env.find(({ name }) => name === 'JOB_COMPLETIONS').value);
  const { completions } = specOf(manifests, 'indexed-job.yaml');
  if (count !== completions)
    problems.push(`indexed-job.yaml: ${completions} completions, but JOB_COMPLETIONS is ${count}`);
  const codes = [];
  for (let index = 0; index < count; index++) {
    const more = { RUN: 'run-1', JOB_COMPLETIONS: String(count), JOB_COMPLETION_INDEX: String(index) };
    codes.push(runHere(part, here, 'parts', more).status);
  }
  if (codes.filter((code) => code === 1).length !== 1 || codes.some((code) => code > 1))
    problems.push(`the parts of indexed-job.yaml ended with ${codes}`);
  expect('merge-job.yaml', runHere(containerOf(manifests, 'merge-job.yaml'), here, 'parts', { RUN: 'run-1' }), 1);
  const merged = readdirSync(join(folder, 'results', 'run-1'));
  for (const name of ['audit.html', 'audit.prom'])
    if (!merged.includes(name)) problems.push(`merge-job.yaml: no ${name}`);

  const watched = await runWatch(containerOf(manifests, 'watch.yaml'), here);
  problems.push(...watched.problems);
  return { metrics: readFileSync(join(folder, 'results', 'audit.prom'), 'utf8') + watched.metrics, problems };
}

const objectOf = (manifests, name) =>
  manifests.find((manifest) => manifest.name === name).objects.find((object) => podOf(object) !== undefined);
const containerOf = (manifests, name) => podOf(objectOf(manifests, name)).spec.containers[0];
const specOf = (manifests, name) => objectOf(manifests, name).spec;

/** Its arguments with places of this machine. */
const localArgs = ({ args }, folder, memory) =>
  args.map((argument) =>
    argument
      .replaceAll('s3://logs/payments', join(folder, 'nightly'))
      .replaceAll('s3://audit-memory/payments', join(folder, `audit-memory-${memory}`))
      .replaceAll('/policy/policy.yaml', join(folder, 'policy-nightly.yaml'))
      .replaceAll('/webhook/secret', join(folder, 'webhook.secret'))
      .replaceAll('0.0.0.0:9797', '127.0.0.1:0')
      .replaceAll('https://alerts.example.com', 'https://127.0.0.1:9')
      .replaceAll('/results/', `${join(folder, 'results')}/`),
  );

/** The program and its arguments, without the init of the image. */
function commandOf(container, { folder }, memory) {
  const program = (container.command ?? []).filter((word) => word !== '/usr/bin/tini' && word !== '--');
  return [...(program.length === 0 ? ['fapilog-tamper'] : program), ...localArgs(container, folder, memory)];
}

function runHere(container, here, memory, more = {}) {
  const [program, ...args] = commandOf(container, here, memory);
  return spawnSync(program, args, {
    cwd: here.folder,
    env: { ...here.env, ...more },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

/** The service: its first round, what it exports, and SIGTERM. */
async function runWatch(container, here) {
  const problems = [];
  const [program, ...args] = commandOf(container, here, 'watch');
  const child = spawn(program, args, { cwd: here.folder, env: here.env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let stderr = '';
  const url = await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      const [, found] = /watching; (\S+)\/metrics/.exec(stderr) ?? [];
      if (found !== undefined) resolve(found);
    });
    ended.then(() => reject(new Error(`watch.yaml: the service ended: ${stderr}`)));
  });
  let metrics = '';
  try {
    for (const until = Date.now() + 60_000; !metrics.includes('audit_streams') && Date.now() < until; ) {
      metrics = await (await fetch(`${url}/metrics`)).text();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { path } = container.readinessProbe.httpGet;
    const { status } = await fetch(url + path);
    if (status !== 200) problems.push(`watch.yaml: ${path} answered ${status}: ${stderr}`);
  } finally {
    child.kill('SIGTERM');
  }
  const [code] = await ended;
  if (code !== 0) problems.push(`watch.yaml: the service ended with ${code} at SIGTERM: ${stderr}`);
  return { metrics, problems };
}
