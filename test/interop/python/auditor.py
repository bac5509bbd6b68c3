"""What the auditor brings: keys, held checkpoints, options, limits. Nothing of it comes from the log (M8.1)."""
import copy
import re

from erasures import Erasures
from keys import signer_of
from notes import parse_note
from spelling import MAX, b64u, moment
from tree import sha
from verdicts import LeftOut
from witnesses import Witness

NO_LIMIT = float('inf')
DEFAULT_NOW = '2026-11-25T00:00:00.000Z'


CONTINUED = re.compile(r'(?:/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8})+')


def counts_for(name, origin, origins):
    """M8.17: for the stream of its name and those that continue it; a name that is no stream's says nothing."""
    if not origins.covers(name) or name == origin:
        return True
    return origin.startswith(name) and CONTINUED.fullmatch(origin[len(name) :]) is not None


def milliseconds(text):
    return moment(text if '.' in text else text.replace('Z', '.000Z'))


class Auditor:
    """From the members of a vector (vectors/README.md)."""

    def __init__(self, case):
        self.case = case
        self.data_keys = case.get('data_keys', {})
        self.data_key_ranges = case.get('data_key_ranges', {})
        ranges = case.get('vkey_ranges', {})
        self.vkeys = []
        for vkey in case.get('vkeys', []):
            first, last = ranges.get(vkey, (1, 0))
            self.vkeys.append((vkey.split('+', 1)[0], *signer_of(vkey), first, last or MAX))
        self.held = [parse_note(text) for text in case.get('held', [])]
        if None in self.held:
            raise ValueError('a held note does not parse')
        self.stamped = [(parse_note(one['note']), milliseconds(one['time'])) for one in case.get('stamped', [])]
        self.witnesses = [Witness(vkey) for vkey in case.get('witnesses', [])]
        self.cosignatures = case.get('cosignatures', len(self.witnesses))
        self.live, self.part = case.get('live', False), case.get('part', False)
        self.now = milliseconds(case.get('now', DEFAULT_NOW))
        self.until = milliseconds(case['until']) if 'until' in case else None
        accept, policy = case.get('accept', {}), case.get('policy', {})
        self.adopted = accept.get('adopted', 0)
        self.abandoned = accept.get('abandoned', NO_LIMIT)
        self.dropped = accept.get('dropped', NO_LIMIT)
        self.recovery_gap = accept.get('recovery_gap_seconds', NO_LIMIT)
        self.keyed_restarts = accept.get('restarts', 'keyed') == 'keyed'
        self.erased = accept.get('erased', NO_LIMIT)
        self.successors = accept.get('successors', False)
        self.whole = policy.get('start') == 'whole'
        self.floor, self.require = policy.get('records', 'hash'), policy.get('require', [])

    def of(self, origin, origins):
        """The same auditor for one stream: M8.17, a key whose name is an origin of his counts for that stream alone."""
        one = copy.copy(self)
        one.named = [
            ((algorithm, spki), first, last)
            for name, algorithm, spki, first, last in self.vkeys
            if counts_for(name, origin, origins)
        ]
        if any(signer[0].startswith('ml-dsa') for signer, _, _ in one.named):
            raise LeftOut('a signature of ML-DSA')
        one.erasures = Erasures(self.case, origin)
        one.held = [note for note in self.held if note.origin == origin]
        one.stamped = [(note, time) for note, time in self.stamped if note.origin == origin]
        return one

    @staticmethod
    def tag(origin):
        return b64u(sha(origin.encode()))[:8]

    def data_key(self, origin, number, seq):
        """The data key of an epoch whose first entry is `seq`, 'unavailable', or None. M8.1: only within its range."""
        given = self.data_keys.get('%s.%d' % (self.tag(origin), number))
        first, _ = self.data_key_range(origin, number)
        if seq < first or seq > self.last_under(origin, number):
            return None
        return bytes.fromhex(given) if given not in (None, 'unavailable') else given

    def data_key_range(self, origin, number):
        return self.data_key_ranges.get('%s.%d' % (self.tag(origin), number), (1, 0))

    def last_under(self, origin, number):
        """The last entry that the data key of an epoch counts for."""
        return self.data_key_range(origin, number)[1] or MAX

    def names(self, signer):
        return any(signer == named for named, _, _ in self.named)

    def counts(self, signer, size):
        """A named key, and for a checkpoint of this size."""
        return any(signer == named and first <= size <= last for named, first, last in self.named)
