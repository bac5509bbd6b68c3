import type { Location } from '../storage/location.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

/** How an object store is opened. */
export interface OpenStorageOptions {
  /** Where addresses and secrets are looked up. Default: `process.env`, which the SDKs read in any case. */
  readonly env?: NodeJS.ProcessEnv;
  /** The region of a bucket of S3. Default: as the SDK finds it (`AWS_REGION`, the profile). */
  readonly region?: string | undefined;
}

/**
 * Opens the store that a location names, with the credentials that this host has for the service. Its SDK is loaded now; the
 * store is asked nothing yet.
 *
 * @throws {@link TamperError} `DEPENDENCY_MISSING`; `CONFIG_INVALID`; `INSECURE_ENDPOINT` where the environment names plain
 * http on another host
 */
export async function openStorage(location: Location, options: OpenStorageOptions = {}): Promise<ObjectStorage> {
  switch (location.scheme) {
    case 's3': {
      const { openBucket } = await import('./aws-s3/open-bucket.ts');
      return openBucket(location.bucket, { ...options, requestTimeoutMs: 30_000 });
    }
    case 'gs': {
      const { openGcsBucket } = await import('./gcp-storage/open-bucket.ts');
      return openGcsBucket(location.bucket, options);
    }
    case 'az': {
      const { openContainer } = await import('./azure-blob/open-container.ts');
      return openContainer(location.account, location.container, options);
    }
  }
}
