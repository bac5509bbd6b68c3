/** Whether a host name can only be this host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a text is a plain http address of another host. */
export function isInsecureUrl(text: string | undefined): boolean {
  if (text === undefined || !/^http:/i.test(text)) return false;
  return !URL.canParse(text) || !isLoopback(new URL(text).hostname);
}
