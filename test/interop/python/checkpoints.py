"""Checkpoint lines: where they stand, what they say, who signed them (M4.1 to M4.8, M8.10, M8.11)."""
from keys import key_id, mac_key_id, verifies
from notes import parse_note
from verdicts import need
from witnesses import Cosigned


class Checkpoints:
    """`signed`: (key, size, position) of each signature that verified. `macs`: sizes with a valid MAC of ours."""

    def __init__(self, stream):
        self.stream, self.signed, self.macs, self.largest = stream, [], {}, 0
        self.cosigned = Cosigned(stream.auditor.witnesses, stream.auditor.cosignatures)

    def _read(self, text):
        note = parse_note(text) if text is not None else None
        need(note is not None, 'NOTE_MALFORMED')
        need(note.origin == self.stream.origin, 'ORIGIN_WRONG')
        return note

    def take_before(self, text, seq):
        """M8.10: before the first entry of the range, so that it is early or about what was before."""
        need(self._read(text).size < seq, 'CHECKPOINT_EARLY')

    def take(self, text, file=None):
        stream, state, note = self.stream, self.stream.state, self._read(text)
        if note.size < stream.start:
            return
        if file is not None and 'RESERIALIZED' in file.problems and note.size > self.largest:
            return  # M8.22: it may be of an entry that took the place of one that a crash lost (M8.26)
        if file is not None and file.first is None and note.size > state.size:
            stream.undecided.add('FILES_MISSING')
            return
        need(note.size <= state.size, 'CHECKPOINT_EARLY')
        need(note.size in state.seals, 'CHECKPOINT_NOT_A_SEAL')
        seal = state.seals[note.size]
        need(note.root == seal.root, 'ROOT_MISMATCH')
        self._signatures(note, seal)

    def _signatures(self, note, seal):
        """M4.4: a line with our name and a known key's id that fails rejects the note."""
        verified = False
        for name, found, value in note.signatures:
            if name != self.stream.origin:
                continue
            if seal.epoch is not None and seal.epoch.mode == 'mac' and found == mac_key_id(name, seal.epoch.reference['fp']):
                if seal.mac is not None:
                    need(value == seal.mac, 'SIGNATURE_WRONG')
                    self.macs[seal.seq] = seal.epoch
                    verified = True
            for signer in self._known():
                if key_id(name, signer) == found:
                    need(verifies(signer, note.text, value), 'SIGNATURE_WRONG')
                    self.signed.append((signer, seal.seq, self.stream.position))
                    verified = True
        need(self.cosigned.take(note), 'SIGNATURE_WRONG')
        if verified:
            self.largest = max(self.largest, seal.seq)
        elif seal.epoch is not None and seal.epoch.is_under_key(seal.seq) and self._holds_every_kind(seal):
            need(False, 'CHECKPOINT_UNSIGNED')

    def _known(self):
        """Keys whose signatures can be checked: those that the auditor names and those that the log names."""
        state = self.stream.state
        known = dict.fromkeys(signer for signer, _, _ in self.stream.auditor.named)
        for epoch in [*state.epochs, *filter(None, [state.announced])]:
            known.update(dict.fromkeys(epoch.signers))
        return known

    def _holds_every_kind(self, seal):
        """M8.11: the auditor holds a key of every kind that the epoch uses."""
        epoch, named = seal.epoch, {signer for signer, _, _ in self.stream.auditor.named}
        if epoch.skips_a_signer:  # M2.8: that one may have signed it
            return False
        return (epoch.mode == 'hash' or seal.mac is not None) and (not epoch.signers or any(s in named for s in epoch.signers))
