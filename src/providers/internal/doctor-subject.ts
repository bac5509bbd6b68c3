import type { KeyContext } from '../../keys/provider.ts';

/** What a provider's checks look at. */
export interface DoctorSubject<Options> {
  readonly options: Options;
  /** The key for data keys, where there is one. */
  readonly dataKeyId?: string;
  /** The key for signatures, where there is one. */
  readonly signingKeyId?: string;
  /** `writer` seals and should not recover keys; `auditor` verifies and should not seal. Default `writer`. */
  readonly role?: 'writer' | 'auditor';
  /** What the data key that is made for the test is bound to; policies may allow the stream's own only. */
  readonly context: KeyContext;
}
