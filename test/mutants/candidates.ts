import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Every change of one place of the sources that the tool may make. */

/** Text `[start, end)` of a file is replaced by `by`. */
export interface Mutant {
  readonly file: string;
  /** Of the first character that changes. */
  readonly line: number;
  readonly lastLine: number;
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly by: string;
  /** The lines that it stands in, as they are: with `file` and `change`, this finds the mutant in another commit. */
  readonly text: string;
  readonly change: string;
}

const FLIPPED: Readonly<Record<string, readonly [operator: string, by: string]>> = {
  '<': ['boundary', '<='],
  '<=': ['boundary', '<'],
  '>': ['boundary', '>='],
  '>=': ['boundary', '>'],
  '&&': ['logic', '||'],
  '||': ['logic', '&&'],
  '===': ['negation', '!=='],
  '!==': ['negation', '==='],
};

/** The sources of a tree, type-checked as its tsconfig.json says. */
export class Sources {
  readonly #service: ts.LanguageService;
  readonly #tree: string;
  #changed: { path: string; text: string; version: number } = { path: '', text: '', version: 0 };

  constructor(tree: string) {
    this.#tree = tree;
    const config = ts.readConfigFile(join(tree, 'tsconfig.json'), ts.sys.readFile).config;
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: ['src'] }, ts.sys, tree);
    const files = this.files('src').map((file) => join(tree, file));
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => files,
      getScriptVersion: (path) => (path === this.#changed.path ? `changed ${this.#changed.version}` : 'as it is'),
      getScriptSnapshot: (path) => {
        const text = path === this.#changed.path ? this.#changed.text : ts.sys.readFile(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => tree,
      getDefaultLibFileName: (chosen) => ts.getDefaultLibFilePath(chosen),
      fileExists: ts.sys.fileExists,
      readFile: ts.sys.readFile,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
    });
  }

  files(folder: string): string[] {
    const found = readdirSync(join(this.#tree, folder), { recursive: true, encoding: 'utf8' });
    return found.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`).sort(); // biome-ignore format: one thought
  }

  mutants(file: string): Mutant[] {
    const program = this.#service.getProgram();
    const source = program?.getSourceFile(join(this.#tree, file));
    if (program === undefined || source === undefined) throw new Error(`TypeScript does not read ${file}`);
    return collect(source, program.getTypeChecker(), file);
  }

  /** Whether the file has no type error with the change. */
  compiles({ file, start, end, by }: Mutant): boolean {
    const path = join(this.#tree, file);
    const text = readFileSync(path, 'utf8');
    this.#changed = { path, text: text.slice(0, start) + by + text.slice(end), version: this.#changed.version + 1 };
    const wrong = [...this.#service.getSyntacticDiagnostics(path), ...this.#service.getSemanticDiagnostics(path)];
    this.#changed = { path: '', text: '', version: this.#changed.version };
    return wrong.length === 0;
  }
}

function collect(source: ts.SourceFile, checker: ts.TypeChecker, file: string): Mutant[] {
  const found: Mutant[] = [];
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
  const lines = source.text.split('\n');
  const add = (operator: string, node: ts.Node, by: string, [start, end] = [node.getStart(), node.getEnd()]) => {
    const [first, last] = [lineOf(start), lineOf(end)];
    const text = lines.slice(first, last + 1).map((line) => line.trim()).join('\n'); // biome-ignore format: one thought
    const change = `${source.text.slice(start, end)} -> ${by}`;
    found.push({ file, line: first + 1, lastLine: last + 1, operator, start, end, by, text, change });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isTemplateExpression(node)) return;
    if (ts.isNewExpression(node) && node.expression.getText().endsWith('Error')) {
      if (node.arguments?.[0] !== undefined) visit(node.arguments[0]); // its code; the rest are words
      return;
    }
    if (isDeletable(node)) add('deletion', node, '{}');
    if (ts.isIfStatement(node)) negate(node.expression);
    if (ts.isConditionalExpression(node)) negate(node.condition);
    if (ts.isBinaryExpression(node)) {
      const [operator, by] = FLIPPED[node.operatorToken.getText()] ?? [];
      if (operator !== undefined && by !== undefined) add(operator, node.operatorToken, by);
    }
    if (ts.isNumericLiteral(node)) {
      for (const step of [1, -1]) add('constant', node, `(${Number(node.text) + step})`);
    }
    if (ts.isStringLiteral(node)) for (const other of othersOf(node, checker)) add('swap', node, `'${other}'`);
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && ts.isBlock(node.body as ts.Node)) {
      const { statements } = node.body as ts.Block;
      const signature = checker.getSignatureFromDeclaration(node);
      const returned = signature && checker.typeToString(checker.getReturnTypeOfSignature(signature));
      const values = /^(Promise<)?boolean>?$/.test(returned ?? '') ? [' true', ' false'] : [''];
      const first = statements[0];
      const place: [number, number] = [first?.getStart() ?? 0, first?.getStart() ?? 0];
      if (first !== undefined) {
        for (const value of values) add('return', first, `return${value}; `, place);
      }
    }
    ts.forEachChild(node, visit);
  };
  /** A comparison is turned around by itself. */
  const negate = (condition: ts.Expression) => {
    if (ts.isBinaryExpression(condition) && condition.operatorToken.getText() in FLIPPED) return;
    add('negation', condition, `!(${condition.getText()})`);
  };
  visit(source);
  return found;
}

function isDeletable(node: ts.Node): boolean {
  if (ts.isIfStatement(node)) return node.elseStatement === undefined && !ts.isBlock(node.thenStatement);
  return ts.isExpressionStatement(node) || ts.isThrowStatement(node) || ts.isContinueStatement(node);
}

/** The next one of the strings that may stand in the place of this one. */
function othersOf(node: ts.StringLiteral, checker: ts.TypeChecker): string[] {
  const { parent } = node;
  const compared = ts.isBinaryExpression(parent) && /^[!=]==$/.test(parent.operatorToken.getText());
  const beside = compared ? (parent.left === node ? parent.right : parent.left) : undefined;
  const switched = ts.isCaseClause(parent) ? parent.parent.parent.expression : undefined;
  const asked = beside ?? switched;
  const type = asked === undefined ? checker.getContextualType(node) : checker.getTypeAtLocation(asked);
  const strings = (type?.isUnion() ? type.types : []).flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
  const at = strings.indexOf(node.text);
  return at < 0 ? [] : [...strings, ...strings].slice(at + 1, at + 2).filter((other) => other !== node.text);
}
