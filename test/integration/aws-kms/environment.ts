import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A host's AWS environment for one test: every `AWS_*` variable is this one's, and files live in a folder of its own. */
export class AwsEnvironment {
  readonly #before = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
  readonly #home = process.env['HOME'];
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async begin(variables: Readonly<Record<string, string>> = {}): Promise<AwsEnvironment> {
    const environment = new AwsEnvironment(await mkdtemp(join(tmpdir(), 'fapilog-tamper-aws-')));
    clear();
    process.env['HOME'] = environment.directory; // no profile of whoever runs the tests
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_REGION: 'eu-west-1', ...variables });
    return environment;
  }

  async file(name: string, text: string): Promise<string> {
    const path = join(this.directory, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  async end(): Promise<void> {
    clear();
    for (const [name, value] of this.#before) process.env[name] = value;
    if (this.#home === undefined) delete process.env['HOME'];
    else process.env['HOME'] = this.#home;
    await rm(this.directory, { recursive: true, force: true });
  }
}

function clear(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
}
