import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where test servers and other tools are kept: never inside the tree. */
export const toolCache = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fapilog-tamper-test');
