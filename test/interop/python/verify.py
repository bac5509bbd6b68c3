"""A small second verifier, from the text of spec/format.md alone: python3 verify.py VECTOR.json... prints [name, verdict].

It reads one stream of local keys from its beginning to a close: lines, tree, key schedule, checkpoints, hand-overs and
restarts. What it does not implement (policies, live logs, parts, held checkpoints before a range, adoption) gives null.
It stops at the first sign of tampering, because 1 beats 2. The openssl command line checks signatures."""
import base64, datetime, functools, hashlib, hmac, json, os, re, subprocess, sys, tempfile, zlib

class Tampered(Exception): pass
class NotImplementedHere(Exception): pass

NUM, AUTH = r'[1-9]\d{0,15}', r'[\w-]{42}[AEIMQUYcgkosw048]'
TAIL = rf'"key_id":"([\w-]{{8}})\.({NUM})","(mac|hash)":"({AUTH})"\}}\}}\Z'
RECORD = re.compile(rf'"integrity":\{{"seq":({NUM})(?:,"as":"(text"|base64"(?:,"part":{NUM}(?:,"last":true)?)?))?,{TAIL}'.encode())
HEAD = re.compile(rf'\{{"integrity":\{{"seq":({NUM}),"kind":"([a-z_]{{1,32}})",'.encode())
CONTROL, CHECKPOINT = re.compile(TAIL.encode()), b'{"integrity":{"kind":"checkpoint","note":"'
MEMBERS = {'open': 'format origin time why size frontier checkpoint key epoch_seq step every torn adopted_from after',
           'key': 'next key', 'seal': 'step time records dropped', 'gap': 'dropped since why',
           'close': 'step time records first_time last_time why then'}
sha = lambda *parts: hashlib.sha256(b''.join(parts)).digest()
mac = lambda key, text: hmac.new(key, text, 'sha256').digest()
when = lambda text: datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()
b64u = lambda data: base64.urlsafe_b64encode(data).decode().rstrip('=')
unb64u = lambda text: base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
fold = lambda tree: functools.reduce(lambda right, left: sha(b'\1', left, right), reversed(tree[:-1]), tree[-1])

def need(ok, what):
    if not ok: raise Tampered(what)

def verifies(alg, key, text, sig):
    with tempfile.TemporaryDirectory() as d:
        for name, data in (('key', key), ('text', text), ('sig', sig)):
            with open(f'{d}/{name}', 'wb') as file: file.write(data)
        run = lambda *args: subprocess.run(['openssl', *args], cwd=d, capture_output=True).returncode == 0
        if not run('pkey', '-pubin', '-inform', 'DER', '-in', 'key', '-out', 'pem'): return False
        if alg == 'ed25519': return run(*'pkeyutl -verify -pubin -inkey pem -rawin -in text -sigfile sig'.split())
        pss = '-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32'.split() if alg == 'rsa-pss-sha256' else []
        return run('dgst', '-' + alg.split('-')[2], *pss, '-verify', 'pem', '-signature', 'sig', 'text')

def encoded(alg, key):
    if alg in ('ed25519', 'ecdsa-p256-sha256'): return b'\1' + key[12:] if alg == 'ed25519' else b'\2' + key
    return b'\xfffapilog-tamper/v1/' + alg.encode() + b'\n' + key

def key_id(name, alg, key):
    return sha(key)[:4] if alg == 'ecdsa-p256-sha256' else sha(name.encode(), b'\n', encoded(alg, key))[:4]

def lines_of(path, undecided):
    data = open(path, 'rb').read()
    plain = b'' if data[:2] == b'\x1f\x8b' else data
    while data[:2] == b'\x1f\x8b':
        member = zlib.decompressobj(31)
        try: plain += member.decompress(data)
        except zlib.error: undecided.add('UNREADABLE')
        if not member.eof: undecided.add('UNREADABLE')
        data = member.unused_data
        if data and data[:2] != b'\x1f\x8b': undecided.add('GZIP_TRAILING')
    *lines, rest = plain.split(b'\n')
    if any(len(line) > 1 << 24 for line in lines): undecided.add('LIMIT'); return []
    if rest: undecided.add('TORN_TAIL')
    if lines and all(line.endswith(b'\r') for line in lines): undecided.add('LINE_ENDINGS_CONVERTED'); lines = [line[:-1] for line in lines]
    return [line for line in lines if line]

