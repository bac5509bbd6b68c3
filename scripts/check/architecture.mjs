// docs/architecture.md names every folder of src/ and no other, and says of each room what .dependency-cruiser.mjs allows.
import { readdirSync, readFileSync } from 'node:fs';
import { rooms } from '../../.dependency-cruiser.mjs';
import { report, root } from '../lib/run.mjs';

const page = readFileSync(`${root}docs/architecture.md`, 'utf8');
const rows = new Map(
  [...page.matchAll(/^\| `(?:src\/)?([a-z0-9/-]+)` \|(.*)\|$/gm)].map(([, folder, cells]) => [
    folder,
    cells.split('|'),
  ]),
);
const folders = readdirSync(`${root}src`, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice(`${root}src/`.length));

const problems = [];
for (const folder of folders) if (!rows.has(folder)) problems.push(`docs/architecture.md does not name src/${folder}`);
for (const folder of rows.keys()) if (!folders.includes(folder)) problems.push(`there is no src/${folder}`);
for (const [layer, within] of Object.entries(rooms)) {
  const names = Object.keys(within);
  for (const [room, allowed] of Object.entries(within)) {
    const said = rows.get(`${layer}/${room}`)?.[1]?.trim() ?? '';
    const but = /^all but `([a-z-]+)`$/.exec(said)?.[1];
    const listed =
      said === 'all of the above'
        ? names.slice(0, names.indexOf(room))
        : but !== undefined
          ? names.filter((name) => name !== but && name !== room)
          : [...said.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name);
    const extra = allowed.filter((name) => !listed.includes(name));
    if (extra.length > 0)
      problems.push(`src/${layer}/${room} may import ${extra.join(', ')}, which its row leaves out`);
    const exact = said !== 'all of the above' && but === undefined;
    const missing = listed.filter((name) => !allowed.includes(name));
    if (exact && missing.length > 0) problems.push(`src/${layer}/${room} may not import ${missing.join(', ')}`);
  }
}
if (folders.length === 0) problems.push('src/ holds no folder');
report(problems, `${folders.length} folders, all on docs/architecture.md`);
