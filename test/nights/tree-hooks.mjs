// A module hook: what tests import of src/ comes from another tree, which the environment names.
import { pathToFileURL } from 'node:url';

const own = new URL('../../src/', import.meta.url).href;
const other = new URL('src/', `${pathToFileURL(process.env.NIGHTS_TREE).href}/`).href;

export async function resolve(specifier, context, nextResolve) {
  const found = await nextResolve(specifier, context);
  return found.url.startsWith(own) ? { ...found, url: other + found.url.slice(own.length) } : found;
}