class Stream:
    def __init__(self, vector):
        self.vector, self.origin, self.undecided = vector, vector['origin'], set()
        self.tag = b64u(sha(self.origin.encode()))[:8]
        self.tree, self.next, self.epochs, self.epoch, self.announced = [], 1, [], None, None
        self.seals, self.signed, self.expect, self.closed, self.records, self.in_file, self.dropped = {}, {}, None, None, 0, 0, 0
        self.named, self.gap = [], False
        for vkey in vector.get('vkeys', []):
            raw = base64.b64decode(vkey.split('+', 2)[2])
            alg = {1: 'ed25519', 2: 'ecdsa-p256-sha256'}.get(raw[0]) or raw[1:].split(b'\n')[0].decode().rsplit('/')[-1]
            key = raw[1:] if raw[0] == 2 else bytes.fromhex('302a300506032b6570032100') + raw[1:] if raw[0] == 1 else raw.split(b'\n', 1)[1]
            self.named.append((alg, key, *vector.get('vkey_ranges', {}).get(vkey, (1, 0))))
    def counts(self, signer, size): return any((a, k) == signer and lo <= size and (not hi or size <= hi) for a, k, lo, hi in self.named)
    def covered(self, epoch): return max([n for s in epoch['ids'] for n in self.signed.get(s, []) if self.counts(s, n)], default=0)
    def names(self, epoch): return [s for s in epoch['ids'] if s in [(a, k) for a, k, _, _ in self.named]]

    def introduce(self, number, key, seq, first, before=None):
        need(number > max([e['number'] for e in self.epochs], default=0), 'EPOCH_REUSED')
        ids = [(s['algorithm'], unb64u(s.get('spki', ''))) for s in key.get('signers', [])]
        if any(alg == 'kms-hmac-sha256' for alg, _ in ids): raise NotImplementedHere
        epoch = dict(number=number, mode=key['records'], ids=ids, seq=seq, first=first, chain=None, right=None, step=0, seal=0, mac=0, before=before)
        data = self.vector.get('data_keys', {}).get(f'{self.tag}.{number}', '')
        if data == 'unavailable': self.undecided.add('KEY_SERVICE')
        elif data and epoch['mode'] == 'mac':
            derive = lambda what: mac(mac(unb64u(key['nonce']), bytes.fromhex(data)), f'fapilog-tamper/v1 {what}'.encode()
                                      + b'\0' + sha(self.origin.encode()) + number.to_bytes(8, 'big') + b'\1')
            epoch['fp'], epoch['chain'] = derive('fingerprint'), derive('chain')
            epoch['right'] = epoch['fp'] == unb64u(key['fp'])
        return epoch

    def checkpoint(self, text):
        match = re.fullmatch(r'([^\n]+)\n(0|[1-9]\d*)\n([\w+/]{43}=)\n\n((?:— [^\s+]+ [\w+/]+={0,2}\n){1,16})', text, re.A)
        need(match and len(text.encode()) <= 65536, 'NOTE_MALFORMED')
        size, good, epoch = int(match[2]), 0, None
        need(match[1] == self.origin and 0 < size < self.next, 'ORIGIN_WRONG or CHECKPOINT_EARLY')
        need(size in self.seals, 'CHECKPOINT_NOT_A_SEAL')
        root, epoch, own = self.seals[size]
        need(base64.b64decode(match[3]) == root, 'ROOT_MISMATCH')
        known = {(a, k) for a, k, _, _ in self.named} | {s for e in [*self.epochs, *filter(None, [self.announced])] for s in e['ids']}
        for name, raw in [(n, base64.b64decode(s)) for n, s in re.findall(r'— (\S+) (\S+)\n', match[4]) if n == self.origin]:
            if epoch['right'] and raw[:4] == sha(f'{name}\n'.encode(), b'\xfffapilog-tamper/v1/ratchet-hmac-sha256\n', epoch['fp'])[:4] and own:
                need(raw[4:] == own, 'SIGNATURE_WRONG'); epoch['mac'], good = max(epoch['mac'], size), 1
            for signer in known:
                if key_id(name, *signer) != raw[:4]: continue
                need(verifies(*signer, text[:text.index('\n\n') + 1].encode(), raw[4:]), 'SIGNATURE_WRONG')
                self.signed.setdefault(signer, []).append(size); good = 1
        if not good and (epoch['mode'] == 'hash' or epoch['right'] and own): need(epoch['ids'] and not self.names(epoch), 'CHECKPOINT_UNSIGNED')

    def entry(self, line, seq, tag, number, mode, auth, kind, members):
        leaf, first = sha(b'\0', line[:-46]), self.next == 1
        need(tag == self.tag, 'FOREIGN_TAG')
        if first and seq > 1 or kind == 'open' and seq < self.next and members['why'] == 'recovered': raise NotImplementedHere
        need(seq == self.next and (not first or kind == 'open'), 'ENTRIES_MISSING, OUT_OF_ORDER, DUPLICATE_ENTRY or OPEN_MISSING')
        expect, self.expect = self.expect, None
        need(expect in (None, kind) or expect == 'seal' and kind == 'open' and members['why'] == 'recovered', 'SEAL_MISSING or OPEN_MISSING')
        if kind == 'open': self.open(seq, number, members)
        epoch = self.epoch
        need(number == epoch['number'], 'KEY_ID_WRONG'); need(mode == epoch['mode'], 'MODE_WRONG')
        if mode == 'hash': need(b64u(leaf) == auth, 'CHECKSUM_WRONG')
        elif epoch['chain']:
            fits = b64u(mac(mac(epoch['chain'], b'record'), leaf)) == auth
            need(fits == epoch['right'], 'AUTH_WRONG or FINGERPRINT_ALTERED')
        size, self.next, self.closed = seq - 1, seq + 1, None
        while size & 1: leaf, size = sha(b'\1', self.tree.pop(), leaf), size >> 1
        self.tree.append(leaf)
        if kind in ('seal', 'close'): self.seal(seq, kind, members)
        elif kind == 'gap': self.dropped, self.gap = self.dropped + members['dropped'], True
        elif kind == 'key':
            need(re.fullmatch(rf'{re.escape(self.tag)}\.{NUM}', members['next']), 'KEY_ID_WRONG'); self.expect = 'seal'
            self.announced = self.introduce(int(members['next'].split('.')[1]), members['key'], seq, seq + 2, epoch)

    def open(self, seq, number, m):
        need(m['origin'] == self.origin, 'ORIGIN_WRONG'); self.in_file, self.every, self.sealed = 0, m['every'], when(m['time'])
        need(m['size'] == seq - 1 and m['frontier'] == [b64u(h) for h in self.tree], 'OPEN_CONTRADICTS')
        need((seq == 1) == (m['why'] in ('new', 'conflict')) and (m['why'] != 'resumed' or self.closed == 'shutdown'), 'OPEN_CONTRADICTS')
        need(self.closed == 'rotated' if m['why'] == 'rotated' else m['step'] == 0 and m['epoch_seq'] == seq, 'OPEN_CONTRADICTS')
        if m['why'] == 'rotated': return need(m['step'] == self.epoch['step'] and m['epoch_seq'] == self.epoch['first'], 'STEP_WRONG')
        before, self.expect, self.announced, self.records, self.dropped = self.epoch, 'seal', None, 0, 0
        self.epoch = self.introduce(number, m['key'], seq, seq)
        if before: need(not (before['mode'] == 'mac' and self.epoch['mode'] == 'hash') and (self.epoch['ids'] or not before['ids']), 'MODE_CHANGE')
        signed = self.epoch['ids'] or before and before['ids']
        cited = m.get('checkpoint', {}).get('size', 0)
        need(m.get('adopted_from') == (cited + 1 if signed and cited < m['size'] else None), 'ADOPTED_UNMARKED')
        if before and before['ids'] and max([n for s in before['ids'] for n in self.signed.get(s, [])], default=0) < seq - 1: raise NotImplementedHere
        self.epochs.append(self.epoch)

    def seal(self, seq, kind, m):
        epoch, pause, self.sealed = self.epoch, when(m['time']) - self.sealed, when(m['time'])
        if self.records > self.every['records'] or pause > 1.5 * self.every['idle_seconds'] + 60 and not self.gap: self.undecided.add('CADENCE')
        self.gap = False
        need(m['step'] == epoch['step'], 'STEP_WRONG')
        need(m['records'] == (self.in_file if kind == 'close' else self.records) and m.get('dropped', self.dropped) == self.dropped, 'COUNT_WRONG')
        root = fold(self.tree); text = f'{self.origin}\n{seq}\n{base64.b64encode(root).decode()}\n'.encode()
        self.seals[seq] = root, epoch, mac(mac(epoch['chain'], b'checkpoint'), text) if epoch['chain'] else None
        if epoch['chain']: epoch['chain'] = mac(epoch['chain'], b'next')
        epoch['step'], epoch['seal'], self.records, self.dropped = epoch['step'] + 1, seq, 0, 0
        if kind == 'close': self.closed, self.expect = m['why'], 'open'
        elif self.announced: self.epoch, self.announced = self.announced, None; self.epochs.append(self.epoch)

    def line(self, line):
        record, head, tail = RECORD.search(line, max(0, len(line) - 256)), HEAD.match(line), CONTROL.search(line, max(0, len(line) - 256))
        before = line[:record.start()] if record else b''
        if record and (before.endswith(b',') or re.fullmatch(rb'\{[ \t\r\n]*', before)):
            seq, wrapped, tag, number, mode, auth = [group and group.decode() for group in record.groups()]
            if wrapped:
                try: value = json.loads(before[8:-1])
                except ValueError: value = None
                need(isinstance(value, str) and before == f'{{"line":{json.dumps(value, ensure_ascii=False)},'.encode(), 'CONTROL_MALFORMED')
            self.records += 1; self.in_file += 1
            return self.entry(line, int(seq), tag, int(number), mode, auth, 'record', {})
        if head and tail:
            members, kind, (tag, number, mode, auth) = json.loads(line)['integrity'], head[2].decode(), [g.decode() for g in tail.groups()]
            later = set(members) - {'seq', 'kind', 'key_id', mode} - set(MEMBERS.get(kind, '').split()) or members.get('format', 1) != 1
            if later or len(line) > 65536: raise NotImplementedHere
            need(json.dumps({'integrity': members}, ensure_ascii=False, separators=(',', ':')).encode() == line, 'CONTROL_MALFORMED')
            return self.entry(line, int(head[1]), tag, int(number), mode, auth, kind, members)
        need(line.startswith(CHECKPOINT) and line.endswith(b'"}}'), 'FOREIGN_LINE')
        text = line[len(CHECKPOINT):-3].decode()
        need('\\' not in text.replace('\\n', '') and '"' not in text, 'NOTE_MALFORMED')
        self.checkpoint(text.replace('\\n', '\n'))

    def end(self):
        last, bad = self.next - 1, self.undecided.add
        if any(lo > last and lo > 1 for _, _, lo, _ in self.named): bad('END_UNPROVEN')
        signed_before = False
        for epoch in self.epochs:
            named, before = self.names(epoch), epoch['before']
            if epoch['right'] is False: bad('WRONG_KEY')
            if named and self.covered(epoch) < epoch['seal']: bad('UNSIGNED')
            if not named and not epoch['right']: bad('NO_KEY or KEY_NOT_NAMED')
            if not named and epoch['right'] and signed_before and not before: bad('UNSIGNED')
            signed_before = signed_before or bool(named)
        signed = [epoch for epoch in self.epochs if epoch['ids']]
        if self.named and signed and all(epoch['right'] and not self.names(epoch) for epoch in signed): bad('UNSIGNED')
        proven = self.covered(self.epoch) if self.names(self.epoch) else self.epoch['mac']
        if self.closed not in ('shutdown', 'continued') or proven < last: bad('END_UNPROVEN')

