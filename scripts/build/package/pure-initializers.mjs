/** What evaluating an expression can do more than make a value, as far as a bundler knows. */
const DOES_SOMETHING = new Set([
  'BinaryExpression',
  'CallExpression',
  'MemberExpression',
  'NewExpression',
  'SpreadElement',
  'TemplateLiteral',
]);

/** Whether there is something of that in a syntax tree, but for bodies of functions and classes. */
function doesSomething(node) {
  if (Array.isArray(node)) return node.some(doesSomething);
  if (typeof node?.type !== 'string' || /Function|Class/.test(node.type)) return false;
  return DOES_SOMETHING.has(node.type) || Object.values(node).some(doesSomething);
}

/**
 * A rolldown plugin that marks how top-level constants are made as free of side effects. In package.json, `sideEffects: false`
 * says so of whole modules. Where modules are joined, a bundler of an application no longer sees them one by one, and would keep
 * the constants of all of them for the sake of one function.
 */
export const pureInitializers = {
  name: 'pure-initializers',
  transform: {
    filter: { id: /\.ts$/ },
    handler(code, _id, { magicString }) {
      for (const statement of this.parse(code, { lang: 'ts' }).body) {
        const declaration = statement.declaration ?? statement;
        if (declaration.type !== 'VariableDeclaration') continue;
        for (const { id, init } of declaration.declarations) {
          if (id.type !== 'Identifier' || !doesSomething(init)) continue;
          magicString.appendLeft(init.start, '/* @__PURE__ */ (() => (');
          magicString.appendRight(init.end, '))()');
        }
      }
      return { code: magicString.toString(), map: magicString.generateMap({ hires: 'boundary' }).toString() };
    },
  },
};
