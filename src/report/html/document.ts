import { html, type Markup } from './markup.ts';
import { REPORT_STYLE, REPORT_STYLE_DIGEST } from './style.ts';

/** What every report begins with. No sealed file does. */
export const REPORT_BEGINNING =
  '<!doctype html>\n<!-- fapilog-tamper report -->\n<html lang="en">\n<head>\n<meta charset="utf-8">\n';

/** One HTML file that asks for nothing and runs nothing, around what is said in it. */
export function renderDocument(title: string, main: Markup): string {
  const head =
    html`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${REPORT_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
`.toString();
  const body = html`</head>
<body>
${main}
</body>
</html>
`.toString();
  return `${REPORT_BEGINNING}${head}<style>${REPORT_STYLE}</style>\n${body}`;
}
