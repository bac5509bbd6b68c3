export function resolve(specifier, context, nextResolve) {
  if (specifier !== process.env.ABSENT_PACKAGE) return nextResolve(specifier, context);
  const from = context.parentURL ?? 'nowhere';
  throw Object.assign(new Error(`Cannot find package '${specifier}' imported from ${from}`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
}
