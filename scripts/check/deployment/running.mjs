import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../../lib/run.mjs';

const main = `${root}dist/cli/main.js`;

/** Nothing of the machine's own configuration counts. */
export const bareEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FAPILOG_TAMPER_|VAULT_|BAO_)/.test(name)));

/** A folder with `bin/fapilog-tamper`, the application with its packages, a data key and a signing key. */
export function prepare(folder, examples) {
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'fapilog-tamper'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(folder, 'bin', 'fapilog-tamper'), 0o755);
  cpSync(`${examples}deployment/app`, join(folder, 'app'), { recursive: true });
  mkdirSync(join(folder, 'app', 'node_modules'));
  symlinkSync(root, join(folder, 'app', 'node_modules', 'fapilog-tamper'), 'dir');
  symlinkSync(`${root}node_modules/pino`, join(folder, 'app', 'node_modules', 'pino'), 'dir');
  command(folder, ['keygen', '--out', 'data.key']);
  const { stdout } = command(folder, [
    ...['keygen', '--out', 'sign.pem', '--algorithm', 'Ed25519'],
    ...['--origin', 'audit.example.com/payments', '--format', 'json'],
  ]);
  return JSON.parse(stdout).vkey;
}

/** Runs a command of ours. */
function command(folder, args, { env = {}, input } = {}) {
  return spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...bareEnvironment(), ...env },
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
}

/**
 * A configuration as it would be on this machine: paths are below `folder`, and a local key stands in for each key of a
 * key service. Whatever else it says stays.
 */
function localised(settings, folder) {
  const env = Object.fromEntries(
    Object.entries(settings).filter(
      ([name]) => !/_(KEY_SOURCE|KEY_ID|USE_KMS_SIGNING|AWS_\w+|GCP_\w+|VAULT_\w+)$/.test(name),
    ),
  );
  const below = (path) => (path === '-' ? path : join(folder, path));
  env.FAPILOG_TAMPER_FILE = below(settings.FAPILOG_TAMPER_FILE);
  env.FAPILOG_TAMPER_STATE_DIR = below(settings.FAPILOG_TAMPER_STATE_DIR);
  env.FAPILOG_TAMPER_KEY_SOURCE = 'file';
  const signs = settings.FAPILOG_TAMPER_USE_KMS_SIGNING === 'true' || settings.FAPILOG_TAMPER_ALGORITHM === 'Ed25519';
  env.FAPILOG_TAMPER_KEY_FILE_PATH = join(folder, signs ? 'sign.pem' : 'data.key');
  if (signs) env.FAPILOG_TAMPER_ALGORITHM = 'Ed25519';
  if (settings.FAPILOG_TAMPER_SIGNING_KEY_ID !== undefined) {
    env.FAPILOG_TAMPER_SIGNING_KEY_ID = 'sign';
    env.FAPILOG_TAMPER_SIGNING_KEY_FILE_PATH = join(folder, 'sign.pem');
  }
  return env;
}

/** `doctor`, `seal` and `verify` with a configuration; on its volume, the state directory does not exist yet. */
export function configurationProblems(name, settings, folder) {
  const env = localised(settings, folder);
  const file = env.FAPILOG_TAMPER_FILE;
  // As the kubelet leaves the root of a volume with an fsGroup.
  for (const path of [file, env.FAPILOG_TAMPER_STATE_DIR]) {
    if (path === '-') continue;
    mkdirSync(join(path, '..'), { recursive: true });
    chmodSync(join(path, '..'), 0o2775);
  }
  const doctor = command(folder, ['doctor'], { env });
  if (doctor.status !== 0) return [`${name}: doctor ended with ${doctor.status}\n${doctor.stdout}${doctor.stderr}`];
  const sealed = command(folder, ['seal'], { env, input: `${'x'.repeat(20_000)}\nshort\n` });
  if (sealed.status !== 0) return [`${name}: seal ended with ${sealed.status}\n${sealed.stderr}`];
  const args = ['--origin', 'audit.example.com/payments/*', '--public-key', 'sign.pem.pub'];
  if (file !== '-') return verified(name, command(folder, ['verify', join(file, '..'), ...args]));
  const longest = Math.max(...sealed.stdout.split('\n').map((line) => Buffer.byteLength(line)));
  const wrapped = sealed.stdout.replaceAll(/^(?=.)/gm, '2026-11-24T23:00:00.123456789Z stdout F ');
  const log = join(folder, `${name.replaceAll(/\W/g, '-')}.log`);
  writeFileSync(log, wrapped);
  return [
    ...(longest < 16_384 ? [] : [`${name}: a line of ${longest} bytes, which a carrier cuts`]),
    ...verified(name, command(folder, ['verify', log, '--unwrap', 'cri', ...args])),
  ];
}

