// What ../../monitoring/alerts.yaml asks for, from `sealer.stats`, in Prometheus' text format.

/** @param stats - `sealer.stats` */
export function metrics(stats) {
  const { checkpointedAt } = stats; // undefined before the first checkpoint
  const age = checkpointedAt === undefined ? undefined : (Date.now() - checkpointedAt) / 1000;
  const values = [
    ['unsigned_records', 'gauge', stats.unsignedEntries, 'Entries that no complete checkpoint covers.'],
    ['checkpoint_age_seconds', 'gauge', age, 'Age of the newest complete checkpoint.'],
    ['dropped_lines_total', 'counter', stats.dropped, 'Lines lost for lack of room.'],
    ['kept_lines', 'gauge', stats.kept, 'Lines in the state directory, for the next start to seal.'],
    ['gaps_total', 'counter', stats.gaps, 'Gap entries written.'],
    ['pending_bytes', 'gauge', stats.pendingBytes, 'Bytes that wait for a key or for the disk.'],
    ['log_ended', 'gauge', stats.ended ? 1 : 0, 'Whether the log has ended: nothing is sealed any more.'],
  ];
  return values
    .filter(([, , value]) => value !== undefined)
    .map(([name, type, value, help]) => {
      const metric = `fapilog_tamper_${name}`;
      return `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n${metric} ${value}\n`;
    })
    .join('');
}
