/** Numbers in the text format of Prometheus (version 0.0.4). */

/** One value of a metric. */
export interface Sample {
  /** Names are fixed and values are of a closed list: no name of a stream is one. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its values. */
export interface Metric {
  /** Behind `fapilog_tamper_`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  /** One sentence, in one line. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** What every name begins with. */
const PREFIX = 'fapilog_tamper_';

/** All metrics as text. One without values is left out. */
export function expositionOf(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const metric = `${PREFIX}${name}`;
      const lines = samples.map(({ labels = {}, value }) => `${metric}${labelText(labels)} ${value}\n`);
      return `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
