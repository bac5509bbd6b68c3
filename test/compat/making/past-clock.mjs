// Preloaded: the process lives in the past, so that whoever continues its logs, at any date, comes later.
const real = Date;
const [from, since] = process.env.COMPAT_CLOCK.split(',').map(Number);
const now = () => real.now() - since + from;
globalThis.Date = class extends real {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given));
  }
  static now() {
    return now();
  }
};
