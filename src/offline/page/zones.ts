import { filesOfDrop } from './dropped.ts';
import { made } from './element.ts';
import type { GivenFile } from './request.ts';

/** The places where files are dropped. What a file is for is what its place says: the log never brings its own key. */

export type ZoneName = 'logs' | 'publicKeys' | 'policy' | 'known';

/** Files by their place, in the order in which they were given. */
export class Zones {
  readonly #files = new Map<ZoneName, Map<string, GivenFile>>();

  constructor() {
    for (const zone of document.querySelectorAll<HTMLElement>('[data-zone]')) {
      this.#begin(zone, zone.dataset['zone'] as ZoneName); // page.html has these names and no others
    }
    // what misses a place must not replace the page
    for (const type of ['dragover', 'drop'] as const) addEventListener(type, (event) => event.preventDefault());
  }

  files(name: ZoneName): readonly GivenFile[] {
    return [...(this.#files.get(name)?.values() ?? [])];
  }

  #begin(zone: HTMLElement, name: ZoneName): void {
    this.#files.set(name, new Map());
    for (const input of zone.querySelectorAll('input')) {
      input.addEventListener('change', () => {
        const chosen = [...(input.files ?? [])].map((file) => ({
          path: file.webkitRelativePath || file.name,
          blob: file,
        }));
        input.value = ''; // the same file may be chosen again
        this.#add(zone, name, chosen);
      });
    }
    zone.addEventListener('dragover', () => zone.classList.add('over'));
    zone.addEventListener('dragleave', () => zone.classList.remove('over'));
    zone.addEventListener('drop', (event) => {
      zone.classList.remove('over');
      if (event.dataTransfer === null) return;
      void filesOfDrop(event.dataTransfer).then((files) => this.#add(zone, name, files));
    });
  }

  #add(zone: HTMLElement, name: ZoneName, files: readonly GivenFile[]): void {
    const own = this.#files.get(name);
    for (const file of files) own?.set(file.path, file);
    this.#show(zone, name);
  }

  #show(zone: HTMLElement, name: ZoneName): void {
    const list = zone.querySelector('ul');
    const own = this.#files.get(name);
    list?.replaceChildren(
      ...[...(own?.values() ?? [])].map(({ path, blob }) => {
        const row = made('li');
        const remove = made('button', 'Remove');
        remove.type = 'button';
        remove.setAttribute('aria-label', `Remove ${path}`);
        remove.addEventListener('click', () => {
          own?.delete(path);
          this.#show(zone, name);
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
