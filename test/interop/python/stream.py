"""One stream, read from its first line to its last: every entry is checked where it stands (sections 2, 3, 5, 8)."""
import copy

from checkpoints import Checkpoints
from control import Malformed, read_control
from epochs import Epoch, Seal
from files import is_encoded
from lines import is_unfinished, note_of
from notes import text_of
from opening import check_run, check_rotated
from spelling import b64u
from tree import appended, root_of
from verdicts import GoesOnElsewhere, Tampered, Undecided, need

LONGEST_CONTROL = 65536


class State:
    """What the next entry depends on. An abandoned tail is read with a copy of it (M8.26)."""

    def __init__(self):
        self.size, self.frontier = None, ()
        self.epoch, self.announced, self.step = None, None, 0
        self.expect, self.closed, self.newest_open = None, None, None
        self.since_seal, self.since_open, self.dropped, self.gap = 0, 0, 0, False
        self.every, self.sealed_at, self.last_time = None, None, None
        self.epochs, self.seals, self.opens, self.entries, self.frontiers, self.runs = [], {}, [], {}, {}, []

    def fork(self):
        other = copy.copy(self)
        for name in ('epochs', 'seals', 'opens', 'entries', 'frontiers', 'runs'):
            setattr(other, name, copy.copy(getattr(self, name)))
        return other


def explains_torn(after):
    """M8.22: an open after a crash, or bytes without LF, which may be the beginning of one."""
    if isinstance(after, bytes):
        return True
    return after is not None and after.kind == 'open' and b'"why":"recovered"' in after.bytes


