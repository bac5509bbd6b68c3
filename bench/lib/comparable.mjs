// What an audit says of streams, without what differs between two places that hold the same.

/** The lines in order, each with PLACE for the name of the place; without times, and without the digest of the request, which names the place. */
export function comparable(lines, place) {
  return lines
    .map((line) => {
      const result = JSON.parse(line.replaceAll(place, 'PLACE'));
      for (const own of ['request', 'time', 'wholeAt']) delete result[own];
      return JSON.stringify(result);
    })
    .sort();
}
