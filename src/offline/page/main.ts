import { isError } from '../../errors.ts';
import { visible } from '../../report/html/markup.ts';
import { element } from './element.ts';
import { checkRequest } from './fields.ts';
import type { Answer, Request } from './request.ts';
import { clearResult, showFailure, showProofs, showReport } from './result.ts';
import { Zones } from './zones.ts';

/** The page: it gathers what is dropped, starts the worker, shows what it answers. */

/** The program of the worker. The build puts it in. */
declare const WORKER: string;

const zones = new Zones({ changed, tell: say, failed: showLost });
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
  else if (answer.kind === 'proofs') showProofs(answer.report);
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
    clearResult();
    progress.removeAttribute('value');
  }
}

function end(): void {
  worker?.terminate();
  worker = undefined;
  running(false);
}

function say(text: string): void {
  element('status', HTMLElement).textContent = visible(text);
}

/** What is shown, or being found out, is about what was given before. */
function changed(): void {
  if (worker !== undefined) {
    end();
    say('Canceled, because the input has changed. Nothing was decided: press Verify again.');
  } else if (clearResult()) say('The input has changed: press Verify again.');
}

function showLost(error: unknown): void {
  const message = `what was dropped or chosen could not be read: ${isError(error) ? error.message : String(error)}`;
  showFailure({ code: 'READ_FAILED', message, hint: 'None of it was taken. Give it once more, or give a copy of it.' });
}

async function submit(): Promise<void> {
  // asked last, for it may have been pressed twice meanwhile
  if (!(await zones.settled()) || worker !== undefined) return;
  say('');
  const request = checkRequest(zones);
  if ('code' in request) showFailure(request);
  else begin(request);
}

const form = element('form', HTMLFormElement);
form.addEventListener('input', changed);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void submit();
});

cancel.addEventListener('click', () => {
  end();
  say('Canceled. Nothing was decided.');
  verify.focus();
});
