// npm run check -- image [RELEASE]: builds the image of the command and the auditor's with buildah, out of the tarballs in the folder
// RELEASE, or of a new one of the package alone; runs them with runc as a hardened host would, and looks for what they should not
// have. The published bases cannot be pulled everywhere, so others stand in for them.
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pack } from '../lib/packed.mjs';
import { capture, report, root, run } from '../lib/run.mjs';
import { build, removeBuilt, standInBases } from './image/buildah.mjs';
import { endContainers, start } from './image/container.mjs';

const NAME = `localhost/fapilog-tamper:${process.pid}`;
const AUDITOR = `localhost/fapilog-tamper-auditor:${process.pid}`;
const NODE = '/nodejs/bin/node';
const ORIGIN = 'audit.example.com/image';
const KEYS = ['--key-source=file', '--key-file-path=audit.key', '--algorithm=Ed25519', '--state-dir=state'];
const SEAL = ['seal', '--out=audit.jsonl', `--origin=${ORIGIN}`, ...KEYS];
const VERIFY = [`--origin=${ORIGIN}`, '--public-key=audit.key.pub'];
/** What a process says of itself: its numbers, capabilities, `no_new_privs`, and the results of writing to four places. */
const SELF = String.raw`
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const facts = [/^CapBnd:\s*(\w+)/m, /^NoNewPrivs:\s*(\w+)/m].map((line) => Number('0x' + line.exec(status)[1]));
  const written = ['/x', '/tmp/x', '/app/x', '/work/x'].map((path) => {
    try { fs.writeFileSync(path, ''); return 'written'; } catch ({ code }) { return code; }
  });
  console.log(process.pid, process.getuid(), process.getgid(), ...facts, ...written);`;
const HARDENED = '0 1 EROFS EROFS EROFS written';
/** Shells, package managers and what they leave: an image of one command has no use for them. */
const NEEDLESS =
  /(^|\/)(\.?s?bin\/(\w*sh|busybox|env|npm|npx|yarn|corepack|apt|apt-get|dpkg|perl|python3?)|node_modules\/npm|\.npm|_cacache|apt\/lists)$/;

const [given] = process.argv.slice(2);
for (const tool of ['buildah', 'runc', 'mmdebstrap']) {
  if (spawnSync(tool, ['--version']).error) report([`${tool} is missing (Debian package ${tool})`]);
}
// a user who is not root becomes it in a namespace of their own
if (process.getuid() !== 0) process.exit(run('buildah', ['unshare', process.execPath, ...process.argv.slice(1)]));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'fapilog-tamper-image-'));
let containers = 0;
try {
  const bases = standInBases();
  const started = performance.now();
  const settings = { ...bases, VERSION: version, REVISION: capture('git', ['rev-parse', 'HEAD']).trim() };
  const context = given === undefined ? packed() : resolve(given);
  const image = build(NAME, `${root}image/Dockerfile`, context, settings);
  const seconds = Math.round((performance.now() - started) / 1000);
  const auditor = build(AUDITOR, `${root}examples/audit/Dockerfile`, emptied('context'), { ...bases, IMAGE: NAME });
  const sizes = [image, auditor].map(({ rootfs }) => `${(bytesOf(rootfs) / 1e6).toFixed(0)} MB`);
  console.log(`${sizes[0]}, ${sizes[1]} with the SDK of the auditor; the first was built in ${seconds} s`);
  const engine = `fapilog-tamper-engine-linux-${process.arch}-gnu-${version}.tgz`;
  checkFiles(image);
  const about = await volumeOf(image, image.config.User).runs(['--version', '--verbose']);
  expect('--version', about, 0, existsSync(join(context, engine)) ? 'engine: native' : `${version}\n`);
  await checkProgram(image, '65532:65532');
  await checkProgram(image, '10002:10002'); // as the manifests and OpenShift have it: a user without a name
  await checkSignals(image);
  await checkAuditor(auditor);
} catch (error) {
  problems.push(error.stack); // with what was found before
} finally {
  endContainers();
  removeBuilt();
  rmSync(folder, { recursive: true, force: true });
}
report(
  problems,
  `version ${version} runs on stand-ins for its bases: the published ones were not pulled, and not built on`,
);

function emptied(name) {
  mkdirSync(join(folder, name));
  return join(folder, name);
}

/** A folder with the package as it would be published, but for the engines. */
function packed() {
  const context = emptied('release');
  const ours = pack();
  try {
    copyFileSync(ours.tarball, join(context, `fapilog-tamper-${version}.tgz`));
  } finally {
    ours.remove();
  }
  return context;
}

function expect(what, { code, stdout, stderr }, wanted, text = '') {
  if (code !== wanted || !(stdout + stderr).includes(text))
    problems.push(`${what}: ended with ${code}, not ${wanted} and "${text}"\n${stdout}${stderr}`);
}

