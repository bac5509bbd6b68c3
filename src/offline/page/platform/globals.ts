/** What the verifier takes for global. The bundler puts it in wherever it is named. */
export { Buffer } from './buffer.ts';

export const process = { platform: 'browser' } as const;
