export type { VaultHttpClient, VaultHttpRequest, VaultHttpResponse } from './http-client.ts';
export type { VaultAuthMethod, VaultProviderOptions } from './options.ts';
export { VaultProvider } from './provider.ts';
