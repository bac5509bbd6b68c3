import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  choicesOf,
  fileName,
  kindOf,
  type OptionName,
  optionNames,
  schemaOf,
  variableName,
  withDefaults,
} from '../../src/config/index.ts';

/** docs/configuration.md is made from the comments of tamper-config.ts and the schema. After a change: vitest run -u. */
const source = readFileSync(new URL('../../src/config/tamper-config.ts', import.meta.url), 'utf8');
const body = source.slice(source.indexOf('export interface TamperConfig'));
const declaration = /\/\/ ---- (?<title>.+)|\/\*\*(?<comment>(?:[^*]|\*(?!\/))*)\*\/\s+readonly (?<name>\w+)\?:/g;

function inFileSpelling(text: string): string {
  return text.replaceAll(/`([^`]*)`/g, (whole, code: string) => {
    const option = optionNames.find((name) => code === name || code.startsWith(`${name}:`));
    return option === undefined ? whole : `\`${code.replace(option, fileName(option))}\``;
  });
}

function defaultOf(name: (typeof optionNames)[number]): string {
  const value = withDefaults({})[name];
  if (name === 'checkpointMaxSeconds') return '1 or 60';
  if (name === 'keyId' || value === undefined) return '';
  return Array.isArray(value) ? 'none' : `\`${String(value)}\``;
}

function page(): { markdown: string; documented: string[] } {
  const documented: string[] = [];
  const lines = [intro];
  for (const { groups } of body.matchAll(declaration)) {
    if (groups?.['title'] !== undefined) {
      const title = groups['title'];
      lines.push(
        '',
        `## ${title[0]?.toUpperCase()}${title.slice(1)}`,
        '',
        '| option | variable | may be | default | |',
        '|---|---|---|---|---|',
      );
      continue;
    }
    const name = optionNames.find((one) => one === groups?.['name']);
    if (name === undefined) throw new Error(`${groups?.['name']} is not in the schema`);
    documented.push(name);
    const words = inFileSpelling((groups?.['comment'] ?? '').replaceAll(/\s*\n\s*\*\s?/g, ' ').trim()).replaceAll(
      '|',
      '\\|',
    );
    lines.push(
      `| \`${fileName(name)}\` | \`${variableName(name)}\` | ${allowedOf(name)} | ${defaultOf(name)} | ${words} |`,
    );
  }
  lines.push('', next);
  return { markdown: `${lines.join('\n')}\n`, documented };
}

const next =
  '**Where to go next:** [keys and rotation](keys-and-rotation.md), [when things fail](when-things-fail.md), [deployment](deployment.md).';

const intro = `# Configuration

Generated from \`src/config/tamper-config.ts\` by \`test/config/documentation.test.ts\`.

The value of an option comes from the first of these four places that sets it:

1. in code (\`createSealer({ keySource: 'aws-kms' })\`) or as a flag of a command (\`--key-source aws-kms\`). Code spells options in camelCase; a flag is the option's name with \`-\` for \`_\`, and a boolean is \`--tee\` or \`--no-tee\`;
2. in an environment variable: \`FAPILOG_TAMPER_KEY_SOURCE=aws-kms\`. Booleans are \`true\`, \`false\`, \`1\` or \`0\` and nothing else; numbers are decimal; the items of a list are separated by commas;
3. for the commands, in a file, YAML 1.2 or JSON (if its name ends in \`.json\`), which you name with \`--config\` or \`FAPILOG_TAMPER_CONFIG\`. A program (\`createSealer\`, \`createKeyProvider\`, \`checkKeys\`) reads no file, and is refused if that variable is set: it never runs without the options that you meant. The file is a single flat map of options. Duplicate keys, aliases and tags are refused;
4. its default.

\`fapilog-tamper doctor --verbose\` shows each option, its value and the place that set it. An unknown option is an error that names the
option, the place and the nearest existing option; so is a \`FAPILOG_TAMPER_*\` variable that is neither an option nor named by
\`key_env_var\` or \`signing_key_env_var\`. The variables that Kubernetes injects for a Service named \`fapilog-tamper\`
(\`FAPILOG_TAMPER_SERVICE_HOST\`, \`FAPILOG_TAMPER_PORT_80_TCP\` and so on) are ignored. Paths are relative to the working directory.

\`\`\`yaml
file: /var/log/payments/audit.jsonl
origin: audit.example.com/payments/{host}
key_source: aws-kms
key_id: alias/audit-data            # MACs with a data key that this key wraps
signing_key_id: alias/audit-sign    # and signatures that anyone can check
aws_region: eu-west-1
\`\`\`

What the keys mean for the log:

| \`key_id\` is | and | each record has | each checkpoint has | who can check |
|---|---|---|---|---|
| a data key (\`algorithm: HMAC-SHA256\`) | | a MAC | our MAC | anyone who has, or may unwrap, the data key; they could also forge |
| a data key | \`signing_key_id\` is set | a MAC | our MAC and a signature | holders of the data key can check the MACs, and anyone with the public key can check the signatures. Recommended with a key service |
| a signing key (\`use_kms_signing: true\`, or a local key with \`algorithm: Ed25519\`) | | a checksum | a signature | anyone with the public key |

An Azure key that is not an oct-HSM key cannot wrap a data key safely. If \`use_kms_signing\` is left out, such a key signs instead.

What the placeholders in \`file\` and \`origin\` stand for:

| placeholder | becomes |
|---|---|
| \`{host}\` | the host name |
| \`{pid}\` | the process id |
| \`{instance}\` | a name that no other process has, not even the same one after a restart |
| \`{pod}\` | the Kubernetes pod: \`HOSTNAME\`, which the kubelet sets to the pod's name, or the host name |
| \`{basename}\` | in \`origin\` only: the last part of \`file\`, or \`stdout\` |`;

/** What an option may be, in a few words. */
function allowedOf(name: OptionName): string {
  const kind = kindOf(name);
  if (kind === 'boolean') return 'true or false';
  if (kind === 'choice') return choicesOf(name).join(', ');
  if (kind === 'map') return 'a map of options';
  if (kind === 'list') return 'a list of strings';
  if (kind === 'text') return 'text';
  const [least = 0, most = 0] = ['min_value', 'max_value'].map((bound) => boundOf(name, bound));
  return `a whole number, ${least} to ${most === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : most}`;
}

function boundOf(name: OptionName, type: string): number | undefined {
  const schema = schemaOf(name);
  const steps: unknown = 'pipe' in schema ? schema.pipe : [];
  const step: unknown = Array.isArray(steps) ? steps.find((one: { type?: unknown }) => one.type === type) : undefined;
  if (typeof step !== 'object' || step === null || !('requirement' in step)) return undefined;
  return typeof step.requirement === 'number' ? step.requirement : undefined;
}

describe('docs/configuration.md', () => {
  it('has every option, from the comments and the schema', async () => {
    const { markdown, documented } = page();
    expect(documented).toEqual(optionNames);
    await expect(markdown).toMatchFileSnapshot('../../docs/configuration.md');
  });
});
