#!/usr/bin/env node
import { endAtUncaught } from './uncaught.ts';

const ownPackage = () => import('../foundation/own-package.ts');
const version = async () => (await ownPackage()).ownVersion();
const digest = async () => (await ownPackage()).digestOfPackage();
const argv = process.argv.slice(2);

async function run(): Promise<number> {
  const [commands, { ioOfProcess }] = await Promise.all([import('./run.ts'), import('./process-io.ts')]);
  return commands.run(argv, { ...ioOfProcess(), digest }, version);
}

// logrotate sends it at any time, also while the command starts or ends
if (argv[0] === 'seal') process.on('SIGHUP', () => undefined);
endAtUncaught(); // also where the files of the package cannot be read
const [{ orDescribed }, { asksVersion, printVersion }] = await Promise.all([
  import('./described.ts'),
  import('./version.ts'),
]);
const alive = setInterval(() => undefined, 2 ** 30); // a provider of others that never answers is told, not left
process.exitCode = asksVersion(argv[0])
  ? await orDescribed(process, argv, () => printVersion(argv, { stdout: process.stdout, version, digest }))
  : await run();
clearInterval(alive);
