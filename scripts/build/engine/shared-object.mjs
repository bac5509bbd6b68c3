import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pythonTools } from '../../lib/python-tools.mjs';
import { capture, root } from '../../lib/run.mjs';
import { builtFile, platforms } from './platforms.mjs';

const ENTRY = 'napi_register_module_v1';

/** What a shared object is and asks for: `format`, `machine`, `needs`, `versions`, `exports`, on macOS `signed`. */
export function describe(file) {
  return JSON.parse(capture(join(pythonTools('lief'), 'python'), [`${root}scripts/build/engine/describe.py`, file]));
}

/** Why the files for these platforms must not be published: those that are not there, and what speaks against the others. */
export function hindrances(names, fileOf = builtFile) {
  return names.flatMap((name) => {
    if (existsSync(fileOf(name))) return objections(name, describe(fileOf(name)));
    return [`${name} is not built: npm run build -- engine --platform ${name}`];
  });
}

/** Why a shared object must not be published for a platform; empty where nothing speaks against it. */
export function objections(name, { format, machine, needs, versions, exports, signed }) {
  const asked = platforms[name];
  const problems = [];
  if (format !== asked.format || machine !== asked.machine) {
    problems.push(`${name}: it is ${format} for ${machine}, not ${asked.format} for ${asked.machine}`);
  }
  if (!exports.includes(ENTRY)) problems.push(`${name}: it has no ${ENTRY}`);
  for (const library of needs) {
    if (!asked.needs.test(library)) problems.push(`${name}: it asks for ${library}`);
  }
  for (const text of versions) {
    const [, of, version] = /^([A-Z]+)_([\d.]+)$/.exec(text) ?? [];
    const newest = asked.newest?.[of];
    if (newest === undefined) problems.push(`${name}: it asks for ${text}`);
    else if (isNewer(version, newest)) problems.push(`${name}: it asks for ${text}, newer than ${newest}`);
  }
  // zig signs what it links for arm64, as the linker of Xcode does; macOS ends a process that loads one without
  if (name === 'darwin-arm64' && signed !== true) problems.push(`${name}: it is not signed`);
  return problems;
}

/** Whether one version is newer than another: `2.34` than `2.28`. */
function isNewer(version, than) {
  return (
    version.localeCompare(than, 'en', { numeric: true }) > 0 &&
    version.replace(/(\.0)+$/, '') !== than.replace(/(\.0)+$/, '')
  );
}
