import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { cargo, cargoVersion } from '../../lib/cargo.mjs';
import { pythonTools } from '../../lib/python-tools.mjs';
import { capture, root, run } from '../../lib/run.mjs';
import { platforms } from './platforms.mjs';

const cwd = `${root}engine`;
const BUILD = ['--release', '--locked', '--package', 'fapilog-tamper-engine-napi'];

/** Why nothing can be built here; undefined where it can. */
export function hindrance() {
  if (cargoVersion() === undefined) {
    return 'cargo is not here: install Rust (https://rustup.rs, or cargo and rustc of the distribution)';
  }
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const [, crates] = /^version = "(.+)"$/m.exec(readFileSync(`${cwd}/Cargo.toml`, 'utf8')) ?? [];
  if (crates === version) return undefined;
  return `engine/Cargo.toml has version ${crates}, package.json ${version}: they must be the same`;
}

/** Builds for this machine, against its own C library, and returns cargo's exit code. */
export function buildHere(name, file) {
  const code = run(cargo, ['build', ...BUILD], { cwd });
  if (code === 0) place(join(targetFolder(), 'release', platforms[name].library), file);
  return code;
}

/** Builds for a platform, on any machine that zig runs on, and returns cargo's exit code. */
export function buildFor(name, file) {
  const { target, linksAs, library, flags, environment, format } = platforms[name];
  const folder = targetFolder();
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  // where it was built is nobody's business, and would make two builds differ
  const remapped = [`--remap-path-prefix=${root}=`, `--remap-path-prefix=${cargoHome}/=`];
  const env = {
    ...process.env,
    ...environment,
    // cargo is called by name again from below
    PATH: [pythonTools('zig'), ...(isAbsolute(cargo) ? [dirname(cargo)] : []), process.env.PATH].join(delimiter),
    LIBNODE_PATH: emptyNodeLibrary(folder),
    CARGO_ENCODED_RUSTFLAGS: [...flags, ...remapped].join('\x1f'),
  };
  capture('rustup', ['target', 'add', target], { cwd, env });
  const code = run(cargo, ['zigbuild', ...BUILD, '--target', linksAs], { cwd, env });
  if (code === 0) place(join(folder, target, 'release', library), file);
  if (code === 0 && format === 'PE') removeTime(file);
  return code;
}

/** The linker writes the time of the build into the header (TimeDateStamp), and zig has no way to forbid it. */
function removeTime(file) {
  const header = readFileSync(file).readUInt32LE(0x3c);
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(4), 0, 4, header + 8); // after "PE\0\0", machine and number of sections
  closeSync(handle);
}

function targetFolder() {
  return JSON.parse(capture(cargo, ['metadata', '--no-deps', '--locked', '--format-version=1'], { cwd }))
    .target_directory;
}

/** For Windows napi-build wants a library of Node.js to link against, from which nothing is taken: the functions are looked up in the program that loads us. */
function emptyNodeLibrary(folder) {
  const place = join(folder, 'no-node');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'libnode.dll'), '');
  writeFileSync(join(place, 'libnode.a'), '!<arch>\n');
  return place;
}

/** Never written in place: a process may have loaded what is there. */
function place(built, file) {
  mkdirSync(dirname(file), { recursive: true });
  const next = `${file}.${process.pid}`;
  copyFileSync(built, next);
  renameSync(next, file);
}
