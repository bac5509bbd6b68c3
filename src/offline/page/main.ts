import { element } from './element.ts';
import { checkRequest } from './fields.ts';
import type { Answer, Request } from './request.ts';
import { showFailure, showReport } from './result.ts';
import { Zones } from './zones.ts';

/** The page: it gathers what is dropped, starts the worker, shows what it answers. */

/** The program of the worker. The build puts it in. */
declare const WORKER: string;

const zones = new Zones();
const verify = element('verify', HTMLButtonElement);
const cancel = element('cancel', HTMLButtonElement);
const progress = element('progress', HTMLProgressElement);
let worker: Worker | undefined;

function begin(request: Request): void {
  const url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }));
  worker = new Worker(url);
  URL.revokeObjectURL(url);
  worker.addEventListener('message', ({ data }) => take(data as Answer, request)); // our worker alone sends
  worker.addEventListener('error', ({ message }) => {
    const hint = 'Verify on the command line instead: verify.mjs.';
    end();
    showFailure({ code: 'INTERNAL', message: `the worker failed: ${message}`, hint });
  });
  worker.postMessage(request);
  running(true);
  say('Verifying …');
}

function take(answer: Answer, request: Request): void {
  if (answer.kind === 'progress') {
    showProgress(answer.read, answer.total);
    return;
  }
  end();
  say('');
  if (answer.kind === 'failure') showFailure(answer.failure);
  else showReport(answer, request);
}

function showProgress(read: number, total: number): void {
  const megabytes = (read / 1e6).toFixed(0);
  // a compressed file has more bytes than it takes on the disk
  if (total > 0 && read <= total) progress.value = (100 * read) / total;
  else progress.removeAttribute('value');
  element('progress-text', HTMLElement).textContent = `Verifying: ${megabytes} MB read`;
}

function running(is: boolean): void {
  verify.disabled = is;
  cancel.hidden = !is;
  element('running', HTMLElement).hidden = !is;
  if (is) {
    element('result', HTMLElement).hidden = true;
    progress.removeAttribute('value');
  }
}

function end(): void {
  worker?.terminate();
  worker = undefined;
  running(false);
}

function say(text: string): void {
  element('status', HTMLElement).textContent = text;
}

element('form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  if (worker !== undefined) return;
  const request = checkRequest(zones);
  if ('code' in request) showFailure(request);
  else begin(request);
});

cancel.addEventListener('click', () => {
  end();
  say('Cancelled. Nothing was decided.');
  verify.focus();
});
