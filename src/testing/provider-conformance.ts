import { TamperError } from '../errors.ts';
import { dataKeyRotationTrials, dataKeyTrials, wrappedKeyTrials } from './conformance-data-keys.ts';
import { absentKeyTrials, faultTrial, lifecycleTrials } from './conformance-lifecycle.ts';
import { signingRotationTrials, signingTrials } from './conformance-signing.ts';
import type { ConformanceCheck, ConformanceSubject, ConformanceTrial } from './conformance-subject.ts';

/**
 * Everything that a key provider must do, as named checks for any test framework:
 *
 *     for (const check of providerConformance(subject)) test(check.name, check.run);
 *
 * Each check makes a provider of its own and closes it. They share the subject's source, so run them one after another.
 *
 * @throws {TamperError} `USAGE`: the subject has neither a data key nor a signing key, so that nothing would be checked
 */
export function providerConformance(subject: ConformanceSubject): ConformanceCheck[] {
  const trials = new Map<string, ConformanceTrial>();
  const add = (group: Readonly<Record<string, ConformanceTrial>>): void => {
    for (const [name, trial] of Object.entries(group)) trials.set(name, trial);
  };
  if (subject.dataKey !== undefined) add(dataKeyTrials);
  if (subject.dataKey?.kind === 'wrapped') add(wrappedKeyTrials);
  if (subject.signingKey !== undefined) add(signingTrials);
  if (trials.size === 0) {
    throw new TamperError('USAGE', `the conformance subject "${subject.name}" has neither dataKey nor signingKey`, {
      hint: 'Give it the id of a key that its provider can use.',
    });
  }
  add(lifecycleTrials);
  if (subject.absentKey !== undefined) add(absentKeyTrials);
  if (subject.rotate !== undefined && subject.dataKey?.kind === 'wrapped') add(dataKeyRotationTrials);
  if (subject.rotate !== undefined && subject.signingKey !== undefined) add(signingRotationTrials);
  for (const fault of subject.faults ?? [])
    trials.set(`throws ${fault.codes.join(' or ')} while ${fault.name}`, faultTrial(fault));
  return [...trials].map(([name, trial]) => ({ name: `${subject.name} ${name}`, run: () => runOnce(subject, trial) }));
}

async function runOnce(subject: ConformanceSubject, trial: ConformanceTrial): Promise<void> {
  const provider = await subject.create();
  try {
    await trial(provider, subject);
  } finally {
    await provider.close();
  }
}