def judge(path):
    vector, folder = json.load(open(path)), os.path.dirname(path)
    if set(vector) - {'about', 'files', 'origin', 'data_keys', 'vkeys', 'vkey_ranges', 'verdict', 'findings'}: return None
    stream = Stream(vector)
    try:
        files = [lines_of(f'{folder}/{name}', stream.undecided) for name in vector['files']]
        if stream.undecided & {'UNREADABLE', 'LIMIT'} or any(os.path.exists(f'{folder}/{name}.manifest.json') for name in vector['files']): return None
        first = lambda lines: min([int(m[1]) for line in lines[:1] for m in [HEAD.match(line) or RECORD.search(line)] if m], default=0)
        ordered = sorted({b'\n'.join(lines): lines for lines in files}.values(), key=first)
        need(len({first(lines) for lines in ordered}) == len(ordered), 'FORK')
        lines = [line for one in ordered for line in one]
        if not any(b'"integrity"' in line for line in lines): return 2  # NOT_SEALED
        if all(not RECORD.search(line) and not CONTROL.search(line) for line in lines): return 2  # RESERIALIZED
        for at, line in enumerate(lines):
            torn = at + 1 < len(lines) and HEAD.match(lines[at + 1]) and b'"why":"recovered"' in lines[at + 1]
            if torn and not RECORD.search(line) and not CONTROL.search(line) and not line.startswith(CHECKPOINT): stream.undecided.add('TORN_TAIL')
            else: stream.line(line)
        stream.end()
    except Tampered: return 1
    except NotImplementedHere: return None
    return 2 if stream.undecided else 0

if __name__ == '__main__':
    for path in sys.argv[1:]: print(json.dumps([os.path.basename(path)[:-5], judge(path)]))
