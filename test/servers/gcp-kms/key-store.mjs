// Key rings, CryptoKeys and their versions, with the states of the published state machine.
import { algorithms, generateMaterial } from './algorithms.mjs';
import { invalid, notFound } from './status.mjs';

const keyName =
  /^projects\/[A-Za-z0-9:._-]+\/locations\/[a-z0-9-]+\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/;
const versionName = /^(projects\/.+\/cryptoKeys\/[A-Za-z0-9_-]{1,63})\/cryptoKeyVersions\/([1-9][0-9]*)$/;

export const protectionLevels = ['SOFTWARE', 'HSM', 'EXTERNAL', 'EXTERNAL_VPC'];
export const states = [
  'PENDING_GENERATION',
  'ENABLED',
  'DISABLED',
  'DESTROYED',
  'DESTROY_SCHEDULED',
  'PENDING_IMPORT',
  'IMPORT_FAILED',
  'GENERATION_FAILED',
];

/** Splits a CryptoKeyVersion name; undefined for anything else. */
export function parseVersionName(name) {
  const match = versionName.exec(name);
  return match !== null && keyName.test(match[1]) ? { key: match[1], id: Number(match[2]) } : undefined;
}

export function isKeyName(name) {
  return keyName.test(name);
}

function stamp(milliseconds) {
  return { seconds: String(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1_000_000 };
}

export class KeyStore {
  #keys = new Map();

  async createKey({ name, purpose, algorithm, protectionLevel = 'SOFTWARE', skipInitialVersion = false }) {
    if (!isKeyName(name)) throw invalid(`Invalid resource name: ${name}`);
    if (this.#keys.has(name)) throw invalid(`CryptoKey ${name} already exists.`);
    if (!Object.hasOwn(algorithms, algorithm)) throw invalid(`Unsupported algorithm: ${algorithm}`);
    if (algorithms[algorithm].purpose !== purpose)
      throw invalid(`Algorithm ${algorithm} does not fit purpose ${purpose}.`);
    if (!protectionLevels.includes(protectionLevel)) throw invalid(`Unsupported protection level: ${protectionLevel}`);
    if (protectionLevel === 'HSM' && algorithm === 'EC_SIGN_ED25519') {
      throw invalid('EC_SIGN_ED25519 is not supported for protection level HSM.');
    }
    const key = { name, purpose, algorithm, protectionLevel, versions: [], primary: undefined, createdAt: Date.now() };
    this.#keys.set(name, key);
    if (!skipInitialVersion) {
      const version = await this.createVersion(name);
      if (purpose === 'ENCRYPT_DECRYPT') key.primary = version.id;
    }
    return key;
  }

  /** The server assigns the next sequential id. A new version is not made primary. */
  async createVersion(name, { state = 'ENABLED', algorithm } = {}) {
    const key = this.key(name);
    const chosen = algorithm ?? key.algorithm;
    if (!Object.hasOwn(algorithms, chosen)) throw invalid(`Unsupported algorithm: ${chosen}`);
    const version = {
      id: key.versions.length + 1,
      name: '',
      state,
      algorithm: chosen,
      protectionLevel: key.protectionLevel,
      createdAt: Date.now(),
      material: undefined,
    };
    version.name = `${name}/cryptoKeyVersions/${version.id}`;
    key.versions.push(version);
    version.material = await generateMaterial(chosen);
    return version;
  }

  setPrimary(name, id) {
    const key = this.key(name);
    if (key.purpose !== 'ENCRYPT_DECRYPT')
      throw invalid(`CryptoKey ${name} has purpose ${key.purpose} and no primary.`);
    key.primary = this.version(`${name}/cryptoKeyVersions/${id}`).id;
    return key;
  }

  setState(name, state) {
    if (!states.includes(state)) throw invalid(`Unknown state: ${state}`);
    const version = this.version(name);
    version.state = state;
    version.changedAt = Date.now();
    if (state === 'DESTROYED') version.material = undefined;
    return version;
  }

  key(name) {
    const key = this.#keys.get(name);
    if (key === undefined) throw notFound('CryptoKey', name);
    return key;
  }

  version(name) {
    const parsed = parseVersionName(name);
    if (parsed === undefined) throw invalid(`Invalid resource name: ${name}`);
    const version = this.#keys.get(parsed.key)?.versions[parsed.id - 1];
    if (version === undefined) throw notFound('CryptoKeyVersion', name);
    return version;
  }
}

/** CryptoKeyVersion as the interface describes it. */
export function describeVersion(version) {
  return {
    name: version.name,
    state: version.state,
    protectionLevel: version.protectionLevel,
    algorithm: version.algorithm,
    createTime: stamp(version.createdAt),
    generateTime: version.state === 'PENDING_GENERATION' ? null : stamp(version.createdAt),
    destroyTime: version.state === 'DESTROY_SCHEDULED' ? stamp(version.changedAt + 30 * 86_400_000) : null,
    destroyEventTime: version.state === 'DESTROYED' ? stamp(version.changedAt) : null,
  };
}

/** CryptoKey as the interface describes it; `primary` and the rotation schedule for ENCRYPT_DECRYPT only. */
export function describeKey(key) {
  const primary = key.versions[(key.primary ?? 0) - 1];
  return {
    name: key.name,
    purpose: key.purpose,
    createTime: stamp(key.createdAt),
    versionTemplate: { protectionLevel: key.protectionLevel, algorithm: key.algorithm },
    destroyScheduledDuration: { seconds: '2592000', nanos: 0 },
    primary: primary === undefined ? null : describeVersion(primary),
    nextRotationTime: key.nextRotationAt === undefined ? null : stamp(key.nextRotationAt),
  };
}
