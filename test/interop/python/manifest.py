"""A file's manifest: an index, every member of it recomputed (section 7, M7.1).

Its note is a signed statement like any other: a signature in it counts, whoever wrote the manifest."""
import hashlib
import sys

import keys
from control import read_control
from keys import b64, key_id, mac_key_id
from notes import parse_note
from spelling import MAX, Pairs, moment, parsed
from tree import root_of
from verdicts import need

AFTER_ALL = sys.maxsize
UNREADABLE = object()
ALGORITHMS = {'mac': 'hmac-sha256', 'hash': 'sha256'}
SIGNATURES = {*keys.ALGORITHMS, 'ml-dsa-44', 'ml-dsa-65', 'kms-hmac-sha256', 'ratchet-hmac-sha256'}
NAMES = (
    'version origin file created_ts closed_ts record_count first_seq last_seq first_ts last_ts size root algo key_id '
    'continues_from bytes sha256 checkpoint signature_algo signature'
).split()


def json_of(manifest):
    """What it says; UNREADABLE if it is not JSON in UTF-8."""
    try:
        return parsed(manifest.decode('utf-8'))
    except ValueError:
        return UNREADABLE


def members_of(manifest):
    """The members; None if it is not an object, or not JSON in UTF-8."""
    read = json_of(manifest)
    return dict(read) if isinstance(read, Pairs) else None


def _is_string(value):
    return isinstance(value, str)


def _is_number(value):
    return type(value) is int and 0 <= value <= MAX


def _is_time(value):
    return _is_string(value) and moment(value) is not None


def _is_before(value):
    given = dict(value) if isinstance(value, Pairs) else {}
    own = {'origin', 'size', 'root'}
    return set(given) == own and all((_is_number if name == 'size' else _is_string)(given[name]) for name in own)


FORMS = {
    **dict.fromkeys(('record_count', 'first_seq', 'last_seq', 'size', 'bytes'), _is_number),
    **dict.fromkeys(('created_ts', 'closed_ts', 'first_ts', 'last_ts'), _is_time),
    'version': lambda value: value == 1 and type(value) is int,
    'algo': lambda value: value in ALGORITHMS.values(),
    'signature_algo': lambda value: value in SIGNATURES,
    'continues_from': _is_before,
    'checkpoint': lambda value: _is_string(value) and parse_note(value) is not None,
}
OPTIONAL = {'first_ts', 'last_ts', 'continues_from'}


def whole_manifest(manifest):
    """The members of one that is well formed (section 7); None for what is none."""
    given = members_of(manifest)
    if given is None or set(NAMES) - OPTIONAL - set(given) or set(given) - set(NAMES):
        return None
    return given if all(FORMS.get(name, _is_string)(value) for name, value in given.items()) else None


def _is_later(given):
    """M7.1: it says what only a later version knows."""
    words = (('algo', set(ALGORITHMS.values())), ('signature_algo', SIGNATURES))
    before = given.get('continues_from')
    nested = set(dict(before)) - {'origin', 'size', 'root'} if isinstance(before, Pairs) else set()
    return (
        given.get('version') != 1
        or bool(set(given) - set(NAMES) or nested)
        or any(_is_string(given.get(name)) and given[name] not in known for name, known in words)
    )


def check_manifest(stream, file, following, is_last):
    if json_of(file.manifest) is UNREADABLE:
        stream.undecided.add('UNREADABLE')  # a download broke, or it was converted
        return
    given = members_of(file.manifest)
    need(given is not None, 'MANIFEST_WRONG')
    if 'RESERIALIZED' in file.problems:
        return  # what rests on entries that cannot be read is undecided
    if stream.damaged_beside and not any(line.seq == given.get('last_seq') and line.kind == 'close' for line in file.lines):
        return  # the rest of it may be in what cannot be read
    if _is_later(given):
        stream.undecided.add('UNSUPPORTED')
        return
    last = given.get('last_seq')
    if isinstance(last, int) and not any(line.seq == last for line in file.lines if line.is_entry):
        # M7.1: the file was cut off before its close
        size = stream.state.size or 0
        if not file.entries or file.entries[-1].seq < last:
            need(not file.entries or following != file.entries[-1].seq + 1, 'MANIFEST_WRONG')  # it is of another file
            if size < last:
                stream.undecided.add('FILES_MISSING')
            stream.torn = stream.torn or is_last
            return
    ends = [line.seq for line in file.entries if line.kind == 'close']
    goes_on = file.entries and following == file.entries[-1].seq + 1 and not file.rest
    if isinstance(last, int) and file.entries and last not in ends and not goes_on and stream.checkpoints.largest < last:
        stream.undecided.add('FILES_MISSING')  # what stands there was lost by a crash, and cut before what took its place
        return
    expected = facts(stream, file, given)
    need(not set(NAMES) - OPTIONAL - set(given), 'MANIFEST_WRONG')
    is_salted = any(line.salted for line in file.lines)
    for name in NAMES:
        value = given.get(name)
        if name in ('bytes', 'sha256') and is_salted and FORMS.get(name, _is_string)(value) and value != expected.get(name):
            stream.undecided.add('MANIFEST_WRONG')  # M7.1: it may be a copy from before an erasure
            continue
        need((dict(value) if isinstance(value, Pairs) else value) == expected.get(name), 'MANIFEST_WRONG')


