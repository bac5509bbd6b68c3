// ListCryptoKeyVersions: filter, order and paging (cloud.google.com/kms/docs/sorting-and-filtering).
import { describeVersion } from './key-store.mjs';
import { invalid } from './status.mjs';

const term = /^(name|state|algorithm|protection_level|protectionLevel)\s*(=|!=|:)\s*"?([A-Za-z0-9_/.-]+)"?$/;

function parseFilter(filter) {
  if (filter === '') return () => true;
  const checks = filter.split(/\s+AND\s+/).map((part) => {
    const match = term.exec(part.trim());
    if (match === null) throw invalid(`Invalid filter: ${filter}`);
    const [, field, operator, value] = match;
    const member = field === 'protection_level' ? 'protectionLevel' : field;
    if (operator === ':') return (version) => version[member].includes(value);
    return (version) => (version[member] === value) === (operator === '=');
  });
  return (version) => checks.every((check) => check(version));
}

function parseOrder(orderBy) {
  if (orderBy === '') return byName;
  const match = /^(name|create_time|createTime)(?:\s+(asc|desc))?$/.exec(orderBy);
  if (match === null) throw invalid(`Invalid order_by: ${orderBy}`);
  const order = match[1] === 'name' ? byName : (a, b) => a.id - b.id;
  return match[2] === 'desc' ? (a, b) => order(b, a) : order;
}

// as text: 1, 10, 11, 2 - the interface promises no numeric order
function byName(a, b) {
  return a.name < b.name ? -1 : 1;
}

export function listVersions(key, { pageSize = 0, pageToken = '', filter = '', orderBy = '' }) {
  if (pageSize < 0) throw invalid('page_size must not be negative.');
  const offset =
    pageToken === ''
      ? 0
      : Number(/^after-([0-9]+)$/.exec(Buffer.from(pageToken, 'base64url').toString())?.[1] ?? Number.NaN);
  if (Number.isNaN(offset)) throw invalid('Invalid page_token.');
  const matching = key.versions.filter(parseFilter(filter)).sort(parseOrder(orderBy));
  const size = Math.min(pageSize === 0 ? 100 : pageSize, 1000);
  const end = offset + size;
  return {
    cryptoKeyVersions: matching.slice(offset, end).map(describeVersion),
    nextPageToken: end < matching.length ? Buffer.from(`after-${end}`).toString('base64url') : '',
    totalSize: filter === '' ? matching.length : 0,
  };
}
