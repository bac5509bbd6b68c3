import { jsonText } from '../../cli/output.ts';
import { verdictText } from '../../cli/verify-text.ts';
import { element, made } from './element.ts';
import type { Answer, Failure, Request } from './request.ts';

/** What came of a verification, as the page shows it. */

const sentences = {
  ok: 'ok: the log is what was sealed',
  tampered: 'tampered: the log is not what was sealed',
  undecided: 'undecided: whether the log is what was sealed could not be decided',
} as const;

export function showReport({ report, known }: Extract<Answer, { kind: 'report' }>, _request: Request): void {
  const result = element('result', HTMLElement);
  element('report', HTMLElement).replaceChildren(
    made('p', sentences[report.verdict], `verdict ${report.verdict}`),
    made('pre', verdictText(report, 'verbose')),
  );
  const save = element('save', HTMLElement);
  save.replaceChildren(saveButton('Save the report as JSON', 'report.json', `${jsonText(report, 2)}\n`));
  if (known !== undefined) save.append(saveButton('Save the checkpoints for the next time', 'known.json', known));
  result.hidden = false;
  result.focus();
}

export function showFailure({ code, message, hint }: Failure): void {
  const problem = made('div', '', 'problem');
  problem.append(made('p', `No verdict: ${message} (${code}).`));
  if (hint !== undefined) problem.append(made('p', hint));
  element('report', HTMLElement).replaceChildren(problem);
  element('save', HTMLElement).replaceChildren();
  const result = element('result', HTMLElement);
  result.hidden = false;
  result.focus();
}

function saveButton(label: string, name: string, text: string): HTMLButtonElement {
  const button = made('button', label);
  button.type = 'button';
  button.addEventListener('click', () => {
    const link = made('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  return button;
}
