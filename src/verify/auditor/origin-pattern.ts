/** Whether a name, or the beginning of one and `*`, covers an origin. */
export function coversOrigin(pattern: string, origin: string): boolean {
  return pattern.endsWith('*') ? origin.startsWith(pattern.slice(0, -1)) : pattern === origin;
}
