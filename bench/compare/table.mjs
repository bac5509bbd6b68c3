// What was measured, as Markdown.
const rate = (value) => `${Math.round(value / 1000).toLocaleString('en')}k`;

/** @param results - as compare.mjs makes them */
export function table({ rows, absent, ceilings, machine, date, lines, lineBytes, rounds }) {
  const [raw] = ceilings;
  const body = rows.map(({ name, version, seal, verify }) => {
    const share = `${((100 * seal) / raw.rate).toFixed(1)} %`;
    return `| ${name} | ${version} | ${rate(seal)} | ${rate(verify)} | ${share} |`;
  });
  return [
    `${date}, ${machine}: ${lines.toLocaleString('en')} lines of ${lineBytes} bytes, lines per second of CPU time, medians of ${rounds} rounds.`,
    '',
    '| | version | seals | verifies | sealing, of the ceiling |',
    '|---|---|---|---|---|',
    ...body,
    '',
    ...ceilings.map(({ name, rate: most }) => `- ${name}: ${rate(most)}`),
    ...absent.map(({ name, reason }) => `- ${name}: absent, ${reason}`),
  ].join('\n');
}
