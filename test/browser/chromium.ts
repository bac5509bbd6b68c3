import { type Browser, chromium } from 'playwright-core';
import { installChromium } from '../support/chromium-program.ts';

/** A headless Chromium; close it when the tests are over. Found on PATH, or installed (Debian's package, as root). */
export async function startChromium(): Promise<Browser> {
  const executablePath = await installChromium();
  // its socket stands in its folder for temporary files, and a path of one has at most 107 bytes
  return chromium.launch({ executablePath, timeout: 120_000, env: { ...definedEnvironment(), TMPDIR: '/tmp' } });
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
}
