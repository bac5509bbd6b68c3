// docs/architecture.md names every folder of src/ and no other, says of each room what .dependency-cruiser.mjs allows, and names
// every owner in src/verify/state. Each piece of a stream's state has one owner: no class of src/verify/state and src/verify/model
// has a public field that can be written, and nothing in src/verify assigns to a member of another object, but for plain records
// that the same file declares.
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { rooms } from '../../.dependency-cruiser.mjs';
import { filesBelow } from '../lib/files.mjs';
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

/** What a file writes, or lets others write, of a state that has an owner. */
function foreignWrites(file, text) {
  const found = [];
  const targets = [];
  const own = new Set();
  const isReadonly = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword) === true;
  const visit = (node) => {
    if (ts.isPropertySignature(node) && !isReadonly(node)) own.add(node.name.getText());
    if (ts.isPropertyAssignment(node) && ts.isVariableDeclaration(node.parent.parent)) own.add(node.name.getText());
    if (ts.isPropertyDeclaration(node) && !ts.isPrivateIdentifier(node.name) && !isReadonly(node)) {
      own.add(node.name.getText());
      if (/^src\/verify\/(state|model)\//.test(file))
        found.push(`${file}: anyone can write the field ${node.name.getText()}`);
    }
    if (ts.isBinaryExpression(node) && ts.isAssignmentOperator(node.operatorToken.kind)) targets.push(node.left);
    if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node))
      if ([ts.SyntaxKind.PlusPlusToken, ts.SyntaxKind.MinusMinusToken].includes(node.operator))
        targets.push(node.operand);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  for (const target of targets.filter(ts.isPropertyAccessExpression)) {
    const { expression, name } = target;
    if (expression.kind === ts.SyntaxKind.ThisKeyword || ts.isPrivateIdentifier(name) || name.text === 'length')
      continue;
    const isOwned = /(^|\.#?)(state|epoch)\b/i.test(expression.getText());
    if (isOwned || !own.has(name.text)) found.push(`${file}: assigns to ${target.getText()}`);
  }
  return found;
}

const PLANTED =
  'export class Bag { open = 1; }\nfunction f(state) { state.order.next = 2; state.epoch.step++; other.it ||= 3; }';
const planted = foreignWrites('src/verify/state/planted.ts', PLANTED);
if (planted.length !== 4) problems.push(`of 4 planted writes ${planted.length} were seen`);
const verifier = filesBelow('src/verify', /\.ts$/);
for (const file of verifier) problems.push(...foreignWrites(file, readFileSync(root + file, 'utf8')));
const owners = filesBelow('src/verify/state', /\.ts$/).flatMap((file) =>
  [...readFileSync(root + file, 'utf8').matchAll(/^export class (\w+)/gm)].map(([, name]) => name),
);
for (const owner of owners)
  if (!page.includes(`| \`${owner}\` |`)) problems.push(`docs/architecture.md does not name ${owner}`);

report(
  problems,
  `${folders.length} folders and ${owners.length} owners, all on docs/architecture.md; ${verifier.length} files write only what is their own`,
);
