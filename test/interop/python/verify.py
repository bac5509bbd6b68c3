"""A second verifier, from the text of spec/format.md and spec/erasure.md alone, with everything but key services.

    python verify.py VECTOR.json...    prints [name, verdict, codes] for each; the verdict is null where it is left out
    python verify.py --serve           reads cases as JSON, one a line, with absolute paths in `files`; prints the same

A case has the members of a vector (vectors/README.md); `origin` may be a list, and `demux` separates mixed lines. A
reading ends at the first sign of tampering, because 1 beats 2, and where a damaged file or an open of a later version
leaves the rest undecided; behind any other entry of a later version only the tree and what is held is judged (M8.9). `codes` say why; their names are those of the text."""
import json
import os
import sys

from assessment import assess
from auditor import Auditor
from files import DEFAULT_MAX_BYTES, File, ordered
from grouping import Origins, grouped, separated
from held import check_held
from links import check_links
from manifest import check_manifest, ends_early, members_of, whole_manifest
from stream import Stream
from verdicts import GoesOnElsewhere, LeftOut, Tampered, Undecided, need


MANIFEST = '.manifest.json'
COMPRESSED = ('.gz', '.zst', '.xz', '.bz2', '.lz4', '.zip')
# M8.5: what a file may hold that nobody can read
HIDING = {'UNREADABLE', 'RESERIALIZED', 'LIMIT'}


def is_hidden(file):
    return file.first is None and bool(HIDING & file.problems)


def read_case(case, folder=''):
    """The files of a case, each with the manifest that stands beside it, and the manifests that stand beside none."""
    files, alone = [], []
    for name in case['files']:
        path = os.path.join(folder, name)
        if name.endswith(MANIFEST) and not {
            name[: -len(MANIFEST)] + ending for ending in ('', *COMPRESSED)
        } & set(case['files']):
            with open(path, 'rb') as handle:
                given = whole_manifest(handle.read())
            if given is not None:
                alone.append(given)
                continue
        with open(path, 'rb') as handle:
            file = File(os.path.basename(name), handle.read(), case.get('max_bytes', DEFAULT_MAX_BYTES))
        manifest = (path[:-3] if path.endswith('.gz') else path) + '.manifest.json'
        if os.path.exists(manifest):
            with open(manifest, 'rb') as handle:
                file.manifest = handle.read()
        files.append(file)
    return files, alone


def check_alone(streams, alone, beside, origins):
    """M7.1: a file that only its manifest tells of; `beside`: another one has taken its place. @returns codes of what is
    missing of streams that are not here"""
    ends = {origin: ranges[-1].state.size or 0 for origin, ranges in streams.items()}
    reached = set(ends) | {given['origin'] for given in beside}
    alone = alone + beside
    for _ in alone:
        reached |= {given['origin'] for given in alone if dict(given.get('continues_from', ())).get('origin') in reached}
    codes = set()
    for given in alone:
        origin = given['origin']
        if origin not in reached or not origins.covers(origin) or given['last_seq'] <= ends.get(origin, 0):
            continue
        if origin not in streams:
            codes.add('FILES_MISSING')
        elif not any(one.damaged_beside or one.rewritten for one in streams[origin]):
            streams[origin][-1].undecided.add('FILES_MISSING')
    return codes


def ranges_of(files):
    """M8.24: a file whose first entry comes too late begins another range. Files without entries stay where they are."""
    ranges, last = [[]], None
    for file in files:
        if file.first is not None:
            if last is not None and file.first.seq > last + 1:
                ranges.append([])
            last = file.entries[-1].seq
        ranges[-1].append(file)
    return ranges


def is_empty(file):
    """M8.22: an empty file does not end the one before it: logrotate makes one beside a log that is still written."""
    return not (file.lines or file.rest or file.problems - {'EMPTY_FILE'})


def items_of(files):
    """Each line, what stands behind it (a line, bytes without LF, which are none, or nothing), and its file."""
    items = []
    for file in files:
        items += [[line, None, file] for line in file.lines]
        if file.rest and file.lines:
            items[-1][1] = file.rest
    for item, following in zip(items, items[1:]):
        item[1] = item[1] or following[0]
    return items


def read_stream(auditor, origin, files, damaged_beside):
    """Reads and assesses the ranges of one stream."""
    streams, numbers = [], set()
    damaged_beside = damaged_beside or any('UNREADABLE' in file.problems or is_hidden(file) for file in files)
    whole = [file.whole for file in files]
    if False in whole:
        files = files[: whole.index(False) + 1]
    ranges = ranges_of(files)
    while ranges:
        part = ranges.pop(0)
        stream = Stream(auditor, origin, numbers)
        stream.damaged_beside = damaged_beside
        streams.append(stream)
        try:
            read_part(stream, part, not ranges, False not in whole)
        except GoesOnElsewhere as elsewhere:
            at = part.index(elsewhere.args[0])
            ranges.insert(0, part[at:])
            stream = streams[-1] = Stream(auditor, origin, numbers)
            stream.damaged_beside = damaged_beside
            stream.undecided.add('ABANDONED_UNPROVEN')
            read_part(stream, part[:at], False, False)
        numbers = stream.numbers
    return streams


