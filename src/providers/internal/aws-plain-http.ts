import { isInsecureUrl } from '../../config/endpoint.ts';

/**
 * Middleware for the step `build` of an AWS client: refuses plain http to another host, whatever named the endpoint, a
 * `services` section of the profile included.
 */
export function refusesPlainHttp(refused: () => Error) {
  return <Args extends { request: unknown }, Reply>(next: (args: Args) => Promise<Reply>) =>
    (args: Args): Promise<Reply> => {
      const { protocol, hostname } = args.request as { protocol: string; hostname: string };
      if (isInsecureUrl(`${protocol}//${hostname}/`)) throw refused();
      return next(args);
    };
}
