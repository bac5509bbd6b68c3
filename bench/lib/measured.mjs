// Loaded before a program: at its end it says what it took, as "measured MICROSECONDS-OF-CPU KILOBYTES-AT-THE-PEAK".
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write(`\nmeasured ${userCPUTime + systemCPUTime} ${maxRSS}\n`);
});