/** What is in the image: labels, nothing that raises rights or that everybody may change, no program but its own. */
function checkFiles({ rootfs, config }) {
  const { Labels: labels, User: user, Entrypoint: entrypoint } = config;
  for (const name of ['source', 'version', 'revision', 'licenses', 'base.name']) {
    if (!labels[`org.opencontainers.image.${name}`]) problems.push(`no label ${name}`);
  }
  if (user !== '65532:65532') problems.push(`the user is ${user}`);
  console.log(`${user}: ${entrypoint.join(' ')}; ${labels['org.opencontainers.image.version']}`);
  for (const path of pathsBelow(rootfs)) {
    const stat = lstatSync(join(rootfs, path));
    if (stat.isFile() && stat.mode & 0o6000) problems.push(`${path} is set-uid or set-gid`);
    if (!stat.isSymbolicLink() && stat.mode & 0o002 && !(stat.mode & 0o1000))
      problems.push(`${path} is writable by all`);
    if (NEEDLESS.test(path)) problems.push(`${path} is not needed`);
  }
}

function pathsBelow(rootfs) {
  return readdirSync(rootfs, { recursive: true });
}

function bytesOf(rootfs) {
  return pathsBelow(rootfs).reduce((sum, path) => sum + lstatSync(join(rootfs, path)).size, 0);
}

/** A folder to mount, of this user, and how a container is begun with it. */
function volumeOf(image, user) {
  const work = emptied(`volume-${++containers}`);
  chownSync(work, ...user.split(':').map(Number));
  const begin = (args, more = {}) =>
    start(image, join(folder, `container-${++containers}`), work, args, { user, ...more });
  const runs = async (args, { input = '', ...more } = {}) => {
    const container = begin(args, more);
    container.stdin.end(input);
    return container.ended;
  };
  return { work, begin, runs };
}

/** What a user does, on a root file system that is read-only. */
async function checkProgram(image, user) {
  const { work, runs } = volumeOf(image, user);
  expect('wrong usage', await runs(['no-such-command']), 64);
  const facts = `1 ${user.replace(':', ' ')} ${HARDENED}`;
  expect('the process', await runs(['--eval', SELF], { entrypoint: [NODE] }), 0, facts);
  expect('keygen', await runs(['keygen', '--out=audit.key', '--algorithm=Ed25519']), 0);
  expect('doctor', await runs(['doctor', `--origin=${ORIGIN}`, ...KEYS]), 0);
  expect('seal', await runs(SEAL, { input: 'paid 120\npaid 7\n' }), 0);
  expect('verify', await runs(['verify', 'audit.jsonl', ...VERIFY]), 0, 'OK');
  const log = join(work, 'audit.jsonl');
  writeFileSync(log, readFileSync(log, 'utf8').replace('paid 120', 'paid 12'));
  expect('verify, tampered', await runs(['verify', 'audit.jsonl', ...VERIFY]), 1, 'TAMPERED');
}

/** SIGTERM closes the log, with and without the init of the image; and it ends a command that does not listen for it. */
async function checkSignals(image) {
  for (const entrypoint of [image.config.Entrypoint, ['fapilog-tamper']]) {
    const { work, begin, runs } = volumeOf(image, image.config.User);
    await runs(['keygen', '--out=audit.key', '--algorithm=Ed25519']);
    const sealing = begin(SEAL, { entrypoint });
    sealing.stdin.write('paid 120\n');
    const log = join(work, 'audit.jsonl');
    await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('paid'));
    sealing.kill('TERM');
    const what = `seal with ${entrypoint[0]} as process 1, at SIGTERM`;
    expect(what, await sealing.ended, 0);
    const verified = await runs(['verify', 'audit.jsonl', ...VERIFY, '--format=json']);
    expect(`${what}: the log`, verified, 0, '"ok"');
  }
  const { begin } = volumeOf(image, image.config.User);
  const [init] = image.config.Entrypoint;
  const deaf = begin(["console.log('up'); setInterval(() => {}, 1000)"], { entrypoint: [init, '--', NODE, '--eval'] });
  await until(() => deaf.output.stdout.includes('up'));
  deaf.kill('TERM');
  expect('a program that listens for no signal, at SIGTERM', await deaf.ended, 128 + 15);
}

async function until(holds) {
  for (const end = Date.now() + 30_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() > end) throw new Error('a container has written nothing for 30 seconds');
  }
}

/** It finds its SDK, which then finds no network; and it has the shell of the manifests. */
async function checkAuditor(image) {
  const { runs } = volumeOf(image, '10002:10002');
  const env = [...image.config.Env, 'AWS_ACCESS_KEY_ID=a', 'AWS_SECRET_ACCESS_KEY=b', 'AWS_REGION=eu-central-1'];
  const bucket = ['audit', 's3://logs/payments', '--memory=/work/memory', `--origin=${ORIGIN}`];
  expect('a bucket', await runs(bucket, { env }), 2, 'UNAVAILABLE: AWS S3 ListObjectsV2');
  const script = 'fapilog-tamper --version > /work/part-0.txt && exec fapilog-tamper inspect /work/part-*.txt';
  expect('a shell', await runs([script], { entrypoint: ['sh', '-c'] }), 2, '1 other line');
}
