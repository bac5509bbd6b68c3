"""The members of control entries in their one spelling (section 2, M2.1)."""
import functools
import re

from keys import ALGORITHMS, is_canonical_spki
from lines import AUTH_AND_END
from spelling import MAX, ORIGIN, Pairs, from_b64u, moment, parsed, stringify


class Malformed(Exception):
    """CONTROL_MALFORMED: a known kind that is not in its one spelling."""


class Unsupported(Exception):
    """UNSUPPORTED: a kind, format, member, `why`, algorithm or `records` value of a later version (M8.9)."""


class Members(dict):
    """What an entry says, by name. `text` is how it is spelled."""

    text = ''


def must(ok):
    if not ok:
        raise Malformed


def all_of(readers):
    """What each one reads. M8.9: what a later version says counts before what no version says."""
    read, problems = [], []
    for reader, value in readers:
        try:
            read.append(reader(value))
        except (Malformed, Unsupported) as problem:
            problems.append(problem)
    if problems:
        raise next((one for one in problems if isinstance(one, Unsupported)), problems[0])
    return read


# Each reader takes a JSON value and returns the value with its spelling.


def number(value):
    must(type(value) is int and 0 <= value <= MAX)
    return value, str(value)


def string(value):
    must(isinstance(value, str))
    return value, stringify(value)


def time(value):
    must(isinstance(value, str) and moment(value) is not None)
    return moment(value), stringify(value)


def data(value):
    must(isinstance(value, str) and from_b64u(value) is not None)
    return from_b64u(value), stringify(value)


def digest(value):
    read, text = data(value)
    must(len(read) == 32)
    return read, text


def true(value):
    must(value is True)
    return value, 'true'


def origin(value):
    must(isinstance(value, str) and ORIGIN.fullmatch(value))
    return string(value)


def kid(value):
    must(isinstance(value, str))
    tag, dot, epoch = value.partition('.')
    must(len(tag) == 8 and dot and epoch.isdigit() and epoch.isascii() and str(int(epoch)) == epoch and 0 < int(epoch) <= MAX)
    return (tag, int(epoch)), stringify(value)


def one_of(*names):
    def read(value):
        must(isinstance(value, str))
        if value not in names:
            raise Unsupported
        return value, stringify(value)

    return read


def list_of(reader):
    def read(value):
        must(isinstance(value, list) and not isinstance(value, Pairs))
        parts = all_of((reader, one) for one in value)
        return [one for one, _ in parts], '[' + ','.join(text for _, text in parts) + ']'

    return read


def members(pairs, spec):
    """The members of an object, in the order of `spec`; a name that ends in ? may be absent."""
    must(isinstance(pairs, Pairs))
    given = dict(pairs)
    if set(given) - {name.rstrip('?') for name, _ in spec}:
        raise Unsupported
    there = [(name.rstrip('?'), reader) for name, reader in spec if name in given or name.rstrip('?') in given]
    values = all_of((reader, given[name]) for name, reader in there)
    must(all(name.endswith('?') or name in given for name, _ in spec))
    read = Members((name, value) for (name, _), (value, _) in zip(there, values))
    read.text = ','.join('"%s":%s' % (name, text) for (name, _), (_, text) in zip(there, values))
    return read


def object_of(*spec):
    def read(value):
        inner = members(value, spec)
        return inner, '{' + inner.text + '}'

    return read


ALGORITHM_NAME = re.compile('[a-z0-9-]{1,64}')
KNOWN = (*ALGORITHMS, 'kms-hmac-sha256')


def signer(value):
    """M2.8: without its key where the algorithm is not known; this verifier knows none of ML-DSA."""
    read, text = object_of(('source', string), ('identity', string), ('algorithm', string), ('spki?', data))(value)
    if read['algorithm'] not in KNOWN:
        if 'spki' not in read or not ALGORITHM_NAME.fullmatch(read['algorithm']):
            raise Unsupported
        return None, text
    must(('spki' in read) == (read['algorithm'] != 'kms-hmac-sha256'))
    must('spki' not in read or is_canonical_spki(read['algorithm'], read['spki']))
    return (read['algorithm'], read.get('spki', b'')), text


def signers(value):
    read, text = list_of(signer)(value)
    must(read)
    known = [one for one in read if one is not None]
    if not known:
        raise Unsupported
    found = Signers(known)
    found.skipped = len(known) < len(read)
    return found, text


class Signers(list):
    """Those that are known; `skipped`: there are others."""

    skipped = False


def key_reference(value):
    must(isinstance(value, Pairs))
    records = dict(value).get('records')
    must(records is not None)
    one_of('mac', 'hash')(records)
    if records == 'hash':
        read, text = object_of(('records', string), ('salted?', true), ('signers', signers))(value)
    else:
        read, text = object_of(
            ('records', string), ('salted?', true), ('source', string), ('identity', string), ('nonce', digest),
            ('fp', digest), ('wrapped?', data), ('signers?', signers),
        )(value)  # fmt: skip
    read.setdefault('signers', [])
    return read, text


def format_number(value):
    read, text = number(value)
    if read != 1:
        raise Unsupported
    return read, text


CHECKPOINT = object_of(('size', number), ('root', digest))
KINDS = {
    'open': (
        ('format', format_number), ('origin', origin), ('time', time),
        ('why', one_of('new', 'resumed', 'recovered', 'rotated', 'conflict')), ('size', number),
        ('frontier', list_of(digest)), ('checkpoint?', CHECKPOINT), ('key', key_reference), ('epoch_seq', number),
        ('step', number), ('every', object_of(('records', number), ('seconds', number), ('idle_seconds', number))),
        ('torn?', object_of(('bytes', number), ('sha256?', digest))), ('adopted_from?', number),
        ('after?', object_of(('origin', origin), ('size', number), ('root', digest))),
    ),
    'key': (('next', kid), ('key', key_reference)),
    'seal': (('step', number), ('time', time), ('records', number), ('dropped', number)),
    'gap': (
        ('dropped', number), ('since', time),
        ('why', one_of('key_service', 'overflow', 'disk', 'suspended', 'transport')),
    ),
    'close': (
        ('step', number), ('time', time), ('records', number), ('first_time?', time), ('last_time?', time),
        ('why', one_of('shutdown', 'rotated', 'continued')), ('then?', origin),
    ),
}  # fmt: skip


@functools.lru_cache(maxsize=1 << 14)
def read_control(line):
    """The members of a control line, or the exception that says why there are none."""
    try:
        return _read(line)
    except (Malformed, Unsupported) as problem:
        return problem


def _read(line):
    if line.kind not in KINDS:
        raise Unsupported
    outer = parsed(line.bytes.decode('utf-8'))
    must(len(outer) == 1 and outer[0][0] == 'integrity' and isinstance(outer[0][1], Pairs))
    frame = {'seq', 'kind', 'key_id', line.mode}
    read = members(Pairs(pair for pair in outer[0][1] if pair[0] not in frame), KINDS[line.kind])
    head = '{"integrity":{"seq":%d,"kind":"%s",' % (line.seq, line.kind)
    end = ',"key_id":"%s.%d","%s":"' % (line.tag, line.epoch, line.mode)
    must((head + read.text + end).encode() == line.bytes[:-AUTH_AND_END])
    if line.kind == 'close':
        must(('then' in read) == (read['why'] == 'continued'))
        must(('first_time' in read) == ('last_time' in read))
    return read
