"""Which file belongs to which stream (M1.6), also where a pipe has mixed the lines of several."""
from auditor import Auditor
from control import read_control
from files import MARK, File
from lines import note_of
from manifest import members_of
from notes import parse_note


class Origins:
    """The streams that the auditor names; a name that ends with * stands for every origin that begins so."""

    def __init__(self, names, has_erasure_logs=False):
        self.names = [names] if isinstance(names, str) else list(names)
        self.has_erasure_logs = has_erasure_logs

    def covers(self, origin):
        return any(origin == name or (name.endswith('*') and origin.startswith(name[:-1])) for name in self.names)

    def by_tag(self, files, held):
        """The origin of each TAG: those named in full, those that are held, and those that an open in the files names."""
        found = [name for name in self.names if not name.endswith('*')]
        found += [note.origin for note in held if self.covers(note.origin)]
        for file in files:
            for line in file.entries:
                says = read_control(line) if line.kind == 'open' else None
                if isinstance(says, dict) and self.covers(says['origin']):
                    found.append(says['origin'])
        return {Auditor.tag(origin): origin for origin in found}


def grouped(origins, files, held):
    """Files by origin; under None those that belong to no named stream."""
    tags, groups = origins.by_tag(files, held), {}
    tags.update((Auditor.tag(origin), origin) for origin in map(_beside, files) if origin and origins.covers(origin))
    for file in files:
        if file.first is not None:
            origin = next((tags[line.tag] for line in file.entries if line.tag in tags), None)
        else:
            origin = _noted(file) or _told(file, tags.values()) or _only(origins)
        groups.setdefault(origin if origin in tags.values() else None, []).append(file)
    return groups


def _only(origins):
    """What holds no entry belongs to the one stream that the auditor names, or to none."""
    is_one = len(origins.names) == 1 and not origins.names[0].endswith('*') and not origins.has_erasure_logs
    return origins.names[0] if is_one else None


def _told(file, named):
    origin = _beside(file)
    return origin if origin in named else None


def _beside(file):
    """M7.1: a file with nothing in it belongs where the manifest beside it does."""
    is_empty = not file.data.removeprefix(MARK).strip(b'\r\n')
    given = members_of(file.manifest) if file.manifest and is_empty else None
    origin = given.get('origin') if given else None
    return origin if isinstance(origin, str) else None


def _noted(file):
    return next(iter(_noted_origins(file)), None)


def _noted_origins(file):
    notes = [parse_note(note_of(line) or '') for line in file.lines if line.kind == 'checkpoint']
    return dict.fromkeys(note.origin for note in notes if note is not None)


def separated(origins, files, held):
    """Each file as one per stream: its entries by TAG, checkpoint lines by the origin in the note, others everywhere."""
    named, parts = origins.by_tag(files, held), []
    for file in files:
        noted = [Auditor.tag(origin) for origin in _noted_origins(file)]
        tags = dict.fromkeys([line.tag for line in file.entries] + noted)
        for tag in tags:
            parts.append(_part(file, tag, named.get(tag)))
        if not tags:
            parts.append(file)
    return parts


def _part(file, tag, origin):
    part = File(file.name, b'')
    part.lines = [line for line in file.lines if _belongs(line, tag, origin)]
    part.entries = [line for line in part.lines if line.is_entry]
    part.first, part.problems = part.entries[0] if part.entries else None, set(file.problems)
    part.whole, part.plain, part.rest = file.whole, b'\n'.join(line.bytes for line in part.lines), file.rest
    part.data = part.plain
    return part


def _belongs(line, tag, origin):
    if line.is_entry:
        return line.tag == tag
    note = parse_note(note_of(line) or '') if line.kind == 'checkpoint' else None
    return note is None or note.origin == origin
