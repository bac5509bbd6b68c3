import { expect } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { loadBinding, type NativeBinding, NativeEngine } from '../../src/engine/native-engine.ts';
import { nativePlaces } from '../../src/engine/native-place.ts';
import { typescriptEngine } from '../../src/engine/typescript-engine.ts';

/** The native module that was built in this checkout. */
export function builtBinding(): NativeBinding {
  const place = nativePlaces()?.places.find(({ bringer }) => bringer === undefined);
  expect(place, 'npm run build -- engine builds it').toBeDefined();
  return loadBinding((place as { file: string }).file);
}

/** The native engine; what would go to another one fails. */
export function builtEngine(): Engine {
  const never = (): never => {
    throw new Error('the native engine gave a batch away');
  };
  return new NativeEngine(builtBinding(), { name: 'typescript', sealLines: never, checkRecords: never }, 0);
}

export { typescriptEngine };
