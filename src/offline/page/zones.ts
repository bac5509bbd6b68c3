import { visible } from '../../report/html/markup.ts';
import { Collection, type NewFile } from './collection.ts';
import { made } from './element.ts';
import { misplaced, type ZoneName } from './kinds.ts';
import type { GivenFile } from './request.ts';

/** The places where files are dropped. What a file is for is what its place says: the log never brings its own key. */

/** So many files of one drop are looked at, whether they are in their place. */
const LOOKED_AT = 100;

/** What the page does about what happens here. */
export interface Watcher {
  /** Other files are given than before, or will be in a moment. */
  changed(): void;
  /** What the auditor should know of a file that was taken. */
  tell(text: string): void;
  /** Files that were given could not be taken: none of that drop was. */
  failed(error: unknown): void;
}

/** Files by their place. */
export class Zones {
  readonly #files = new Map<ZoneName, Collection>();
  readonly #watcher: Watcher;
  #pending: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
    for (const zone of document.querySelectorAll<HTMLElement>('[data-zone]')) {
      this.#begin(zone, zone.dataset['zone'] as ZoneName); // page.html has these names and no others
    }
    // what misses a place must not replace the page
    for (const type of ['dragover', 'drop'] as const) addEventListener(type, (event) => event.preventDefault());
  }

  files(name: ZoneName): readonly GivenFile[] {
    return this.#files.get(name)?.list() ?? [];
  }

  /** Waits for what was dropped and is still being looked through; false: some of it could not be taken. */
  async settled(): Promise<boolean> {
    const before = this.#failures;
    let last: Promise<void>;
    do {
      last = this.#pending;
      await last;
    } while (last !== this.#pending);
    return this.#failures === before;
  }

  #begin(zone: HTMLElement, name: ZoneName): void {
    this.#files.set(name, new Collection());
    for (const input of zone.querySelectorAll('input')) {
      input.addEventListener('change', () => {
        const chosen = [...(input.files ?? [])].map((file) => ({
          given: file.webkitRelativePath || file.name,
          blob: file,
        }));
        input.value = ''; // the same file may be chosen again
        this.#take(zone, name, Promise.resolve(chosen));
      });
    }
    zone.addEventListener('dragover', () => zone.classList.add('over'));
    zone.addEventListener('dragleave', () => zone.classList.remove('over'));
    zone.addEventListener('drop', (event) => {
      zone.classList.remove('over');
      if (event.dataTransfer === null) return;
      this.#take(zone, name, filesOfDrop(event.dataTransfer));
    });
  }

  /** One drop after the other: each is told from what is there by then. */
  #take(zone: HTMLElement, name: ZoneName, files: Promise<readonly NewFile[]>): void {
    const own = this.#files.get(name) as Collection;
    this.#watcher.changed();
    this.#pending = Promise.all([files, this.#pending])
      .then(async ([taken]) => {
        const renamed = await own.add(taken);
        this.#show(zone, own);
        const names = renamed.map(({ path }) => path).join(', ');
        const wrong = await Promise.all(
          taken.slice(0, LOOKED_AT).map((file) => misplaced(file.given, file.blob, name)),
        );
        const told = [
          ...(names === '' ? [] : [`Other files of the same name were given before. Listed as: ${names}`]),
          ...wrong.filter((text) => text !== undefined),
        ];
        if (told.length > 0) this.#watcher.tell(told.join(' '));
      })
      .catch((error: unknown) => {
        this.#failures++;
        this.#watcher.failed(error);
      });
  }

  #show(zone: HTMLElement, own: Collection): void {
    zone.querySelector('ul')?.replaceChildren(
      ...own.list().map(({ path, blob }) => {
        const row = made('li');
        const remove = made('button', 'Remove');
        remove.type = 'button';
        remove.setAttribute('aria-label', `Remove ${visible(path)}`);
        remove.addEventListener('click', () => {
          own.remove(path);
          this.#watcher.changed();
          this.#show(zone, own);
          zone.querySelector('input')?.focus();
        });
        row.append(made('span', path, 'name'), made('span', sizeText(blob.size), 'size'), remove);
        return row;
      }),
    );
  }
}

function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The files of a drop; those of a folder under its name. */
async function filesOfDrop(transfer: DataTransfer): Promise<NewFile[]> {
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
