// node --import ./test/nights/tree.mjs: src/ is that of NIGHTS_TREE.
import { register } from 'node:module';

register('./tree-hooks.mjs', import.meta.url);
