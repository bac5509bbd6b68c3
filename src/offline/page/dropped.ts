import type { NewFile } from './collection.ts';

/** The files of a drop; those of a folder under its name. */
export async function filesOfDrop(transfer: DataTransfer): Promise<NewFile[]> {
  // both are good only until the event is over
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const files = [...transfer.files];
  if (entries.length === 0 || entries.includes(null)) return files.map((file) => ({ given: file.name, blob: file }));
  const found: NewFile[] = [];
  for (const entry of entries) if (entry !== null) await gather(entry, '', found);
  return found;
}

async function gather(entry: FileSystemEntry, folder: string, found: NewFile[]): Promise<void> {
  const path = `${folder}${entry.name}`;
  if (entry instanceof FileSystemFileEntry) {
    const blob = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    found.push({ given: path, blob });
    return;
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) return;
  const reader = entry.createReader();
  // it gives a part at a time, and an empty one at the end
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return;
    for (const one of part) await gather(one, `${path}/`, found);
  }
}
