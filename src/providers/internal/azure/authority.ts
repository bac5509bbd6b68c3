/** The hosts of Microsoft's own token services: the public cloud and the sovereign ones. */
const microsoftHosts: ReadonlySet<string> = new Set([
  'login.microsoftonline.com',
  'login.microsoft.com',
  'login.windows.net',
  'sts.windows.net',
  'login.microsoftonline.us',
  'login.usgovcloudapi.net',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
  'login.microsoftonline.de',
  'login-us.microsoftonline.com',
]);

/**
 * Whether a token service is one of Microsoft's. Another one (Azure Stack, a test server) cannot be looked up in the
 * directory of instances, so that look-up has to be left out for it.
 *
 * @param authorityHost - the value of `AZURE_AUTHORITY_HOST`; undefined means the public cloud
 */
export function isMicrosoftAuthority(authorityHost: string | undefined): boolean {
  if (authorityHost === undefined || authorityHost === '') return true;
  const text = authorityHost.includes('://') ? authorityHost : `https://${authorityHost}`;
  return URL.canParse(text) && microsoftHosts.has(new URL(text).hostname);
}
