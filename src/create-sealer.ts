import { modeOf, type ResolvedConfig, resolveConfig, type TamperConfig } from './config/index.ts';
import { systemCode, TamperError } from './errors.ts';
import type { Clock } from './foundation/clock.ts';
import { loadNow } from './foundation/load-now.ts';
import { type Steps, waitFor } from './foundation/steps.ts';
import type { KeyProvider } from './keys/provider.ts';
import { createProviderAtOnce, createProviderFor, postQuantumProviderFor } from './providers/index.ts';
import type { FileClosedEvent } from './seal/checkpoint/sealer-events.ts';
import type { EpochSigner } from './seal/epoch/epoch.ts';
import { type KeySources, sourcesOf } from './seal/epoch/key-sources.ts';
import { sayOnStderr } from './seal/lifecycle/failure.ts';
import { Sealer } from './seal/sealer.ts';
import type { SealerParts } from './seal/starting.ts';
import { endsLine } from './seal/stream/pending-lines.ts';

/** What a sealer can be given in addition to its configuration. */
export interface SealerDependencies {
  /** The source of the key `key_id`. Default: the provider that the configuration names; the sealer closes that one itself. */
  readonly keyProvider?: KeyProvider;
  /** The source of the key `signing_key_id`. Default: `keyProvider`. */
  readonly signingKeyProvider?: KeyProvider;
  /** The source of the key `post_quantum_key_id`. Default: `signingKeyProvider`, `keyProvider`, or what the configuration names. */
  readonly postQuantumKeyProvider?: KeyProvider;
  readonly clock?: Clock;
}

/** What whoever runs a sealer knows, besides what is configured. */
type Host = Pick<SealerParts, 'failsLater' | 'isEndedSoon'>;

type Dependencies = {
  readonly [Name in keyof SealerDependencies]: SealerDependencies[Name] | undefined;
} & Host & {
    /** Of the configuration. */
    readonly warnings?: readonly string[];
  };

/** What {@link createSealer} takes. */
export interface SealerOptions extends TamperConfig, SealerDependencies {}

/**
 * Begins to seal. Returns at once: the stream is locked, anything left behind by a crash is dealt with, the file is open,
 * and lines are accepted while the key is being fetched. If the stream's last writer may still be alive, or the disk is
 * full, all that happens a little later, and lines wait. What `options` leaves out is taken from `FAPILOG_TAMPER_*`
 * variables, then from the defaults.
 *
 * @throws CONFIG_INVALID, CONFIG_UNKNOWN_OPTION, INSECURE_ENDPOINT, ORIGIN_INVALID, LOCKED, STATE_CONFLICT,
 * STATE_MALFORMED, UNSAFE_PATH, READ_FAILED, WRITE_FAILED; NOT_FOUND if a path is relative and the working directory was
 * deleted. What comes later is an `error` event
 */
export function createSealer(options: SealerOptions = {}): Sealer {
  const { config, dependencies } = resolved(options);
  return sealerOf(config, dependencies, config.tee ? tee : undefined);
}

/** What code gives, with what the environment and the defaults add. */
export function resolved(options: SealerOptions): { config: ResolvedConfig; dependencies: Dependencies } {
  const given: unknown = options; // JavaScript has no types
  if (typeof given !== 'object' || given === null) {
    const what = given === null ? 'null' : typeof given;
    throw new TamperError('CONFIG_INVALID', `a sealer takes an object of options, not ${what}`, {
      hint: "For example: createSealer({ file: 'audit.jsonl', origin: 'audit.example.com/app' })",
    });
  }
  const { keyProvider, signingKeyProvider, postQuantumKeyProvider, clock, ...code } = options;
  const { config, warnings } = resolveConfig({ code, env: process.env });
  return { config, dependencies: { warnings, keyProvider, signingKeyProvider, postQuantumKeyProvider, clock } };
}

/**
 * The sealer of the command line, whose configuration is put together already, and whose `tee` is its own. What the stream or the
 * disk refuses at the start is an end of the log, so that lines are kept.
 */
