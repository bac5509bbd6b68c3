"""Held checkpoints and the start of a range (M8.4, M8.5)."""
from keys import key_id, verifies
from tree import root_of
from verdicts import need
from vouching import mac_before


def check_held(stream, ends_here):
    """Those within the range, each with the root computed there. `ends_here`: nothing comes after this range."""
    inside = []
    for note in stream.auditor.held:
        if note.size > stream.state.size:
            need(not ends_here or stream.rewritten, 'KNOWN_CONTRADICTED')
        elif note.size == stream.start - 1:
            need(note.root == root_of(stream.state.frontiers[note.size]), 'KNOWN_CONTRADICTED')
        elif note.size >= stream.start:
            frontier = stream.state.frontiers.get(note.size)
            need(frontier is not None and note.root == root_of(frontier), 'KNOWN_CONTRADICTED')
            inside.append(note)
    check_stamped(stream, ends_here)
    return inside


def check_stamped(stream, ends_here):
    """M8.31: a time stamp contradicts another tree of its size, proves nothing, and is no older than its seal."""
    for note, time in stream.auditor.stamped:
        if note.size > stream.state.size:
            need(not ends_here or stream.rewritten, 'KNOWN_CONTRADICTED')
        elif note.size >= stream.start:
            frontier = stream.state.frontiers.get(note.size)
            need(frontier is not None and note.root == root_of(frontier), 'KNOWN_CONTRADICTED')
            seal = stream.state.seals.get(note.size)
            if seal is not None and seal.time is not None and seal.time > time + 300_000:
                stream.undecided.add('TIMESTAMP_EARLY')


def check_start(stream, inside):
    """M8.4: seq 1, or an open in the middle that a held checkpoint proves."""
    auditor = stream.auditor
    if stream.start == 1:
        return
    if not inside and (not proven_before(stream) or gives_up_macs(stream)):
        stream.undecided.add('START_UNPROVEN')
    elif not auditor.part and (auditor.whole or asks_for_more(stream)):
        stream.undecided.add('START_UNPROVEN')


def asks_for_more(stream):
    """M8.4: the auditor holds a checkpoint from further before, and a key that is named for what was there."""
    auditor = stream.auditor
    if not any(note.size < stream.start - 1 for note in auditor.held):
        return False
    return bool(auditor.data_keys) or not all(first >= stream.start for _, first, _ in auditor.named)


def notes_before(stream):
    return [note for note in stream.auditor.held if note.size == stream.start - 1]


def gives_up_macs(stream):
    """M8.4: a line of 32 bytes under the stream's name that is of no key known is our MAC; the range begins without."""
    epoch = stream.state.epochs[0]
    known = [key_id(stream.origin, signer) for signer, _, _ in stream.auditor.named]
    known += [key_id(stream.origin, signer) for signer in epoch.signers]
    return epoch.mode == 'hash' and any(
        name == stream.origin and len(value) == 32 and found not in known
        for note in notes_before(stream) for name, found, value in note.signatures
    )  # fmt: skip


def signed_before(stream):
    """M8.14: a named key, within its range, signed the note before a range that begins in the middle."""
    return any(
        name == stream.origin and key_id(name, signer) == found and first <= note.size <= last
        and verifies(signer, note.text, value)
        for note in notes_before(stream) for name, found, value in note.signatures
        for signer, first, last in stream.auditor.named
    )  # fmt: skip


def proven_before(stream):
    notes = notes_before(stream)
    if not notes:
        return False
    says, epoch = stream.state.opens[0][1], stream.state.epochs[0]
    if says['step'] == 0 and says['epoch_seq'] == stream.start:
        return True
    if epoch.has_macs:
        return mac_before(stream, epoch)
    return any(
        name == stream.origin and key_id(name, signer) == found and stream.auditor.counts(signer, note.size)
        and verifies(signer, note.text, value)
        for note in notes for name, found, value in note.signatures for signer in epoch.signers
    )  # fmt: skip
