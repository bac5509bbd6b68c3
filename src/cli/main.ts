#!/usr/bin/env node
import { endAtUncaught } from './uncaught.ts';

const ownPackage = () => import('../internal.ts');
const version = async () => (await ownPackage()).ownVersion();
const digest = async () => (await ownPackage()).digestOfPackage();

// logrotate sends it at any time, also while the command starts or ends
if (process.argv[2] === 'seal') process.on('SIGHUP', () => undefined);
endAtUncaught(); // also where the files of the package cannot be read
const [{ run }, { ioOfProcess }] = await Promise.all([import('./run.ts'), import('./process-io.ts')]);
const alive = setInterval(() => undefined, 2 ** 30); // a provider of others that never answers is told, not left
process.exitCode = await run(process.argv.slice(2), { ...ioOfProcess(), digest }, version);
clearInterval(alive);
