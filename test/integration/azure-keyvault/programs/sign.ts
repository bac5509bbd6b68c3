// Signs once with the provider of a configuration, as a program of its own, and says how that ended. Everything but the
// key comes from the environment.
import { isTamperError } from '../../../../src/errors.ts';
import { createKeyProvider } from '../../../../src/providers/index.ts';

const [keyId = '', options = '{}'] = process.argv.slice(2);
const started = performance.now();
const provider = await createKeyProvider({
  keySource: 'azure-keyvault',
  useKmsSigning: true,
  keyId,
  ...(JSON.parse(options) as object),
});
const outcome = await provider.sign(keyId, Buffer.from('audit.example.com/azure\n2\nAAAA\n')).then(
  ({ identity, algorithm }) => ({ identity, algorithm }),
  (error: unknown) => (isTamperError(error) ? { code: error.code, message: error.message } : { code: String(error) }),
);
await provider.close();
await new Promise((resolve) => setTimeout(resolve, 50)); // whatever nobody handles would end the process here
process.stdout.write(`${JSON.stringify({ ...outcome, tookMs: performance.now() - started })}\n`);
process.exit(0);