def ends_early(file, following):
    """Whether a file ends before the entry that its manifest names as the last one."""
    given = whole_manifest(file.manifest) if file.manifest is not None and file.entries else None
    end = file.entries[-1].seq if given else 0
    return bool(given) and given['last_seq'] > end and following != end + 1


def facts(stream, file, given):
    """What the file gives up to the close that the manifest names; the file may have gone on."""
    kept, has_lost = without_lost(file)
    place = [at for at, line in enumerate(kept) if line.seq == given.get('last_seq')]
    need(place, 'MANIFEST_WRONG')
    first, last = kept[0], kept[place[0]]
    need(first.kind == 'open' and last.kind == 'close' and last.seq in stream.state.seals, 'MANIFEST_WRONG')
    note, algorithm, signature = signed(stream, last, given)
    # M7.1: of bytes that are not those that were written, neither their number nor their digest is asked
    # a download broke in the checkpoint lines behind the close, or a shipper of lines is behind
    goes_on = any(line.is_entry for line in file.lines[file.lines.index(last) + 1 :])
    is_short = type(given.get('bytes')) is int and given['bytes'] > len(file.data) - len(file.rest)
    is_cut = is_short and (bool(file.rest) or not goes_on)
    altered = file.altered or has_lost
    if is_cut and not altered and (not file.rest or stream.auditor.live):
        stream.undecided.add('FILES_MISSING')
    covered = given.get('bytes') if altered or is_cut else bytes_of(file, last, given)
    opened, named = read_control(first), given.get('file')
    return {
        'version': 1,
        'origin': stream.origin,
        'file': named if isinstance(named, str) else '',  # M7.1: files are renamed with their manifests
        'created_ts': _text(first, 'time'),
        'closed_ts': _text(last, 'time'),
        'record_count': given.get('record_count')
        if has_lost
        else sum(line.kind == 'record' for line in kept[: place[0]]),
        'first_seq': first.seq,
        'last_seq': last.seq,
        'first_ts': _text(last, 'first_time'),
        'last_ts': _text(last, 'last_time'),
        'size': last.seq,
        'root': b64(stream.state.seals[last.seq].root),
        'algo': ALGORITHMS[last.mode],
        'key_id': '%s.%d' % (last.tag, last.epoch),
        'continues_from': _continues(stream, first.seq, opened),
        'bytes': covered,
        'sha256': given.get('sha256') if altered or is_cut else hashlib.sha256(file.data[:covered]).hexdigest(),
        'checkpoint': note,
        'signature_algo': algorithm,
        'signature': signature,
    }


def without_lost(file):
    """The entries of a file, and whether a crash left others among them, which its writer did not know of (M8.26)."""
    kept, has_lost = [], False
    for line in (line for line in file.lines if line.is_entry):
        while kept and kept[-1].seq >= line.seq:
            kept.pop()
            has_lost = True
        kept.append(line)
    return kept, has_lost


def bytes_of(file, last, given):
    """What `bytes` says, where it ends a line at or behind the close and before the next entry."""
    at = file.data.find(last.bytes) + len(last.bytes) + 1
    ends = [at]
    for line in file.lines[file.lines.index(last) + 1 :]:
        if line.is_entry:
            break
        at = file.data.find(line.bytes, at) + len(line.bytes) + 1
        ends.append(at)
    return given['bytes'] if type(given.get('bytes')) is int and given['bytes'] in ends else None


def _text(line, name):
    """A time as the line spells it, None where it does not say one."""
    return dict(dict(parsed(line.bytes.decode('utf-8')))['integrity']).get(name)


def _continues(stream, seq, opened):
    """The tree before the file's first entry, or what the first open cites in `after`."""
    if 'after' in opened:
        after = opened['after']
        return {'origin': after['origin'], 'size': after['size'], 'root': b64(after['root'])}
    if seq == 1:
        return None
    return {'origin': stream.origin, 'size': seq - 1, 'root': b64(root_of(stream.state.frontiers[seq - 1]))}


def signed(stream, last, given):
    """The note, where it covers the last entry; its first signature with the algorithm of the epoch's key."""
    note = parse_note(given['checkpoint']) if isinstance(given.get('checkpoint'), str) else None
    need(note is not None and note.size == last.seq, 'MANIFEST_WRONG')
    stream.position = AFTER_ALL
    stream.checkpoints.take(given['checkpoint'])
    epoch = stream.state.seals[note.size].epoch
    algorithms = {key_id(stream.origin, signer): signer[0] for signer in epoch.signers}
    if epoch.mode == 'mac':
        algorithms[mac_key_id(stream.origin, epoch.reference['fp'])] = 'ratchet-hmac-sha256'
    _, found, value = note.signatures[0]
    return given['checkpoint'], algorithms.get(found), b64(value)
