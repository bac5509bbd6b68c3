/** Where a key lives, as it is written into the log. */
export type KeySource = 'env' | 'file' | 'aws-kms' | 'gcp-kms' | 'azure-keyvault' | 'vault' | (string & {});