export function createSealerFor(config: ResolvedConfig): Sealer {
  return sealerOf(config, { failsLater: true }, undefined);
}

/** Copies a chunk to standard output. That nobody reads there must not end the application: it is a warning. */
export function tee(chunk: string | Uint8Array, warn: (error: TamperError) => void): void {
  const { stdout } = process;
  if (stdout.listenerCount('error') === 0) stdout.once('error', (cause) => warn(nobodyReads(cause)));
  stdout.write(chunk);
  if (!endsLine(chunk)) stdout.write('\n');
}

function nobodyReads(cause: unknown): TamperError {
  const why = systemCode(cause);
  return new TamperError('WRITE_FAILED', `the copy of the lines cannot be written to standard output (${why})`, {
    cause,
    hint: 'Sealing goes on. Leave out tee if nobody reads the copy.',
  });
}

/** @param teeTo - absent where lines are not copied */
export function sealerOf(config: ResolvedConfig, dependencies: Dependencies, teeTo: typeof tee | undefined): Sealer {
  if (!config.enabled) {
    throw new TamperError('CONFIG_INVALID', 'option enabled is false, so there is nothing to seal', {
      hint: 'Leave out enabled. The transports for loggers, and the command seal, write lines as they are instead',
    });
  }
  const { keyProvider, signingKeyProvider, postQuantumKeyProvider, clock, warnings, ...host } = dependencies;
  const own = new Set<KeyProvider>();
  const owned = (provider: KeyProvider): KeyProvider => {
    own.add(provider);
    return provider;
  };
  const keysOf = (key: KeyProvider, note?: EpochSigner, postQuantum = postQuantumKeyProvider): KeySources => {
    const signing = signingKeyProvider ?? key;
    return sourcesOf(config, { key, signing, postQuantum: postQuantum ?? signing, note });
  };
  function* noteKey(): Steps<EpochSigner | undefined> {
    if (config.noteKeyFilePath === undefined) return undefined;
    const loaded = loadNow('./note-key.js') as typeof import('./note-key.ts') | undefined;
    const { openNoteKey } = loaded ?? (yield* waitFor(() => import('./note-key.ts')));
    return yield* openNoteKey(config.noteKeyFilePath, owned);
  }
  const keysInTime = async (note: EpochSigner | undefined): Promise<KeySources> => {
    const key = owned(await createProviderFor(config));
    return keysOf(key, note, postQuantumKeyProvider ?? owned(await postQuantumProviderFor(config, key)));
  };
  let check: ((event: FileClosedEvent) => Promise<void>) | undefined;
  const sealer: Sealer = new Sealer(config, {
    *keys() {
      const note = yield* noteKey();
      if (keyProvider !== undefined) return keysOf(keyProvider, note);
      const key = modeOf(config).postQuantumKey === undefined ? createProviderAtOnce(config) : undefined;
      return key === undefined ? yield* waitFor(() => keysInTime(note)) : keysOf(owned(key), note);
    },
    release: async () => {
      for (const provider of own) await provider.close();
    },
    openBucket: async (bucket) => {
      const { openBucket } = await import('./providers/aws-s3/open-bucket.ts');
      return openBucket(bucket, { region: config.awsRegion, profile: config.awsProfile });
    },
    verifyClosed: async (event) => {
      const { closedFileCheck } = await import('./api/closed-file.ts');
      check ??= closedFileCheck(config);
      await check(event);
    },
    ...(clock && { clock }),
    ...(warnings && { warnings }),
    ...host,
    ...(teeTo && { tee: (chunk) => teeTo(chunk, (error) => sealer.emit('warning', error)) }),
  });
  if (warnings !== undefined && warnings.length > 0) sayUnheard(sealer, warnings);
  return sealer;
}

/** What the configuration warns of is said on standard error where nobody listens. */
function sayUnheard(sealer: Sealer, warnings: readonly string[]): void {
  sealer.on('warning', ({ code, message }) => {
    if (sealer.listenerCount('warning') > 1 || !warnings.includes(message)) return;
    sayOnStderr(`warning of the log ${sealer.origin}: ${code}: ${message}`);
  });
}
