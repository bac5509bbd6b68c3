// node --import ./test/child/typescript.mjs FILE.ts: runs the sources as they are, on a Node that does not read TypeScript.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