def read_part(stream, part, is_last, is_whole):
    stream.undecided.update(*(file.problems - {'EMPTY_FILE'} for file in part), ['FILES_MISSING'] if not is_last else [])
    if any(file.encoded_copy for file in part):
        stream.undecided.add('ENCODING_CONVERTED')
    told = [file for file in part if not is_empty(file)]
    for before, file in zip(told, told[1:]):
        file.behind_cut = bool(before.rest) or ends_early(before, file.first.seq if file.first else None)
    stream.torn = bool(told and told[-1].rest)
    if any(file.rest for file in told[:-1]) or (told and told[-1].rest and not (stream.auditor.live and is_last)):
        stream.undecided.add('TORN_TAIL')
    read_range(stream, part, is_last and is_whole)


def read_range(stream, files, ends_here):
    try:
        judge_range(stream, files, ends_here)
    except Undecided as stop:
        stream.undecided.add(str(stop))
    except Tampered:
        if not stream.encoded:
            raise


def judge_range(stream, files, ends_here):
    stream.read(items_of(files))
    # M8.5: what is held above the end may stand in lines that were written again, or in a damaged file
    lost = {'RESERIALIZED', 'UNREADABLE', 'GZIP_TRAILING', 'ENCODING_CONVERTED'}
    stream.rewritten = stream.damaged_beside or any(lost & file.problems or file.encoded_copy for file in files)
    if stream.start is None:
        # M8.5: of a stream that is held there is no entry
        need(not ends_here or stream.rewritten or not stream.auditor.held, 'KNOWN_CONTRADICTED')
        stream.undecided.add('NOT_SEALED')
        return
    if stream.unsure:
        check_held(stream, ends_here)
        return
    for at, file in enumerate(files):
        if file.manifest is not None and file.whole:
            behind = files[at + 1 :]
            check_manifest(stream, file, next((one.first.seq for one in behind if one.first), None), not behind)
    assess(stream, ends_here)


def judge(case, folder=''):
    """The verdict and the codes that gave it."""
    auditor, origins = Auditor(case), Origins(case['origin'], 'erasures' in case)
    codes, streams = set(), {}
    try:
        files, alone = read_case(case, folder)
        beside = []
        if case.get('demux'):
            manifests = (one.manifest for one in files if one.manifest is not None and not is_hidden(one))
            beside = [given for given in map(whole_manifest, manifests) if given is not None]
            files = separated(origins, files, auditor.held)
        groups = grouped(origins, files, auditor.held)
        unclaimed = files if case.get('demux') else groups.get(None, ())
        damaged_beside = any(is_hidden(file) for file in unclaimed)
        for origin, group in groups.items():
            if origin is None:
                codes.update(*(file.problems | {'NOT_NAMED'} for file in group if not is_empty(file)))
            else:
                leave_others_manifests(origin, group)
                renamed_manifests(group)
                read = ordered(group)
                beside += filter(None, (whole_manifest(one) for file in read for one in file.copies))
                streams[origin] = read_stream(auditor.of(origin, origins), origin, read, damaged_beside)
        check_links(streams, origins, auditor, damaged_beside)
        if not auditor.part:
            codes |= check_alone(streams, alone, beside, origins)
    except Tampered as found:
        return 1, [str(found)]
    except LeftOut:
        return None, []
    if not streams or any(not name.endswith('*') and name not in streams for name in origins.names):
        codes.add('NOT_SEALED')
    codes.update(*(stream.undecided for ranges in streams.values() for stream in ranges))
    return (2 if codes else 0), sorted(codes)


def leave_others_manifests(origin, files):
    """M7.1: beside a file without an entry or checkpoint the manifest may be of another stream."""
    for file in files:
        given = members_of(file.manifest) if file.manifest else None
        if given and all(line.kind == 'foreign' for line in file.lines) and given.get('origin') != origin:
            file.manifest = None


def renamed_manifests(files):
    """M7.1: the manifest beside an empty file is that of the file whose first entry it names."""
    for empty in files:
        given = members_of(empty.manifest) if empty.manifest and not empty.data else None
        for file in files:
            if not given or file.first is None or file.first.seq != given.get('first_seq'):
                continue
            if file.manifest in (None, empty.manifest):
                file.manifest, empty.manifest = empty.manifest, None
                break


def serve():
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps([case.get('name'), *judge(case)]), flush=True)


def main(arguments):
    if arguments == ['--serve']:
        return serve()
    for path in arguments:
        with open(path, encoding='utf-8') as handle:
            verdict, codes = judge(json.load(handle), os.path.dirname(path))
        print(json.dumps([os.path.basename(path)[: -len('.json')], verdict, codes]))


if __name__ == '__main__':
    main(sys.argv[1:])
