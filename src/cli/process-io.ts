import type { CommandIo } from './command.ts';
import { standardInput } from './input/standard-input.ts';

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  });
}

function onHangUp(act: () => void): () => void {
  process.on('SIGHUP', act);
  return () => process.off('SIGHUP', act);
}

/** What a command may touch, of the process it is in. */
export function ioOfProcess(): Omit<CommandIo, 'version'> {
  const { stdout, stderr, env } = process;
  return { stdin: () => process.stdin, inputBytes: standardInput, stdout, stderr, env, stopped, onHangUp };
}
