import { ensureVenv } from '../../servers/python-venv.ts';

/** The interpreter of the Python verifier, with the one package that it needs. */
export function pythonForVerifier(): Promise<string> {
  return ensureVenv({ name: 'python-verifier-1', packages: ['cryptography==46.0.7'], minimumMinor: 8 });
}
