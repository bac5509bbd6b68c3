// A key service of which the environment says how it answers: LIBRARY is the package's entry, KEY_FILE holds the key,
// KEY_SERVICE is ok, a number of milliseconds, away (unreachable), refused (no permission) or hole (never answers).
const SOURCE = 'key-service';
const named = (key) => Object.defineProperty(key, 'source', { value: SOURCE });
const uses = new Set(['getKey', 'getSigningKey', 'sign', 'signBatch', 'rotateCheck']);

export async function createProvider({ keyId }) {
  const { createKeyProvider, TamperError } = await import(process.env.LIBRARY);
  const provider = await createKeyProvider({ keySource: 'file', keyFilePath: process.env.KEY_FILE, keyId });
  return new Proxy(provider, {
    get(target, name) {
      if (name === 'source') return SOURCE;
      const value = Reflect.get(target, name);
      if (name === 'recoverKey') {
        return async (reference, ...args) => named(await target.recoverKey({ ...reference, source: 'file' }, ...args));
      }
      if (typeof value !== 'function') return value;
      if (!uses.has(name)) return value.bind(target);
      return async (...args) => {
        await answer(TamperError, process.env.KEY_SERVICE);
        const given = await value.apply(target, args);
        return name === 'getKey' ? named(given) : given;
      };
    },
  });
}

async function answer(TamperError, how) {
  if (how === 'away') throw new TamperError('UNAVAILABLE', 'the key service cannot be reached', { retryable: true });
  if (how === 'refused') throw new TamperError('ACCESS_DENIED', 'the key service refuses');
  if (how === 'hole') await new Promise(() => undefined);
  if (how !== 'ok') await new Promise((resolve) => setTimeout(resolve, Number(how)));
}
