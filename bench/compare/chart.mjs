// What was measured, as a chart: one picture for light and dark pages.
const WIDTH = 760;
const LEFT = 250;
const RIGHT = 60;
const TOP = 74;
const BAR = 13;
const ROW = 2 * BAR + 18;
const MOST = WIDTH - LEFT - RIGHT;

const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .small, .rate { font-size: 11px; fill: #59636e; }
  .seal { fill: #0969da; } .verify { fill: #8ec1f5; }
  .other.seal { fill: #6e7781; } .other.verify { fill: #c4cbd2; }
  .ceiling { stroke: #bc4c00; stroke-dasharray: 4 3; } .small.limit { fill: #bc4c00; }
  .axis { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small, .rate { fill: #9198a1; }
    .seal { fill: #4493f8; } .verify { fill: #1f4f8f; }
    .other.seal { fill: #9198a1; } .other.verify { fill: #4b535d; }
    .ceiling { stroke: #f0883e; } .small.limit { fill: #f0883e; }
    .axis { stroke: #3d444d; }
  }`;

const escaped = (text) => text.replace(/[&<>]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[mark]);
const rate = (value) => `${Math.round(value / 1000).toLocaleString('en')}k`;
const round = (value) => Math.round(value * 10) / 10;

/** @param results - as compare.mjs makes them */
export function chart({ rows, ceilings, machine, date, lineBytes }) {
  const longest = Math.max(...ceilings.map((one) => one.rate), ...rows.flatMap(({ seal, verify }) => [seal, verify]));
  const x = (value) => round(LEFT + (MOST * value) / longest);
  const bottom = TOP + rows.length * ROW;
  const height = bottom + 44;
  const bar = (y, kind, isOurs, value) =>
    `<rect class="${isOurs ? '' : 'other '}${kind}" x="${LEFT}" y="${y}" width="${round(x(value) - LEFT)}" height="${BAR}"/>` +
    `<text class="rate" x="${round(x(value) + 5)}" y="${y + BAR - 3}">${rate(value)}</text>`;
  const drawn = rows.flatMap(({ name, isOurs, seal, verify }, at) => {
    const y = TOP + at * ROW;
    return [
      `<text x="${LEFT - 10}" y="${y + BAR + 4}" text-anchor="end">${escaped(name)}</text>`,
      bar(y, 'seal', isOurs, seal),
      bar(y + BAR + 1, 'verify', isOurs, verify),
    ];
  });
  const limits = ceilings.flatMap((one, at) => [
    `<line class="ceiling" x1="${x(one.rate)}" x2="${x(one.rate)}" y1="${TOP - 6}" y2="${bottom}"/>`,
    `<text class="small limit" x="${x(one.rate)}" y="${bottom + 14 + 14 * (at % 2)}" text-anchor="end">${escaped(one.name)}: ${rate(one.rate)}</text>`,
  ]);
  const told = rows
    .map(({ name, seal, verify }) => `${name}: seals ${rate(seal)}, verifies ${rate(verify)}`)
    .join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">Lines a second that one core seals and verifies</title>
<desc id="desc">${escaped(`${told}. ${ceilings.map((one) => `${one.name}: ${rate(one.rate)}`).join('; ')}.`)}</desc>
<style>${STYLE}
</style>
<text class="title" x="10" y="24">Lines a second that one core seals and verifies</text>
<text class="small" x="10" y="42">${escaped(`lines of ${lineBytes} bytes, CPU time of the whole process; ${machine}, ${date}`)}</text>
<rect class="seal" x="10" y="51" width="10" height="10"/><text class="small" x="25" y="60">seals</text>
<rect class="verify" x="65" y="51" width="10" height="10"/><text class="small" x="80" y="60">verifies</text>
<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP - 6}" y2="${bottom}"/>
${limits.join('\n')}
${drawn.join('\n')}
</svg>
`;
}