class Stream:
    """Reads lines in their order. `undecided` are codes of verdict 2; Tampered is raised at the first of verdict 1."""

    def __init__(self, auditor, origin, numbers=()):
        self.auditor, self.origin, self.tag = auditor, origin, auditor.tag(origin)
        self.state, self.undecided = State(), set()
        self.checkpoints = Checkpoints(self)
        self.start, self.numbers, self.lost, self.position = None, set(numbers), 0, 0
        self.abandoned, self.end, self.rewritten, self.damaged_beside, self.unsure = [], None, False, False, False
        self.erased = 0  # records that are recorded as erased
        self.torn = False  # its last file ends inside a line
        self.encoded = False  # M8.33: a file was written in another encoding, and nothing from there on is tampering

    def read(self, items):
        """`items` are (line, what stands behind it, the file that it stands in)."""
        forks = branch_points(items)
        saved, leading = {}, []
        for at, (line, after, file) in enumerate(items):
            self.position = at
            self.encoded = self.encoded or 'ENCODING_CONVERTED' in file.problems
            if at in forks:
                saved[line.seq] = self.state.fork()
            if line.kind == 'checkpoint' and is_encoded(line):
                continue  # M8.33
            if line.kind == 'foreign':
                ends = line is file.lines[-1] and not file.rest
                need(explains_torn(after) or (ends and is_unfinished(line)), 'FOREIGN_LINE')
                self.undecided.add('TORN_TAIL')
            elif line.kind == 'checkpoint' and self.state.size is None:
                leading.append(line)
            elif line.kind == 'checkpoint':
                self.checkpoints.take(note_of(line), file)
            else:
                cut = file.behind_cut or self.damaged_beside
                if line is file.first and self._goes_on_elsewhere(line, saved, cut):
                    raise GoesOnElsewhere(file)
                self._entry(line, saved)
                for early in leading:
                    self.checkpoints.take_before(note_of(early), line.seq)
                leading = []

    def _entry(self, line, saved):
        need(line.tag == self.tag, 'FOREIGN_TAG')
        state = self.state
        if state.size is None:
            self._begin(line)
        elif line.seq != state.size + 1:
            if line.kind == 'open' and line.seq <= state.size and line.seq in saved:
                self._abandon(line, saved[line.seq])
            else:
                raise Tampered('ENTRIES_MISSING, OUT_OF_ORDER or DUPLICATE_ENTRY')
        if self.unsure:
            self._behind_unread(line)
        else:
            self._accept(line)

    def _goes_on_elsewhere(self, line, saved, cut):
        """M8.26: the open that went back may have stood where the file before was cut, or in a file that is not here."""
        state = self.state
        if line.kind != 'open' or state.size is None or self.checkpoints.largest >= line.seq - 1:
            return False
        before = state if line.seq == state.size + 1 else saved.get(line.seq) if line.seq <= state.size else None
        says = read_control(line)
        if before is None or not isinstance(says, dict):
            return False
        if not cut and (before is state or says['why'] == 'rotated'):
            return False
        return tuple(says['frontier']) != before.frontier or (before is not state and says['why'] == 'rotated')

    def _behind_unread(self, line):
        """M8.9: step, epoch, counts and order are undecided; the form, a checksum and the tree are what they were."""
        if line.kind == 'open':
            raise Undecided('UNSUPPORTED')  # what a run or file begins with rests on what was not read
        epoch = self.state.epoch if line.epoch == self.state.epoch.number else None
        need(epoch is None or epoch.asks_for(line), 'MODE_WRONG')
        need(epoch is None or epoch.mode == 'mac' or line.auth == b64u(line.leaf), 'CHECKSUM_WRONG')
        need(line.wrapped, 'CONTROL_MALFORMED')
        control = read_control(line) if line.is_control and len(line.bytes) <= LONGEST_CONTROL else None
        need(not isinstance(control, Malformed), 'CONTROL_MALFORMED')
        self._append(line, False)
        if line.kind in ('seal', 'close') or (line.is_control and not isinstance(control, dict)):
            self._root_alone(line, epoch)

    def _root_alone(self, line, epoch):
        root = root_of(self.state.frontier)
        self.state.seals[line.seq] = Seal(line.seq, line.kind, None, root, epoch, None)

    def _append(self, line, checked):
        state = self.state
        self.auditor.erasures.take(self, line)
        state.frontier = appended(state.frontier, state.size, line.leaf)
        state.size = line.seq
        state.frontiers[line.seq] = state.frontier
        state.entries[line.seq] = line.kind, checked

    def _begin(self, line):
        """M8.4, M8.6: the first entry of the range."""
        if line.kind != 'open':
            need(line.seq > 1, 'OPEN_MISSING')
            raise Undecided('START_UNPROVEN')
        self.start = line.seq
        self.state.size = line.seq - 1

    def _abandon(self, line, before):
        """M8.26: a shipped copy that is ahead of a crashed host."""
        entry = read_control(line)
        need(not isinstance(entry, Exception) and entry['why'] in ('recovered', 'resumed'), 'OUT_OF_ORDER')
        need(self.checkpoints.largest < line.seq, 'OUT_OF_ORDER')
        gone = [self.state.entries[seq] for seq in range(line.seq, self.state.size + 1)]
        if not all(checked for _, checked in gone):
            self.undecided.add('ABANDONED_UNPROVEN')
        self.abandoned.append(len(gone))
        self.state = before

    def _accept(self, line):
        state = self.state
        control = read_control(line) if line.is_control and len(line.bytes) <= LONGEST_CONTROL else None
        if line.kind == 'open' and not isinstance(control, Exception) and control is not None:
            self._open(line, control)
        elif line.kind == 'open':
            raise self._unread(control)
        epoch = state.epoch
        need(line.epoch == epoch.number, 'KEY_ID_WRONG')
        need(epoch.asks_for(line), 'MODE_WRONG')
        checked = self._authenticate(line, epoch)
        need(state.expect in (None, line.kind) or line.kind == 'open', 'SEAL_MISSING')
        need(state.closed is None or line.kind == 'open', 'OPEN_MISSING')
        need(line.wrapped, 'CONTROL_MALFORMED')
        if line.is_control and line.kind != 'open' and (control is None or isinstance(control, Exception)):
            problem = self._unread(control)
            if isinstance(problem, Tampered):
                raise problem
            self.undecided.add(str(problem))
            self.unsure = True
            self._append(line, checked)
            self._root_alone(line, epoch)
            return
        if line.kind != 'open':
            state.expect = None
        else:
            state.closed = None
        self._append(line, checked)
        if line.kind == 'record':
            state.since_seal += 1
            state.since_open += 1
        elif line.kind in ('seal', 'close'):
            self._seal(line, control)
        elif line.kind == 'gap':
            state.dropped += control['dropped']
            state.gap = True
            self.lost += control['dropped']
        elif line.kind == 'key':
            need(control['next'][0] == self.tag, 'KEY_ID_WRONG')
            state.announced = self._introduce(control['next'][1], control['key'], line.seq, line.seq + 2, state.epoch)
            state.expect = 'seal'

    @staticmethod
    def _unread(control):
        """Members that were not read: what depends on them is undecided (M8.9, M8.25)."""
        if isinstance(control, Malformed):
            return Tampered('CONTROL_MALFORMED')
        return Undecided('LIMIT' if control is None else 'UNSUPPORTED')

    def _authenticate(self, line, epoch):
        """M1.3: whether the entry's MAC was checked. A checksum shows accidental damage and nothing else."""
        if epoch.mode == 'hash':
            need(line.auth == b64u(line.leaf), 'CHECKSUM_WRONG')
            return False
        if epoch.schedule is None or not epoch.is_under_key(line.seq):
            return False
        fits = line.auth == b64u(epoch.schedule.auth(self.state.step, line.leaf))
        need(fits == epoch.fits, 'AUTH_WRONG' if epoch.fits else 'FINGERPRINT_ALTERED')
        return fits

    def _introduce(self, number, reference, seq, first, before):
        """M8.8: an epoch's number is above every one named before, those of abandoned tails too."""
        need(number > max(self.numbers, default=0), 'EPOCH_REUSED')
        self.numbers.add(number)
        return Epoch(self.auditor, self.origin, number, reference, seq, first, before, self.position)

    def _open(self, line, says):
        state = self.state
        need(says['origin'] == self.origin, 'ORIGIN_WRONG')
        need(says['size'] == line.seq - 1, 'OPEN_CONTRADICTS')
        need(len(says['frontier']) == bin(says['size']).count('1'), 'OPEN_CONTRADICTS')
        begins = line.seq == self.start and state.epoch is None
        if begins:
            state.frontier = tuple(says['frontier'])
            state.frontiers[line.seq - 1] = state.frontier
        need(tuple(says['frontier']) == state.frontier, 'OPEN_CONTRADICTS')
        need((says['why'] in ('new', 'conflict')) == (line.seq == 1), 'OPEN_CONTRADICTS')
        need('after' in says or says['why'] != 'conflict', 'OPEN_CONTRADICTS')
        need('after' not in says or line.seq == 1, 'OPEN_CONTRADICTS')
        self._cited(line, says)
        if says['why'] == 'rotated':
            check_rotated(self, line, says, begins)
            if begins:
                self._continue_epoch(line, says)
        else:
            check_run(self, line, says, begins)
            before = state.epoch
            state.epoch = self._introduce(line.epoch, says['key'], line.seq, line.seq, None)
            state.epochs.append(state.epoch)
            state.step, state.announced, state.expect = 0, None, 'seal'
            state.since_seal, state.dropped = 0, 0
            state.runs.append((line.seq, before, state.epoch, says, self.position, state.last_time))
        state.since_open, state.every, state.gap = 0, says['every'], False
        state.sealed_at = state.last_time = says['time']
        state.opens.append((line.seq, says))

    def _continue_epoch(self, line, says):
        """A range that begins inside an epoch: M8.8, it may be the newest one of a range before."""
        state = self.state
        self.numbers.discard(max(self.numbers, default=0) if line.epoch in self.numbers else 0)
        state.epoch = self._introduce(line.epoch, says['key'], line.seq, says['epoch_seq'], None)
        state.epoch.opens_run = False
        state.epochs.append(state.epoch)
        state.step = says['step']

    def _cited(self, line, says):
        """M8.3: the checkpoint that an open cites has the root computed here, and is one of a seal."""
        cited = says.get('checkpoint')
        if cited is None:
            return
        size = cited['size']
        need(0 < size < line.seq, 'OPEN_CONTRADICTS')
        if size in self.state.seals:
            need(cited['root'] == self.state.seals[size].root, 'OPEN_CONTRADICTS')
        elif size == line.seq - 1:
            need(cited['root'] == root_of(says['frontier']), 'OPEN_CONTRADICTS')
        elif size >= self.start:
            raise Tampered('OPEN_CONTRADICTS')

    def _seal(self, line, says):
        state, epoch = self.state, self.state.epoch
        need(says['step'] == state.step, 'STEP_WRONG')
        counted = state.since_open if line.kind == 'close' else state.since_seal
        need(says['records'] == counted, 'COUNT_WRONG')
        need(line.kind == 'close' or says['dropped'] == state.dropped, 'COUNT_WRONG')
        need(line.kind == 'seal' or ('first_time' in says) == (counted > 0), 'COUNT_WRONG')
        self._cadence(says['time'])
        root = root_of(state.frontier)
        mac = None
        if epoch.schedule is not None and epoch.fits and epoch.is_under_key(line.seq):
            mac = epoch.schedule.checkpoint(state.step, text_of(self.origin, line.seq, root))
        state.seals[line.seq] = Seal(line.seq, line.kind, says['time'], root, epoch, mac)
        state.step += 1
        state.since_seal, state.dropped, state.gap = 0, 0, False
        state.sealed_at = state.last_time = says['time']
        if line.kind == 'close':
            state.closed = says['why']
            state.closing = says
        if state.announced is not None:
            state.epoch, state.announced, state.step = state.announced, None, 0
            state.epochs.append(state.epoch)

    def _cadence(self, time):
        """M8.20: the promise of the run's latest open."""
        state = self.state
        if state.since_seal > state.every['records']:
            self.undecided.add('CADENCE')
        if time - state.sealed_at > 1500 * state.every['idle_seconds'] + 60_000 and not state.gap:
            self.undecided.add('CADENCE')


def branch_points(items):
    """Where tails begin that a later open (recovered, resumed) abandons: the position of the entry whose seq it takes."""
    latest, points, last = {}, set(), 0
    for at, (line, _, _) in enumerate(items):
        if not line.is_entry:
            continue
        if line.kind == 'open' and line.seq <= last and line.seq in latest:
            points.add(latest[line.seq])
        latest[line.seq], last = at, line.seq
    return points