function verified(name, { status, stdout, stderr }) {
  return status === 0 ? [] : [`${name}: verify ended with ${status}\n${stdout}${stderr}`];
}

/** The application, from its first request over a rename of its log to SIGTERM; `metrics` is what it exported. */
export async function runApplication(settings, folder) {
  const env = localised(settings, folder);
  const log = env.FAPILOG_TAMPER_FILE;
  for (const path of [log, env.FAPILOG_TAMPER_STATE_DIR]) mkdirSync(join(path, '..'), { recursive: true });
  const port = await freePort();
  const app = spawn(process.execPath, ['app.mjs'], {
    cwd: join(folder, 'app'),
    env: { ...bareEnvironment(), ...env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const ended = once(app, 'exit');
  let stderr = '';
  app.stderr.on('data', (data) => {
    stderr += data;
  });
  const problems = [];
  let metrics = '';
  try {
    const get = async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: response.status, text: await response.text() };
    };
    await untilAnswers(() => get('/livez'));
    for (const path of ['/livez', '/readyz', '/pay?amount=120']) {
      const { status, text } = await get(path);
      if (status !== 200) problems.push(`${path} answered ${status}: ${text}`);
    }
    await untilAnswers(async () => {
      metrics = (await get('/metrics')).text;
      if (!metrics.includes('checkpoint_age_seconds')) throw new Error('no checkpoint yet');
    });
    renameSync(log, `${log}.1`); // as logrotate.conf has it
    await untilAnswers(async () => {
      await get('/pay?amount=7');
      readFileSync(log);
    });
  } catch (error) {
    problems.push(`${error.message}\n${stderr}`);
  }
  app.kill('SIGTERM');
  const killed = setTimeout(() => app.kill('SIGKILL'), 15_000);
  const [code, signal] = await ended;
  clearTimeout(killed);
  if (code !== 0) problems.push(`SIGTERM: ended with ${code ?? signal}\n${stderr}`);
  const args = ['--origin', 'audit.example.com/payments/*', '--public-key', 'sign.pem.pub'];
  problems.push(...verified('the log of the application', command(folder, ['verify', `${log}.1`, log, ...args])));
  return { metrics, problems: problems.map((problem) => `app.mjs: ${problem}`) };
}

async function untilAnswers(attempt) {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The nightly script with the auditor's policy: ok, then tampered. `metrics` is what it left. */
export function runNightly(examples, folder, vkey) {
  const logs = join(folder, 'nightly');
  mkdirSync(logs);
  const env = {
    FAPILOG_TAMPER_KEY_SOURCE: 'file',
    FAPILOG_TAMPER_ALGORITHM: 'Ed25519',
    FAPILOG_TAMPER_KEY_FILE_PATH: 'sign.pem',
  };
  for (const pod of ['payments-0', 'payments-1', 'payments-2']) {
    const where = ['--out', join(logs, `${pod}.jsonl`), '--origin', `audit.example.com/payments/${pod}`];
    command(folder, ['seal', ...where], { env, input: 'paid 120\n' });
  }
  const policy = readFileSync(`${examples}deployment/policy.yaml`, 'utf8').replace(/(?<=sign: ")[^"]+/, vkey);
  writeFileSync(join(folder, 'policy-nightly.yaml'), policy);
  const night = () =>
    spawnSync(
      'sh',
      [`${examples}deployment/nightly-verify.sh`, logs, 'policy-nightly.yaml', 'known-nightly.json', 'audit.prom'],
      {
        cwd: folder,
        env: { ...bareEnvironment(), PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
        encoding: 'utf8',
      },
    );
  const problems = [];
  const expect = (code) => {
    const { status, stdout, stderr } = night();
    if (status !== code) problems.push(`nightly-verify.sh ended with ${status}, not ${code}\n${stdout}${stderr}`);
    const left = readFileSync(join(folder, 'audit.prom'), 'utf8');
    if (!left.includes(`fapilog_tamper_verify_exit_code ${code}\n`)) problems.push(`nightly-verify.sh left ${left}`);
    return left;
  };
  const metrics = expect(0);
  const altered = join(logs, 'payments-1.jsonl');
  writeFileSync(altered, readFileSync(altered, 'utf8').replace('paid 120', 'paid 12'));
  expect(1);
  return { metrics, problems };
}
