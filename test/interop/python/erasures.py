"""What is said of erased records, and of those that should be (spec/erasure.md)."""
import re

from spelling import MAX, ORIGIN, Pairs, from_b64u, moment, parsed, stringify
from verdicts import need

LONGEST = 1000
STORAGES = ('in-place', 'not-in-place')
HEX = re.compile('[0-9a-f]{64}')


class Erasures:
    """Those that were recorded of one stream: the commitments by seq. `whole` is None where no erasure log was brought."""

    def __init__(self, case, origin):
        given = case.get('erasures')
        self.is_log, self.by_seq = case.get('erasure_log', False), {}
        self.whole = given['whole'] if given else None
        for one in given['recorded'] if given else ():
            if one['erased']['origin'] == origin:
                self.by_seq.setdefault(one['erased']['seq'], set()).add(one['erased']['commit'])

    def take(self, stream, line):
        """An entry, wherever it stands: an adopted or abandoned range, or behind the proven end (R2.1)."""
        recorded, bad = self.by_seq.get(line.seq, set()), stream.undecided.add
        if line.erased:
            need(not self.is_log, 'ERASURES_ERASED')  # R1.4
            if line.commit in recorded:
                stream.erased += 1
            else:
                need(not self.whole, 'ERASED_UNRECORDED')
                bad('ERASED_UNPROVEN')
        elif line.commit in recorded:
            bad('NOT_ERASED')  # R2.2
            return
        if recorded - {line.commit}:
            bad('ERASURE_DIFFERS')  # R2.3: another record, or a control entry
        if self.is_log and line.kind == 'record' and not is_erasure(line.content()):
            bad('ERASURE_MALFORMED')  # R1.1

    def differs_above(self, size):
        """R2.3: above the end of a log that has ended."""
        return any(seq > size for seq in self.by_seq)


def is_erasure(data):
    """R1.1: in its members, their order and their spelling."""
    try:
        given = parsed(data.decode('utf-8')) if data is not None else None
        return _spelled(given) == data.decode('utf-8')
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _spelled(given):
    """What it must be spelled as; raises where a value has another form."""
    one = _object(given)
    erased, file = _object(one['erased']), _object(one['file'])
    origin, seq, commit = erased['origin'], erased['seq'], erased['commit']
    _must(ORIGIN.fullmatch(origin) and type(seq) is int and 0 < seq <= MAX)
    _must(len(from_b64u(commit)) == 32 and moment(one['time']) is not None)
    _must(all(0 < _length(one[name]) <= LONGEST for name in ('reason', 'who')) and file['name'] != '')
    _must(HEX.fullmatch(file['before']) and HEX.fullmatch(file['after']) and one['storage'] in STORAGES)
    text = {name: stringify(_string(one[name])) for name in ('reason', 'who', 'time', 'storage')}
    text.update((name, stringify(_string(file[name]))) for name in ('name', 'before', 'after'))
    return (
        '{"erased":{"origin":%s,"seq":%d,"commit":%s},' % (stringify(origin), seq, stringify(commit))
        + '"reason":%(reason)s,"who":%(who)s,"time":%(time)s,' % text
        + '"file":{"name":%(name)s,"before":%(before)s,"after":%(after)s},"storage":%(storage)s}' % text
    )


def _must(ok):
    if not ok:
        raise ValueError


def _object(value):
    _must(isinstance(value, Pairs))
    return dict(value)


def _string(value):
    _must(isinstance(value, str))
    return value


def _length(text):
    """As ECMAScript counts it."""
    return sum(1 + (ord(char) > 0xFFFF) for char in _string(text))
