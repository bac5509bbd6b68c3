/**
 * HTML by construction: what stands in a template is markup, every value put into it is text. There is one way to make
 * {@link Markup}, so no string of a log becomes a tag or an attribute.
 */
export class Markup {
  readonly #html: string;

  private constructor(html: string) {
    this.#html = html;
  }

  /** Puts a template together; values are escaped unless they are markup themselves. */
  static of(parts: readonly string[], values: readonly Value[]): Markup {
    return new Markup(parts.map((part, at) => (at === 0 ? part : rendered(values[at - 1]) + part)).join(''));
  }

  toString(): string {
    return this.#html;
  }
}

/** What a template takes. Nothing, `false` and `undefined` are left out. */
export type Value = string | number | Markup | readonly Value[] | false | undefined;

/** A template whose values are text, or {@link Markup}. Attributes that take a value are always quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return Markup.of(parts, values);
}

function rendered(value: Value): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'object') return value instanceof Markup ? value.toString() : value.map(rendered).join('');
  return escaped(visible(String(value)));
}

/** Control, format, separator and lone surrogate characters as their number: they are shown, and do nothing. */
export function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}\p{Co}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
