"""Epochs and seals, as the log says them and the auditor's keys answer them (section 5)."""
from schedule import Schedule, usable
from verdicts import LeftOut


class Seal:
    """A seal or close. `mac` is what our MAC of its checkpoint must be, None where nobody can tell."""

    def __init__(self, seq, kind, time, root, epoch, mac):
        self.seq, self.kind, self.time, self.root, self.epoch, self.mac = seq, kind, time, root, epoch, mac


class Epoch:
    """One key period. `before` is the epoch that handed over to it; without one it opens a run by itself."""

    def __init__(self, auditor, origin, number, reference, seq, first, before, position):
        self.number, self.reference, self.introduced, self.first, self.before = number, reference, seq, first, before
        self.position = position
        self.mode, self.signers = reference['records'], list(reference['signers'])
        self.salted = 'salted' in reference
        self.opens_run = before is None
        self.skips_a_signer = getattr(reference['signers'], 'skipped', False)
        self.schedule, self.fits, self.left_out = None, False, None
        if any(algorithm == 'kms-hmac-sha256' for algorithm, _ in self.signers):
            raise LeftOut('a MAC of a key service')
        self.last_under_key = auditor.last_under(origin, number)
        data_key = auditor.data_key(origin, number, first) if self.mode == 'mac' else None
        if data_key == 'unavailable':
            self.left_out = 'KEY_SERVICE'
        elif data_key is not None and usable(data_key):
            self.schedule = Schedule(data_key, reference['nonce'], origin, number)
            self.fits = self.schedule.fingerprint == reference['fp']

    @property
    def has_macs(self):
        """The auditor checks its MACs: a wrong one would have ended the reading."""
        return self.schedule is not None and self.fits

    def is_under_key(self, seq):
        """M8.1: an entry above the range of the data key is as without a key."""
        return seq <= self.last_under_key

    def asks_for(self, line):
        """M8.8, M1.12: the member name, and a salt or an erased record where the key period is salted, else neither."""
        fits = line.kind != 'record' or (line.salted or line.erased) == self.salted
        return line.mode == self.mode and fits

    def __repr__(self):
        return 'epoch %d from %d' % (self.number, self.first)
