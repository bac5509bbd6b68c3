/** `inspect` of `node:util`: the name of the method that it calls. */
export const inspect: { readonly custom: symbol } = { custom: Symbol.for('nodejs.util.inspect.custom') };
