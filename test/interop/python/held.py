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
            need(not ends_here, 'KNOWN_CONTRADICTED')
        elif note.size == stream.start - 1:
            need(note.root == root_of(stream.state.frontiers[note.size]), 'KNOWN_CONTRADICTED')
        elif note.size >= stream.start:
            frontier = stream.state.frontiers.get(note.size)
            need(frontier is not None and note.root == root_of(frontier), 'KNOWN_CONTRADICTED')
            inside.append(note)
    return inside


def check_start(stream, inside):
    """M8.4: seq 1, or an open in the middle that a held checkpoint proves."""
    auditor = stream.auditor
    if stream.start == 1:
        return
    if not inside and not proven_before(stream):
        stream.undecided.add('START_UNPROVEN')
    elif not auditor.part and (auditor.whole or asks_for_more(stream)):
        stream.undecided.add('START_UNPROVEN')


def asks_for_more(stream):
    """M8.4: the auditor holds a checkpoint from further before, and a key that is named for what was there."""
    auditor = stream.auditor
    if not any(note.size < stream.start - 1 for note in auditor.held):
        return False
    return bool(auditor.data_keys) or not all(first >= stream.start for _, first, _ in auditor.named)


def proven_before(stream):
    notes = [note for note in stream.auditor.held if note.size == stream.start - 1]
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
