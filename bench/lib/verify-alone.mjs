// Verifies one sealed file in a process of its own and prints what that took. argv[2]: the file as JSON; argv[3]: jobs.
import { audit } from './audit.mjs';

const start = performance.now();
const report = await audit(JSON.parse(process.argv[2]), { jobs: Number(process.argv[3] ?? 1) });
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const [stream] = report.streams;
console.log(
  JSON.stringify({
    megabytes: Math.round(maxRSS / 1024),
    records: stream.records,
    epochs: stream.keys.length,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    wallSeconds: (performance.now() - start) / 1000,
  }),
);
