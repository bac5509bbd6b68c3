// Loaded before a program: at its end it says what it took, as "measured MICROSECONDS-OF-CPU KILOBYTES-AT-THE-PEAK".
// Where CLOCK is set, in milliseconds since 1970, the program begins at that time.
const { Date: Now } = globalThis;
if (process.env.CLOCK !== undefined) {
  const ahead = Number(process.env.CLOCK) - Now.now();
  globalThis.Date = class extends Now {
    constructor(...args) {
      super(...(args.length === 0 ? [Now.now() + ahead] : args));
    }
    static now() {
      return Now.now() + ahead;
    }
  };
}

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stderr.write(`\nmeasured ${userCPUTime + systemCPUTime} ${maxRSS}\n`);
});
