export {
  assertRejectsWith,
  type ConformanceCheck,
  type ConformanceFault,
  type ConformanceSubject,
  conformanceContext,
} from './conformance-subject.ts';
export { FakeClock } from './fake-clock.ts';
export { MemoryFaults, type MemoryLie } from './memory-faults.ts';
export type { MemoryKeyState } from './memory-key.ts';
export { MemoryProvider, type MemoryProviderOptions } from './memory-provider.ts';
export { providerConformance } from './provider-conformance.ts';
