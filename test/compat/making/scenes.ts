import { auditing } from './auditing-scenes.ts';
import { interrupted } from './interrupted-scenes.ts';
import { sealing } from './sealing-scenes.ts';
import type { Making } from './workshop.ts';

/** What every frozen version holds. A later version adds scenes for what it writes in another way. */
export const scenes: readonly Making[] = [...sealing, ...interrupted, ...auditing];
