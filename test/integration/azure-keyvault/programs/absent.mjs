// node --import ./absent.mjs with ABSENT_PACKAGE=name: that package cannot be found.
import { register } from 'node:module';

register('./absent-hooks.mjs', import.meta.url);
