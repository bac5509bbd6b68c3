/** Makes the verifier in one file, the page that verifies, and their checksums. */
export function buildOffline(folder?: string): Promise<void>;
