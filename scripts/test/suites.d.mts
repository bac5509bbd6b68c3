import type { SharedServers } from '../../test/servers/running.ts';
import type { PackageName } from '../../test/servers/servers.ts';

export interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  readonly needs: readonly string[];
  readonly servers?: readonly (keyof SharedServers)[];
  readonly packages?: readonly PackageName[];
  readonly counts?: RegExp;
}

export interface Unavailable {
  readonly suite: Suite;
  readonly lacks: readonly string[];
}

/** The path of the library; undefined if it is not installed. */
export function softhsmLibrary(): string | undefined;
export function hasSoftHsm(): boolean;
export const tools: Readonly<Record<string, () => boolean>>;
export const suites: readonly Suite[];
export function suitesOf(path: string): readonly Suite[];
export function neededBy(paths: readonly string[]): {
  readonly servers: readonly (keyof SharedServers)[];
  readonly packages: readonly PackageName[];
};
export function leftOutOf(
  paths: readonly string[],
  unavailable?: readonly Unavailable[],
): readonly (Unavailable & { readonly path: string })[];
export function unavailableSuites(present?: (tool: string) => boolean): readonly Unavailable[];
