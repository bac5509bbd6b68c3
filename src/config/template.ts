/** What a path or an origin may stand for, and what each becomes. */
export interface Placeholders {
  /** Host name. */
  readonly host: string;
  /** Process id. */
  readonly pid: string;
  /** A name of this process that no other one has, not even after a restart. */
  readonly instance: string;
  /** Kubernetes pod name (`HOSTNAME` there), or the host name. */
  readonly pod: string;
  /** The last part of the sealed file's path, or `stdout`. Origins only. */
  readonly basename?: string;
}

const inPath = ['host', 'pid', 'instance', 'pod'];
const inOrigin = [...inPath, 'basename'];
const placeholder = /\{([^{}]*)\}/g;

function unknownPlaceholder(template: string, known: readonly string[]): string | undefined {
  for (const [, name] of template.matchAll(placeholder)) {
    if (name === undefined || !known.includes(name)) {
      const shown = /^[A-Za-z_]{1,24}$/.test(name ?? '') ? ` {${name}}` : '';
      return `has an unknown placeholder${shown}; known are ${known.map((one) => `{${one}}`).join(' ')}`;
    }
  }
  return /[{}]/.test(template.replaceAll(placeholder, ''))
    ? 'has a brace that is not part of a placeholder'
    : undefined;
}

/** What is wrong with a template for a path; undefined if nothing is. */
export function pathTemplateProblem(template: string): string | undefined {
  if (template === '') return 'must not be empty';
  if (/\p{Cc}/u.test(template)) return 'must not contain control characters';
  return unknownPlaceholder(template, inPath);
}

/** What is wrong with a template for an origin; undefined if nothing is (spec 1, `origin`). */
export function originTemplateProblem(template: string): string | undefined {
  const unknown = unknownPlaceholder(template, inOrigin);
  if (unknown !== undefined) return unknown;
  const literal = template.replaceAll(placeholder, 'x');
  if (literal === '') return 'must not be empty';
  if (literal.length > 255) return 'is longer than 255 characters';
  if (literal.startsWith('/') || literal.endsWith('/')) return 'must not begin or end with /';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(literal)) return 'must not have a scheme: leave out everything up to //';
  const wrong = /[^A-Za-z0-9._~:/@-]/.exec(literal);
  return wrong === null
    ? undefined
    : `must not contain ${JSON.stringify(wrong[0])}; allowed are A-Z a-z 0-9 . _ ~ : / @ -`;
}

/** Puts the values into a template for a path, mapped to lower case and `a-z0-9._-` (spec 6). */
export function expandPath(template: string, values: Placeholders): string {
  return expand(template, values, (value) => value.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-'));
}

/** Puts the values into a template for an origin; they are mapped into the characters an origin may have (spec 1). */
export function expandOrigin(template: string, values: Placeholders): string {
  return expand(template, values, (value) => value.replaceAll(/[^A-Za-z0-9._~:@-]/g, '-'));
}

function expand(template: string, values: Placeholders, clean: (value: string) => string): string {
  return template.replaceAll(placeholder, (_, name: keyof Placeholders) => clean(values[name] ?? ''));
}
