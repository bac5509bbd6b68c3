import type { KeyContext } from '../../keys/provider.ts';
import type { AwsKmsOptions } from './options.ts';

/** What `checkAwsKms` looks at. */
export interface AwsDoctorSubject {
  readonly options: AwsKmsOptions;
  /** The key for data keys, where there is one. */
  readonly dataKeyId?: string;
  /** The key for signatures, where there is one. */
  readonly signingKeyId?: string;
  /** `writer` seals and should not recover keys; `auditor` verifies and should not seal. Default `writer`. */
  readonly role?: 'writer' | 'auditor';
  /** The encryption context that permissions are tested with; policies may allow the stream's own only. */
  readonly context: KeyContext;
}
