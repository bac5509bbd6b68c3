// What ../../monitoring/alerts.yaml asks for, from `sealer.stats`, in Prometheus' text format.

/** @param stats - `sealer.stats` */
export function metrics(stats) {
  const secondsSince = (at) => (Date.now() - at) / 1000;
  const { unsignedSince, outageSince, checkpointedAt } = stats;
  const values = [
    ['unsigned_entries', 'gauge', stats.unsignedEntries, 'Entries that no complete checkpoint covers.'],
    ['unsigned_seconds', 'gauge', secondsSince(unsignedSince ?? Date.now()), 'How long the oldest of them has waited.'],
    ['outage_seconds', 'gauge', secondsSince(outageSince ?? Date.now()), 'How long the key service has failed.'],
    // There is none before the first checkpoint.
    [
      'checkpoint_age_seconds',
      'gauge',
      checkpointedAt && secondsSince(checkpointedAt),
      'Age of the newest checkpoint.',
    ],
    ['dropped_lines_total', 'counter', stats.dropped, 'Lines lost for lack of room; a gap entry counts them.'],
    ['uncounted_lines_total', 'counter', stats.uncounted, 'Lines lost that nothing on disk counts.'],
    ['kept_lines', 'gauge', stats.kept, 'Lines in the state directory, for the next start to seal.'],
    ['gaps_total', 'counter', stats.gaps, 'Gap entries written.'],
    ['pending_bytes', 'gauge', stats.pendingBytes, 'Memory of lines that wait for a key or for the disk.'],
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
