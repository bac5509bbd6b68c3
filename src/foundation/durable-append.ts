import { open } from 'node:fs/promises';

/** Appends text to a file, which is made with `mode` where it is not there, onto the disk. */
export async function appendDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'a', mode);
  try {
    await file.appendFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
