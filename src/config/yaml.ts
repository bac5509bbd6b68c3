import { type Document, isScalar, Lexer, type LineCounter, parseDocument, visit } from 'yaml';

/**
 * YAML as people write it for a program: maps, lists and plain values. Its cost grows with its length alone: a parser that
 * follows aliases, recurses into nesting or compares each key with each other can be kept busy for minutes by a short file.
 */

/** Deeper than any configuration or policy goes. */
const MAX_DEPTH = 32;

/** Why a text is no such YAML. Nothing of the text is in it. */
export interface YamlFault {
  /** `TOO_DEEP`, `ALIAS`, `DUPLICATE_KEY`, or the parser's own. */
  readonly code: string;
  /** In words. */
  readonly problem: string;
  readonly line: number;
}

const problems: ReadonlyMap<string, string> = new Map([
  ['TOO_DEEP', 'it is nested too deeply'],
  ['ALIAS', 'aliases are not allowed'],
  ['DUPLICATE_KEY', 'this name appears twice'],
]);

const faultOf = (code: string, line: number): YamlFault => ({
  code,
  problem: problems.get(code) ?? `this is not plain YAML (${code})`,
  line,
});

/** The document, or the first fault of the text. `lines` learns where its lines begin. */
export function readPlainYaml(text: string, lines: LineCounter): Document | YamlFault {
  const deep = tooDeep(text);
  if (deep !== undefined) return deep;
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'core',
    stringKeys: true,
    uniqueKeys: false,
    merge: false,
  });
  const error = document.errors[0] ?? document.warnings[0];
  if (error !== undefined) return faultOf(error.code, lines.linePos(error.pos[0]).line);
  return document.contents === null ? document : (aliasOrDuplicate(document, lines) ?? document);
}

/** Brackets within brackets, before anything is built of them. */
function tooDeep(text: string): YamlFault | undefined {
  let depth = 0;
  let line = 1;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') depth++;
    if (lexeme === ']' || lexeme === '}') depth--;
    if (depth > MAX_DEPTH) return faultOf('TOO_DEEP', line);
    if (lexeme.includes('\n')) line += lexeme.split('\n').length - 1;
  }
  return undefined;
}

function aliasOrDuplicate(document: Document, lines: LineCounter): YamlFault | undefined {
  let fault: YamlFault | undefined;
  const stop = (code: string, offset = 0): symbol => {
    fault = faultOf(code, lines.linePos(offset).line);
    return visit.BREAK;
  };
  visit(document, {
    Alias: (_key, alias) => stop('ALIAS', alias.range?.[0]),
    Map: (_key, map) => {
      const names = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (names.has(key.value)) return stop('DUPLICATE_KEY', key.range?.[0]);
        names.add(key.value);
      }
      return undefined;
    },
  });
  return fault;
}
