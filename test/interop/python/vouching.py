"""Who says that an epoch belongs to the stream (M5.3, M8.13, M8.16, M8.17)."""
from adoption import adopted_range
from keys import mac_key_id
from notes import text_of
from spelling import MAX
from tree import root_of

VOUCHED, KEYED = 'vouched', 'keyed'
AFTER_ALL = float('inf')


class Vouching:
    """The status of each epoch in the order of the log, what each run adopted, and whom each epoch may be signed by."""

    def __init__(self, stream, held):
        self.stream, self.auditor, self.held, self.ranges = stream, stream.auditor, held, []
        self.taken_over, self.unchecked = {}, {}
        for run in stream.state.runs:
            # who counts as named for what stood before the run does so by what stood before it
            self._decide(before=run[4])
            adopted = adopted_range(stream, held, run, self.trusted)
            self.ranges += [adopted] if adopted else []
            if adopted:
                self._take_over(adopted)
        self._decide(before=AFTER_ALL)

    def _take_over(self, adopted):
        """M8.13, M8.16: what was signed for an epoch before the open of the first run that took it over."""
        for epoch in self.status:
            if not adopted.holds(epoch.introduced):
                continue
            sizes = [size for signer, size in self.signed if self.trusted(signer, size)]
            before = epoch.before is not None and self._signed_over(epoch.before, epoch.introduced)
            held = any(epoch.introduced <= note.size <= adopted.last for note in self.held)
            self.taken_over.setdefault(epoch, before or held or any(size >= epoch.introduced for size in sizes))
            if not adopted.checked:
                own = any(size >= epoch.introduced for size in self.signed_by(epoch))
                self.unchecked.setdefault(epoch, (own, len(self.signers_of(epoch)) == len(epoch.signers)))

    def _signed_by_its_own(self, epoch):
        """M8.16: a named key of its own, before the run that adopted it; later where every signer of it was named then."""
        own, all_named = self.unchecked.get(epoch, (False, True))
        return own or (all_named and any(size >= epoch.introduced for size in self.signed_by(epoch)))

    def _decide(self, before):
        self.status, self.successors = {}, []
        self.signed = [(signer, size) for signer, size, at in self.stream.checkpoints.signed if at < before]
        for epoch in self.stream.state.epochs:
            if epoch.position < before:
                self.status[epoch] = self._status(epoch)
                self._succeed(epoch)

    def trusted(self, signer, size):
        """A key that the auditor named for this size, or one that a vouched epoch handed over to."""
        if self.auditor.counts(signer, size):
            return True
        return any(signer == one and first <= size <= last for one, first, last in self.successors)

    def signers_of(self, epoch):
        """The epoch's signers that count as named, whatever the size."""
        succeeded = {signer for signer, _, _ in self.successors}
        return [signer for signer in epoch.signers if self.auditor.names(signer) or signer in succeeded]

    def signed_by(self, epoch):
        """Sizes that a trusted key of the epoch's signers signed."""
        return [size for signer, size in self.signed if signer in epoch.signers and self.trusted(signer, size)]

    def _status(self, epoch):
        if any(note.size >= epoch.introduced for note in self.held):
            return VOUCHED
        if self._signed_by_its_own(epoch):
            return VOUCHED
        if not self._in_unchecked_adoption(epoch):
            if any(size >= epoch.introduced and self.auditor.counts(signer, size) for signer, size in self.signed):
                return VOUCHED
            if epoch.before is not None and self._handed_over(epoch):
                return self.status.get(epoch.before)
            if self._signers_are_known(epoch) or self._goes_on(epoch):
                return VOUCHED
        if epoch.before is None and epoch.opens_run and epoch.has_macs:
            return KEYED
        return None

    def _in_unchecked_adoption(self, epoch):
        return any(one.holds(epoch.introduced) and not one.checked for one in self.ranges)

    def _handed_over(self, epoch):
        """M5.3: an old-key checkpoint covers the hand-over's seal, or that seal's own MAC was checked."""
        seal = epoch.introduced + 1
        kind, checked = self.stream.state.entries.get(seal, (None, False))
        return checked or self._signed_over(epoch.before, seal)

    def _signed_over(self, epoch, seal):
        """M8.13: of a key with a range only signatures within it count for a hand-over."""
        for signer, size in self.signed:
            if signer in epoch.signers and size >= seal:
                if self.auditor.counts(signer, size) or not self.auditor.names(signer):
                    return True
        return False

    def _signers_are_known(self, epoch):
        """Every key that signs it has already signed for a vouched epoch and was not handed over to another."""
        return bool(epoch.signers) and all(self._is_known(signer, epoch) for signer in epoch.signers)

    def _is_known(self, signer, epoch):
        earlier = self.stream.state.epochs[: self.stream.state.epochs.index(epoch)]
        left = any(one.before and signer in one.before.signers and signer not in one.signers for one in earlier)
        seals = self.stream.state.seals
        return not left and any(
            one == signer and size in seals and seals[size].epoch in earlier
            and signer in seals[size].epoch.signers and self.status.get(seals[size].epoch) == VOUCHED
            for one, size in self.signed
        )  # fmt: skip

    def _goes_on(self, epoch):
        """M8.4, M8.5: the range begins inside this epoch, and the held note before it carries our MAC."""
        return epoch.introduced == self.stream.start and mac_before(self.stream, epoch) is True

    def _succeed(self, epoch):
        """M8.13: with `successors`, signers of a vouched epoch count from there on until a hand-over leaves them behind."""
        if not self.auditor.successors or self.status[epoch] != VOUCHED or self._in_unchecked_adoption(epoch):
            return
        if not self.taken_over.get(epoch, True):
            return
        before = epoch.before
        if before is not None and before.signers and not self._signed_over(before, epoch.introduced + 1):
            return
        for signer in epoch.signers:
            if not self.auditor.names(signer):
                self.successors.append((signer, epoch.introduced, self._left_behind(signer, epoch)))

    def _left_behind(self, signer, epoch):
        epochs = self.stream.state.epochs
        for one in epochs[epochs.index(epoch) + 1 :]:
            if one.before and signer in one.before.signers and signer not in one.signers:
                return one.introduced + 1
        return MAX


def mac_before(stream, epoch):
    """Whether the note held before the range carries our MAC of the step before; None without the data key."""
    if not epoch.has_macs:
        return None
    step = stream.state.opens[0][1]['step']
    root = root_of(stream.state.frontiers[stream.start - 1])
    if step == 0:
        return False
    expected = epoch.schedule.checkpoint(step - 1, text_of(stream.origin, stream.start - 1, root))
    ours = mac_key_id(stream.origin, epoch.reference['fp'])
    notes = [note for note in stream.auditor.held if note.size == stream.start - 1]
    return any(found == ours and value == expected for note in notes for _, found, value in note.signatures)
