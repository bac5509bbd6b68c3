import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { runCommand } from '../support/command-line.ts';

/** Everything that a program may name: commands and flags, codes, exports. A later version may only add to it. */

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The words that a flag takes; `text`: anything; `nothing`: it stands alone. */
export type Taken = 'nothing' | 'text' | readonly string[];

/** `surface.json` */
export interface Surface {
  /** By command and flag what it takes. */
  readonly commands: Readonly<Record<string, Readonly<Record<string, Taken>>>>;
  /** What each exit code means. */
  readonly exitCodes: Readonly<Record<string, string>>;
  readonly errorCodes: readonly string[];
  /** By finding code what it does to the verdict. */
  readonly findingCodes: Readonly<Record<string, string>>;
  /** What keeps the proof of a record from being ok. */
  readonly proofCodes: readonly string[];
  /** What an audit finds besides, and what it says of each stream. */
  readonly auditCodes: readonly string[];
  readonly streamResults: readonly string[];
  /** Names by subpath of the package. */
  readonly exports: Readonly<Record<string, readonly string[]>>;
}

export async function surfaceOf(): Promise<Surface> {
  const names = await commandNames();
  const commands: Record<string, Readonly<Record<string, Taken>>> = {};
  for (const name of names) commands[name] = await flagsOf(name);
  return {
    commands,
    exitCodes: await exitCodes(),
    errorCodes: membersOfType('src/errors.ts', 'TamperErrorCode'),
    findingCodes: Object.fromEntries(
      (['Tampered', 'Undecided', 'Warning'] as const).flatMap((severity) =>
        membersOfType('src/verify/model/findings.ts', `${severity}Code`).map((code) => [code, severity.toLowerCase()]),
      ),
    ),
    proofCodes: membersOfType('src/verify/proof/proof-report.ts', 'ProofFindingCode'),
    auditCodes: membersOfType('src/audit/check/stream-result.ts', 'AuditCode'),
    streamResults: listOf('src/audit/check/stream-result.ts', 'STREAM_RESULTS'),
    exports: publicNames(),
  };
}

async function commandNames(): Promise<string[]> {
  const { stdout } = await runCommand(['help']);
  return [...stdout.matchAll(/^ {2}((?:[a-z]+ )?[a-z]+) {2,}\S/gm)].map(([, name = '']) => name).sort();
}

/** Completion is made from the same tables as the help and the manual pages, and has the options of configuration too. */
async function flagsOf(command: string): Promise<Record<string, Taken>> {
  const { stdout } = await runCommand(['completion', 'fish']);
  const own = stdout
    .split('\n')
    .filter((line) => new RegExp(`__fapilog_tamper_in [^-]*(?<![a-z] )\\\\?'?${command}\\\\?'?[ ']`).test(line));
  const flags = own.flatMap((line): [string, Taken][] => {
    const [, name, takes = ''] = /^complete .* -l ([a-z0-9-]+) -d '(?:[^'\\]|\\.)*'(.*)$/.exec(line) ?? [];
    const [, words] = / -a '([^('][^']*)'$/.exec(takes) ?? [];
    return name === undefined ? [] : [[name, words?.split(' ') ?? (takes === '' ? 'nothing' : 'text')]];
  });
  return Object.fromEntries(flags.sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function exitCodes(): Promise<Record<string, string>> {
  const { stdout } = await runCommand(['help']);
  const [, list = ''] = /Exit codes: ([\s\S]*?)\.\n/.exec(stdout) ?? [];
  return Object.fromEntries(
    [...list.replaceAll('\n', ' ').matchAll(/(\d+) ([^,]+)/g)].map(([, code, what]) => [code, what]),
  );
}

const sourceOf = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);

/** The texts that a type of the sources may be. */
function membersOfType(file: string, name: string): string[] {
  const declared = sourceOf(file).statements.find(
    (one): one is ts.TypeAliasDeclaration => ts.isTypeAliasDeclaration(one) && one.name.text === name,
  );
  return textsIn(declared?.type, `${file} has no type ${name}`);
}

/** The texts of a constant list of the sources. */
function listOf(file: string, name: string): string[] {
  const declared = sourceOf(file)
    .statements.filter(ts.isVariableStatement)
    .flatMap(({ declarationList }) => declarationList.declarations)
    .find((one) => one.name.getText() === name);
  return textsIn(declared?.initializer, `${file} has no list ${name}`);
}

function textsIn(node: ts.Node | undefined, otherwise: string): string[] {
  const found = [...(node?.getText() ?? '').matchAll(/'(\w+)'/g)].map(([, text = '']) => text);
  if (found.length === 0) throw new Error(otherwise);
  return found.sort();
}

function publicNames(): Record<string, readonly string[]> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string>;
  };
  const modules = Object.entries(exports).filter(([, file]) => file.endsWith('.js'));
  return Object.fromEntries(
    modules.map(([subpath, file]) => [
      subpath,
      [...new Set(namesIn(file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')))].sort(),
    ]),
  );
}

function namesIn(file: string): string[] {
  return sourceOf(file).statements.flatMap((statement): string[] => {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement;
      if (exportClause === undefined && moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier))
        return namesIn(join(dirname(file), moduleSpecifier.text));
      if (exportClause === undefined) return [];
      return ts.isNamedExports(exportClause)
        ? exportClause.elements.map(({ name }) => name.text)
        : [exportClause.name.text];
    }
    if (ts.isExportAssignment(statement)) return ['default'];
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    const kinds = modifiers.map(({ kind }) => kind);
    if (!kinds.includes(ts.SyntaxKind.ExportKeyword)) return [];
    if (kinds.includes(ts.SyntaxKind.DefaultKeyword)) return ['default'];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
    return name === undefined ? [] : [name.text];
  });
}
