import { TamperError } from '../../errors.ts';

/** The variable of Azure's own tools. */
export const CONNECTION_STRING = 'AZURE_STORAGE_CONNECTION_STRING';

/** What a connection string says of an account. */
export interface StorageConnection {
  /** The address of the blob service, without a slash at the end. */
  readonly endpoint: string;
  /** The account's key, base64; undefined where there is none. */
  readonly accountKey: string | undefined;
  /** A shared access signature, without a question mark; undefined where there is none. */
  readonly signature: string | undefined;
}

/** Azurite's account, which everybody knows: `UseDevelopmentStorage=true` means it. */
const development = {
  AccountName: 'devstoreaccount1',
  AccountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  BlobEndpoint: 'http://127.0.0.1:10000/devstoreaccount1',
};

/**
 * Reads a connection string of Azure Storage: `AccountName=…;AccountKey=…`, with `BlobEndpoint` or `EndpointSuffix` for
 * emulators and sovereign clouds, and instead of the key `SharedAccessSignature` or nothing (the credentials of this host).
 *
 * @throws {TamperError} `CONFIG_INVALID`: unreadable, or of another account. Nothing of the text is repeated: it has the key
 */
export function parseConnectionString(text: string, account: string): StorageConnection {
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    const at = part.indexOf('=');
    if (part.trim() === '') continue;
    if (at < 1) throw invalid('is not of the form NAME=VALUE;NAME=VALUE');
    parts.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  if (parts.get('UseDevelopmentStorage') === 'true') {
    for (const [name, value] of Object.entries(development)) parts.set(name, value);
  }
  const named = parts.get('AccountName');
  const suffix = parts.get('EndpointSuffix') ?? 'core.windows.net';
  const protocol = parts.get('DefaultEndpointsProtocol') ?? 'https';
  const endpoint = (parts.get('BlobEndpoint') ?? `${protocol}://${named ?? account}.blob.${suffix}`).replace(
    /\/+$/,
    '',
  );
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw invalid('has no address that can be read');
  const { hostname, pathname, username, password, search } = new URL(endpoint);
  if (username !== '' || password !== '' || search !== '') throw invalid('has a password or a query in BlobEndpoint');
  // an emulator has the account in the path, the service in the name of the host
  const addressed = pathname === '/' ? hostname.split('.', 1)[0] : pathname.slice(1).split('/', 1)[0];
  if ((named ?? addressed) !== account) throw invalid(`is not that of the account ${account}`);
  const signature = parts.get('SharedAccessSignature')?.replace(/^\?/, '');
  return { endpoint, accountKey: parts.get('AccountKey') || undefined, signature: signature || undefined };
}

function invalid(why: string): TamperError {
  return new TamperError('CONFIG_INVALID', `${CONNECTION_STRING} ${why}`, {
    hint: 'Copy it from the access keys of the storage account, or leave it out and use the credentials of this host.',
  });
}
