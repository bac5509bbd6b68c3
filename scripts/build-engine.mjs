// Builds the native engine of this machine with cargo into engine/PLATFORM.node, where a checkout looks for it first.
import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { cargo, cargoVersion } from './lib/cargo.mjs';
import { root, run } from './lib/run.mjs';

if (cargoVersion() === undefined) {
  console.error('cargo is not here: install Rust (https://rustup.rs, or cargo and rustc of the distribution)');
  process.exit(1);
}
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const [, crates] = /^version = "(.+)"$/m.exec(readFileSync(`${root}engine/Cargo.toml`, 'utf8')) ?? [];
if (crates !== version) {
  console.error(`engine/Cargo.toml has version ${crates}, package.json ${version}: they must be the same`);
  process.exit(1);
}
const code = run(cargo, ['build', '--release', '--locked', '--package', 'fapilog-tamper-engine-napi'], {
  cwd: `${root}engine`,
});
if (code !== 0) process.exit(code);

const files = { linux: 'libNAME.so', darwin: 'libNAME.dylib', win32: 'NAME.dll' };
const built = files[process.platform]?.replace('NAME', 'fapilog_tamper_engine_napi');
if (built === undefined) throw new Error(`no engine is made for ${process.platform}`);
const { glibcVersionRuntime } = process.report.getReport().header;
const libc = process.platform !== 'linux' ? '' : glibcVersionRuntime === undefined ? '-musl' : '-gnu';
const file = `engine/${process.platform}-${process.arch}${libc}.node`;
// never written in place: a process may have loaded it
const next = `${root}${file}.${process.pid}`;
copyFileSync(`${root}engine/target/release/${built}`, next);
renameSync(next, root + file);
console.log(`built ${file}`);
