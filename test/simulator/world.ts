import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ResolvedConfig } from '../../src/config/index.ts';
import type { Sealer } from '../../src/index.ts';
import { Anchored, END_LIMIT, type Look } from './anchored.ts';
import { ByteStream } from './byte-stream.ts';
import type { Coverage } from './coverage.ts';
import { type Disk, type Files, Inode, PLENTY } from './disk.ts';
import { useMachine } from './globals.ts';
import { KEY, KeyService } from './key-service.ts';
import { Killed, type Life } from './life.ts';
import { LOG, Machine, STATE } from './machine.ts';
import { Random } from './random.ts';
import { type Schedule, type Step, WORKER_LIMIT } from './schedule.ts';
import type { Tree, WriterCode } from './tree.ts';

/** How long the end of a sealer may take, in milliseconds. */
const CLOSE_LIMIT = 25_000;
/** With a disk that takes no longer for a sync, in milliseconds, a worker has time to keep what waits. */
const SHORT_SYNC = 300;

/** A process that seals, and what somebody who stands beside it knows. */
export interface Run {
  readonly number: number;
  readonly life: Life;
  readonly sealer: Sealer | undefined;
  readonly isSecond: boolean;
  /** What its lines go through; undefined: they are written to the sealer. */
  readonly stream: ByteStream | undefined;
  /** How many lines it was given. */
  given: number;
  /** When it was given the last one. */
  givenAt: number;
  /** So many of the first were acknowledged by `flush`. */
  acknowledged: number;
  readonly startedAt: number;
  /** When it could begin to write. */
  readyAt: number | undefined;
  /** The stream that it wrote to then. */
  readyAs: string;
  /** What its anchors had when it was about to ask them. */
  looks: readonly Look[];
  /** Somebody changed an anchor, held the process up or closed it before it was ready. */
  isDisturbed: boolean;
  /** So many of the first must outlive the end that came. */
  handedOver: number;
  covered: number;
  /** Lines in writes that returned false, or that were lost because the disk was full. */
  refused: number;
  /** Lines that came after close() had been called: kept for the next start. */
  late: number;
  /** Descriptors that were open when close() had ended. */
  openAfterClose: number;
  /** A fault of a disk or of the keys was there while it ran. */
  hadFault: boolean;
  hadDiskFault: boolean;
  startError: unknown;
  error: unknown;
  readonly told: string[];
  ending: 'running' | 'closing' | 'closed' | 'exited' | 'killed' | 'power cut';
  /** Of a worker: how many lines it had been given when it was told to close, and whether some may wait in memory for a call that takes too long. */
  toClose: { readonly given: number; readonly mayWait: boolean } | undefined;
  closedAt: number | undefined;
  /** How long its close took. */
  closeTook: number | undefined;
  closeError: unknown;
  /** What it says at its end. */
  stats: Sealer['stats'] | undefined;
}

/** Who is told of what happens, and whether other verifiers can read the log. */
export interface Told {
  readonly trace?: string[];
  readonly coverage?: Coverage;
  readonly isReal?: boolean;
}

/** Plays one schedule. */
export class World {
  readonly machine: Machine;
  readonly keys: KeyService;
  readonly runs: Run[] = [];
  readonly problems: string[] = [];
  /** What was moved away, by name: a file of the same name replaces another one. */
  readonly archive: Map<string, { content: Buffer; ino: number }> = new Map();
  /** The log's file, which somebody took out of its directory while no process ran, and what stood there with it. */
  readonly #taken = new Map<string, Inode>();
  /** Something outside renamed the log's file. */
  moved = 0;
  /** Empty files that logrotate put in its place. */
  readonly #created = new Set<Inode>();
  /** What was in the file that somebody emptied, which is put back once a start says so. */
  #emptied: { readonly inode: Inode; readonly content: Buffer } | undefined;
  clockJumped = false;
  hadPowerCut = false;
  isCopied = false;
  /** Log and state were put back to what they were once: lines are lost, and nobody but an anchor knows. */
  isRolledBack = false;
  readonly anchored: Anchored | undefined;
  readonly #saved: { readonly files: readonly Files[]; readonly archive: ReadonlyMap<string, { content: Buffer; ino: number }> }[] = []; // biome-ignore format: short
  /** Kept lines may be in a file that somebody took away, or that has another number. */
  waitsForFile = false;
  readonly #tree: Tree;
  readonly #schedule: Schedule;
  #isWorker: boolean;
  /** What it was started with, the newest last. */
  readonly #configs: ResolvedConfig[];
  #isStateLost = false;
  /** The key service was not well at some time. */
  #hadKeyTrouble = false;
  #isNewDisk = false;
  #run: Run | undefined;

  constructor(tree: Tree, schedule: Schedule, { trace, coverage, isReal }: Told = {}) {
    this.keys = new KeyService(isReal);
    const { seed, setup } = schedule;
    this.#tree = tree;
    this.#schedule = schedule;
    this.#isWorker = setup.isWorker === true;
    this.#configs = [tree.auditor.withDefaults(setup.config)];
    this.machine = new Machine(new Random(seed + 0x5eed), setup, {
      ...(trace && { trace }),
      ...(coverage && { coverage }),
    });
    this.machine.timeline.thrown = (life, error) => this.#thrown(life, error);
    for (const disk of [...this.machine.disks, this.machine.anchorDisk]) disk.root.mode = 0o040755;
    this.machine.blocked = (text) => this.problem(text);
    this.anchored = setup.anchors && new Anchored(this, setup.anchors);
    useMachine(this.machine);
  }

  get config(): ResolvedConfig {
    return this.#configs.at(-1) as ResolvedConfig;
  }

  /** Whether the log goes to standard output. */
  get isPiped(): boolean {
    return this.config.file === '-';
  }

  /** Whether closed files were compressed at some time. */
  get compresses(): boolean {
    return this.#configs.some(({ compressRotated }) => compressRotated);
  }

  /** Whether each file was a stream of its own at some time. */
  get isChain(): boolean {
    return this.#configs.some(({ rotateChain }) => rotateChain);
  }

  /** Whether it was started with more than one configuration. */
  get isReconfigured(): boolean {
    return this.#configs.length > 1;
  }

  /** A worker makes a file too long where changes of files, or its start, would take most of its time. */
  get mayGrow(): boolean {
    // a file for each line takes 5 ms
    const isLong = this.runs.some(({ given, startedAt, readyAt }) => given > 400 || (readyAt ?? 0) - startedAt > 2_000);
    return this.keepsEarly || (isLong && this.#schedule.setup.isWorker === true);
  }

  /** A worker that keeps lines rather than be ended with them. */
  get keepsEarly(): boolean {
    return this.isSlow && this.#schedule.setup.isWorker === true;
  }

  /** The disk is so slow that an end may have to do without its signature. */
  get isSlow(): boolean {
    return this.#schedule.setup.pace.sync > 20;
  }

  /** Whether its checkpoints are signed, by a key and not by its data key alone. */
  get signs(): boolean {
    return this.config.useKmsSigning || this.config.signingKeyId !== undefined;
  }

  /** Its keys can be had at once, as those of a file can. */
  get hasLocalKey(): boolean {
    return this.#schedule.setup.localKey === true;
  }

  get listens(): boolean {
    return this.#schedule.setup.listens;
  }

  /** The newest process. */
  get run(): Run | undefined {
    return this.#run;
  }

  play(): void {
    const { coverage } = this.machine;
    coverage?.begin(this.#schedule);
    for (const [index, step] of this.#schedule.steps.entries()) {
      this.machine.note(`step ${JSON.stringify(step)}`);
      coverage?.step(index, step);
      this.#do(step);
      this.machine.timeline.settle();
    }
    if (this.isRunning) this.#do({ do: 'close', lines: 0 });
    if (this.isRunning) this.#do({ do: 'exit' });
    coverage?.end();
    this.#do({ do: 'heal' });
    this.anchored?.heal();
    this.#seeEnds();
    for (const run of this.runs) this.#hear(run);
  }

  /** Whatever happened, the next start seals what is left. */
  settle(): void {
    this.#isWorker = false;
    const { pace } = this.machine;
    this.machine.pace = { ...pace, sync: Math.min(pace.sync, 300) }; // whoever waits has more than a worker's 10 seconds, and not for ever
    for (let attempt = 0; attempt < 3 && (attempt === 0 || this.leftovers().length > 0); attempt++) {
      this.machine.timeline.pass(2_000);
      this.#start(0);
      const run = this.#run as Run;
      if (run.sealer !== undefined)
        this.machine.timeline.pass(120_000, () => run.readyAt !== undefined || run.error !== undefined);
      if (run.sealer === undefined || run.readyAt === undefined) {
        const what = run.sealer === undefined ? 'fails' : 'does not become ready';
        if (this.isRolledBack && isToldByAnchor(run)) {
          this.#exit(run);
          return;
        }
        if (!this.#putBack(run)) {
          this.problem(`the next start ${what}: ${said(run.error ?? run.startError)}`);
          return;
        }
        this.#exit(run);
        attempt--;
        continue;
      }
      this.#write(run, 1, 60, false);
      const all = this.runs.reduce((sum, { given }) => sum + given, 0);
      this.#flush(run, this.isSlow ? 1_200_000 + all * 3_000 : 120_000 + all * 20); // each line may need a file
      if (run.acknowledged < run.given - (run.stream?.begun ?? 0))
        this.problem(`flush() of the next start fails: ${said(run.error)}`);
      this.#close(run, 0);
      if (run.closeError !== undefined) this.problem(`close() of the next start fails: ${said(run.closeError)}`);
      if (this.anchored !== undefined) this.machine.timeline.pass(END_LIMIT);
      this.#exit(run);
    }
    this.machine.pipe.renew();
    if (this.leftovers().length === 0 || this.isRolledBack) return;
    // nobody can know which of them are in a file that was taken away, and that is said
    this.waitsForFile =
      (this.#taken.size > 0 || this.archive.size > 0 || (this.isCopied && this.isChain)) &&
      (!this.listens || this.runs.at(-1)?.told.some((text) => / is gone, so it is unknown/.test(text)) === true);
    if (!this.waitsForFile) this.problem(`kept lines stay: ${this.leftovers().join(' ')}`);
  }

  get isRunning(): boolean {
    return this.#run?.life.isOver === false;
  }

  /** Files of lines in clear in the state directory. */
  leftovers(): string[] {
    return [...(this.machine.mounts.get(STATE)?.root.names.keys() ?? [])].filter((name) =>
      /unsealed-|keeping-/.test(name),
    );
  }

  /** States of streams that never began. */
  statesOfNothing(): string[] {
    const names = this.machine.mounts.get(STATE)?.root.names ?? new Map<string, Inode>();
    const isOfNothing = ([name, { content }]: readonly [string, Inode]): boolean =>
      name.endsWith('.chainstate') && content.includes('"size":0,');
    return [...names].filter(isOfNothing).map(([name]) => name);
  }

  /** Files of logrotate that have nothing in them, and yet the name of a closed file of the log. */
  namedWithoutLine(): string[] {
    const names = this.machine.mounts.get(LOG)?.root.names ?? new Map<string, Inode>();
    const isWrong = ([name, inode]: readonly [string, Inode]): boolean =>
      this.#created.has(inode) && inode.size === 0 && /^a\.\d.*\.jsonl$/.test(name);
    return [...names].filter(isWrong).map(([name]) => name);
  }

  #do(step: Step): void {
    const { machine } = this;
    const run = this.isRunning ? this.#run : undefined;
    switch (step.do) {
      case 'start':
        if (this.#run !== undefined && run === undefined) this.#putBack(this.#run);
        if (run === undefined) this.#start(0, step.anchors);
        return;
      case 'wait': {
        const isCalm = !machine.faults.any && machine.disks.every((disk) => disk.capacity === PLENTY);
        const before = this.#newest;
        machine.timeline.pass(step.ms);
        this.#waited(run, step.ms);
        this.#saysWhy(run, step.ms);
        if (isCalm && before !== undefined && before === this.#newest) this.#knowsOfLines(run, step.ms);
        return;
      }
      case 'busy':
        machine.timeline.now += step.ms;
        this.#disturbed();
        return;
      case 'fault':
        machine.faults.begin(step.fault);
        if (step.fault.on !== 'anchor') {
          this.#spoilt(true);
          return;
        }
        this.#spoiltAnchor();
        return;
      case 'room': {
        const disk = machine.mounts.get(step.on);
        if (disk !== undefined) disk.capacity = disk.used + step.bytes;
        if (step.on !== 'anchor') {
          this.#spoilt(true);
          return;
        }
        this.#spoiltAnchor();
        return;
      }
      case 'heal':
        machine.faults.heal();
        this.keys.heal();
        this.anchored?.healed();
        machine.pipe.become('reads');
        for (const disk of [...machine.disks, machine.anchorDisk]) disk.capacity = PLENTY;
        return;
      case 'anchor':
        this.#disturbed();
        this.anchored?.become(step.which, step.mood);
        return;
      case 'empty anchor':
        this.#disturbed();
        this.anchored?.empty(step.which);
        return;
      case 'plant':
        this.#disturbed();
        this.anchored?.plant(step);
        return;
      case 'save':
        this.#saved.push({ files: machine.disks.map((one) => one.files()), archive: new Map(this.archive) });
        return;
      case 'roll back':
        if (run === undefined) this.#rollBack(step.to, step.isSame);
        return;
      case 'keys':
        if (step.mood === 'well') this.keys.heal();
        else this.keys.mood = step.mood;
        this.#hadKeyTrouble ||= step.mood !== 'well';
        this.#spoilt(false);
        return;
      case 'reader':
        machine.pipe.become(step.mood);
        this.#spoilt(true);
        return;
      case 'new key':
        this.keys.versions++;
        this.#disturbed();
        return;
      case 'clock':
        machine.timeline.wallOffset += step.ms;
        this.clockJumped = true;
        return;
      case 'logrotate': {
        this.#disturbed();
        if (this.#isNewDisk) return; // numbers say nothing until a run has begun
        const root = machine.mounts.get(LOG)?.root;
        const file = root?.names.get('a.jsonl');
        if (root === undefined || file === undefined) return;
        const created = step.creates ? new Inode(root.disk, false, 0o100640, machine.timeline.now) : undefined;
        if (created !== undefined) this.#created.add(created);
        root.name([['a.jsonl', created], [`a.jsonl.${++this.moved}`, file]]); // biome-ignore format: short
        return;
      }
      case 'copytruncate':
        this.#empty(run);
        return;
      case 'take away':
        if (run === undefined && this.#hasState && !machine.faults.any) this.#takeAway(); // else nobody could know
        return;
      case 'copy':
        // numbers say nothing any more of a file that has another name, too
        if (run !== undefined || this.#emptied !== undefined) return;
        if (machine.mounts.get(LOG)?.root.names.has('a.jsonl') !== true) return;
        this.#renew();
        this.isCopied = true;
        this.#isNewDisk = true;
        return;
      case 'move': {
        // the directory, or the volume, has another path
        if (run !== undefined) return;
        const name = this.config.file === `/${LOG}/a.jsonl` ? 'elsewhere' : LOG;
        machine.mountLog(name);
        this.#configs.push({ ...this.config, file: `/${name}/a.jsonl` });
        return;
      }
      case 'lose state': {
        // nobody may lose kept lines so; a chain is known by its state alone, and so are files that are elsewhere, or torn
        if (run !== undefined || this.isChain || this.leftovers().length > 0 || this.archive.size > 0) return;
        if (this.#emptied !== undefined) return;
        if (this.runs.some(({ ending }) => ending === 'power cut')) return;
        const live = machine.mounts.get(LOG)?.root.names.get('a.jsonl')?.content;
        if (live !== undefined && live.length > 0 && !live.includes(0x0a)) return; // half of a first line says nothing
        const root = machine.mounts.get(STATE)?.root;
        for (const [name, { isDirectory }] of [...(root?.names ?? [])])
          if (!isDirectory && /^[0-9a-f]{64}\./.test(name)) root?.name([[name, undefined]]);
        this.#isStateLost = true;
        return;
      }
      case 'configure':
        if (run === undefined) this.#configs.push({ ...this.config, ...step.config });
        return;
      case 'archive': {
        this.#disturbed();
        // as `mv a.2* archive/` does, from when a file's manifest is there
        const root = machine.mounts.get(LOG)?.root;
        for (const [name, file] of [...(root?.names ?? [])]) {
          const closed = name.replace(/\.gz$/, '');
          const manifest = root?.names.get(`${closed}.manifest.json`);
          if (!/^a\.\d{8}T\d{6}Z-\d{4}\.jsonl$/.test(closed) || manifest === undefined) continue;
          for (const [own, inode] of [
            [name, file],
            [`${closed}.manifest.json`, manifest],
          ] as const) {
            this.archive.set(`archive/${own}`, { content: Buffer.from(inode.content), ino: inode.ino });
            root?.name([[own, undefined]]);
          }
        }
        return;
      }
      case 'power cut':
        this.hadPowerCut = true;
        this.#seeEnds();
        for (const one of this.runs) {
          one.handedOver = Math.max(one.acknowledged, one.covered);
          // what could not be made durable before its end is gone too
          if (!one.life.isOver || one.ending === 'killed' || one.hadDiskFault) one.ending = 'power cut';
        }
        this.anchored?.beforePowerCut();
        machine.powerCut();
        this.anchored?.afterPowerCut();
        return;
      case 'second writer':
        if (run !== undefined && !run.isSecond && !this.isPiped) this.#second(run);
        return;
      default:
        if (run !== undefined) this.#ofRun(step, run);
    }
  }

  /** To what it was when it was saved, the newest first; to nothing. */
  #rollBack(to: number, isSame: boolean): void {
    const saved = this.#saved.at(-1 - to);
    for (const [at, disk] of this.machine.disks.entries()) disk.restore(saved?.files[at] ?? [], isSame);
    this.archive.clear();
    for (const [name, one] of saved?.archive ?? []) this.archive.set(name, one);
    this.#taken.clear();
    this.isRolledBack = true;
  }

  #spoiltAnchor(): void {
    this.#disturbed();
    this.anchored?.spoilt();
  }

  #disturbed(): void {
    const { run } = this;
    if (run?.readyAt === undefined && run !== undefined) run.isDisturbed = true;
  }

  /** Whether the state knows that there is a line in the log's newest file. @returns undefined if it is about another file */
  #isKnown(run: Run): boolean | undefined {
    const stream = createHash('sha256')
      .update(run.sealer?.origin ?? '')
      .digest('hex');
    const state = this.machine.mounts.get(STATE)?.root.names.get(`${stream}.chainstate`);
    if (state === undefined) return undefined;
    const { file, offset, begun } = JSON.parse(state.content.toString());
    return basename(file) === 'a.jsonl' ? offset > 0 || begun?.written === true : undefined;
  }

  /** M6.3: what a file has is known before anybody may have emptied it, but for the moment in which it was begun. */
  #knowsOfLines(run: Run | undefined, waited: number): void {
    if (run?.readyAt === undefined || run.life.isOver || run.ending !== 'running') return;
    if (
      run.sealer?.stats.ended === true ||
      waited < 1_500 ||
      this.machine.timeline.now - run.readyAt < 1_500 ||
      this.isSlow
    )
      return;
    if (this.#isKnown(run) === false) this.problem('the state does not know that lines are in the file');
  }

  /** The log's newest file, if anything is in it. */
  get #newest(): Inode | undefined {
    const inode = this.machine.mounts.get(LOG)?.root.names.get('a.jsonl');
    return inode !== undefined && inode.size > 0 ? inode : undefined;
  }

  /** Unless the state does not know yet that there is a line in the file, as where the process has only just begun it. */
  #empty(run: Run | undefined): void {
    const inode = this.#newest;
    if (run?.readyAt === undefined || inode === undefined || this.#emptied !== undefined || this.#isNewDisk) return;
    if (!this.#isKnown(run)) return;
    if (this.isChain && inode.content.includes('"kind":"close"')) return; // nobody looks at a stream's file that has ended
    this.#spoilt(true);
    this.#emptied = { inode, content: Buffer.from(inode.content) };
    inode.cut(0);
    inode.sync();
  }

  get #hasState(): boolean {
    const names = this.machine.mounts.get(STATE)?.root.names.keys() ?? [];
    return !this.#isStateLost || [...names].some((name) => name.endsWith('.chainstate'));
  }

  #takeAway(): void {
    const root = this.machine.mounts.get(LOG)?.root;
    if (root?.names.has('a.jsonl') !== true) return;
    for (const name of ['a.jsonl', 'a.jsonl.manifest.json']) {
      const inode = root.names.get(name);
      if (inode === undefined) continue;
      this.#taken.set(name, inode);
      this.archive.set(`archive/${inode.ino}-${name}`, { content: Buffer.from(inode.content), ino: inode.ino });
      root.name([[name, undefined]]);
    }
    root.sync();
  }

  /** A start that misses a file says so; whoever took or compressed it puts it back. @returns whether that may help */
  #putBack({ error, startError }: Run): boolean {
    const packed = /newest file is compressed \(\/\w+\/(.*)\.gz\)/.exec(`${said(error)} ${said(startError)}`)?.[1];
    if (packed !== undefined) return this.#unpack(packed);
    const refused = [error, startError]
      .map(said)
      .find((text) => text.startsWith('STATE_CONFLICT') && / is gone/.test(text));
    if (refused !== undefined && this.#emptied !== undefined) return this.#fillAgain(this.#emptied);
    const missed = /\/\w+\/(\S+) is gone/.exec(refused ?? '')?.[1] ?? '';
    if (this.#putBackFromArchive(missed)) return true;
    const file = this.#taken.get('a.jsonl');
    const root = this.machine.mounts.get(LOG)?.root;
    if (refused === undefined || file === undefined || root === undefined) return false;
    if ((root.names.get('a.jsonl')?.size ?? 0) > 0) this.problem('a start is refused behind one that was not');
    root.name([...this.#taken]);
    root.sync();
    for (const [name, { ino }] of this.#taken) this.archive.delete(`archive/${ino}-${name}`);
    this.#taken.clear();
    return true;
  }

  #fillAgain({ inode, content }: { readonly inode: Inode; readonly content: Buffer }): boolean {
    if (inode.disk.free < content.length) return false;
    inode.write(content, 0);
    inode.sync();
    this.#emptied = undefined;
    return true;
  }

  /** After a failure the file that goes on may have the name of a closed one. */
  #putBackFromArchive(name: string): boolean {
    const disk = this.machine.mounts.get(LOG) as Disk;
    const names = [name, `${name}.manifest.json`].filter((one) => this.archive.has(`archive/${one}`));
    for (const one of names) {
      const { content } = this.archive.get(`archive/${one}`) as { content: Buffer };
      this.archive.delete(`archive/${one}`);
      const inode = new Inode(disk, false, 0o100640, this.machine.timeline.now);
      inode.write(content, 0);
      disk.root.name([[one, inode]]);
    }
    return names.length > 0;
  }

  #renew(): void {
    const root = this.machine.mounts.get(LOG)?.root;
    const there = new Set([...(root?.names.values() ?? [])].map(({ ino }) => ino));
    for (const [name, { ino }] of this.archive) if (there.has(ino)) this.archive.delete(name); // a power cut brought it back
    for (const disk of this.machine.disks) disk.renew();
  }

  #unpack(name: string): boolean {
    const disk = this.machine.mounts.get(LOG) as Disk;
    const file = disk.root.names.get(`${name}.gz`) as Inode;
    const plain = new Inode(disk, false, file.mode, file.mtime);
    plain.write(gunzipSync(file.content), 0);
    disk.root.name([
      [`${name}.gz`, undefined],
      [name, plain],
    ]);
    return true;
  }

  #ofRun(step: Step, run: Run): void {
    const { machine } = this;
    const { sealer, life } = run;
    if (step.do === 'kill') {
      this.#kill(run);
      return;
    }
    if (step.do === 'doom') {
      life.killAfter = step.calls;
      return;
    }
    if (step.do === 'exit') {
      this.#exit(run);
      return;
    }
    if (sealer === undefined) return;
    switch (step.do) {
      case 'write':
        this.#write(run, step.lines, step.bytes, step.together);
        return;
      case 'flush':
        this.#flush(run, 5_000);
        return;
      case 'flushSync':
        this.#attempt(run, () => sealer.flushSync());
        return;
      case 'rotate':
      case 'reopen': {
        let done = false;
        const promise = this.#attempt(run, () => (step.do === 'rotate' ? sealer.rotate() : sealer.reopen()));
        promise
          ?.catch((error: unknown) => run.told.push(said(error)))
          .finally(() => {
            done = true;
          });
        machine.timeline.pass(2_000, () => done || life.isOver);
        return;
      }
      case 'close':
        this.#close(run, step.lines);
        return;
      default:
        throw new Error(`a step that nobody knows: ${step.do}`);
    }
  }

  #start(slot: number, anchors?: 'none'): void {
    const { machine } = this;
    const { timeline } = machine;
    timeline.settle();
    if (slot === 0) machine.pipe.renew();
    const life = machine.start();
    const faulty =
      machine.faults.any || this.keys.mood !== 'well' || machine.disks.some((disk) => disk.capacity < PLENTY);
    const run: { -readonly [Name in keyof Run]: Run[Name] } = {
      number: this.runs.length + 1, life, sealer: undefined, isSecond: slot > 0, stream: undefined, given: 0, givenAt: 0, acknowledged: 0, startedAt: timeline.now, readyAt: undefined,
      readyAs: '', looks: [], isDisturbed: false, handedOver: 0, covered: 0, refused: 0, late: 0, openAfterClose: 0,
      hadFault: faulty, hadDiskFault: faulty, startError: undefined, error: undefined, told: [], ending: 'running',
      toClose: undefined, closedAt: undefined, closeTook: undefined, closeError: undefined, stats: undefined,
    }; // biome-ignore format: a list
    this.runs.push(run);
    if (slot === 0) this.#run = run;
    timeline.running = life;
    const code = this.#tree.writer(slot);
    try {
      const config = {
        ...this.config,
        ...(anchors === 'none' && { anchors: [] }),
        ...(this.#isWorker && { closeTimeoutSeconds: 8 }),
      };
      run.sealer = new code.Sealer(config, {
        keys: () => {
          // its stream is known by now, and it asks its anchors next
          if (anchors !== 'none') run.looks = this.anchored?.look(run.sealer?.origin ?? '') ?? [];
          return this.#sources(this.keys.provider(code, machine, this.hasLocalKey));
        },
        openBucket: this.anchored?.opener(code) ?? unexpected,
        ...(this.#isWorker && { isEndedSoon: true }),
        clock: clockOf(machine, life),
      });
    } catch (error) {
      run.startError = error;
      machine.note(`the start fails: ${said(error)}`);
      if (!life.isOver) life.exit(1);
      run.ending = life.exitCode === undefined ? 'killed' : 'exited';
      return;
    }
    this.#listen(run.sealer, run, code);
    if (this.#schedule.setup.byStream) {
      const random = new Random(this.#schedule.seed + run.number);
      run.stream = new ByteStream(run.sealer, life, random, (error) => run.told.push(`stream ${said(error)}`));
    }
    timeline.pass(0);
  }

  #listen(sealer: Sealer, run: Run, { TamperError }: WriterCode): void {
    const tell =
      (what: string) =>
      (event: unknown): void => {
        const text = `${what} ${event instanceof Error ? said(event) : JSON.stringify(event)}`;
        run.told.push(text);
        this.machine.note(`process ${run.life.pid}: ${text}`);
      };
    sealer.ready.then(
      () => {
        run.readyAt = this.machine.timeline.now;
        run.readyAs = sealer.origin;
        if (this.#emptied !== undefined && this.#emptied.inode.size > 0)
          this.problem('a log goes on in a file that somebody has emptied');
        this.#isStateLost = false;
        this.#isNewDisk = false;
        if (run.life.phase === 'start') run.life.phase = 'run';
        this.machine.note(`process ${run.life.pid} is ready`);
      },
      (error: unknown) => {
        run.error = error;
        if (!(error instanceof TamperError) && !run.life.isOver) this.problem(`not an error of ours: ${said(error)}`);
      },
    );
    sealer.on('checkpoint', ({ note, complete }) => {
      if (complete) this.anchored?.made(note, run);
    });
    if (!this.#schedule.setup.listens) return;
    for (const name of ['warning', 'error', 'kept', 'rotate', 'handover', 'outage', 'outageOver', 'torn'] as const)
      (sealer as NodeJS.EventEmitter).on(name, tell(name));
    sealer.on('error', (error) => {
      run.error = error;
    });
  }

  #write(run: Run, lines: number, bytes: number, together: boolean): void {
    run.givenAt = this.machine.timeline.now;
    this.#attempt(run, () => {
      for (let left = lines; left > 0 && !run.life.isOver; ) {
        const count = together ? lines : 1;
        left -= count;
        const texts = Array.from({ length: count }, () => lineOf(run.number, ++run.given, bytes));
        if (run.ending !== 'running') {
          run.late += count;
          if (this.config.maxPendingBytes < 1_000_000) run.refused += count; // it may be too much, and nobody who writes is told any more
        }
        const goesOn =
          run.stream?.isOpen === true ? run.stream.write(texts.join('')) : run.sealer?.write(texts.join(''));
        if (goesOn === false) run.refused += count;
      }
    });
    if (this.config.onWriteFailure === 'drop' && run.hadDiskFault) run.refused += lines;
    if (this.config.flushEvery === 'line' && !this.config.rotateChain) this.#waited(run, 300);
  }

  /** What a process has handed over by now outlives it, and what was covered by now a power cut. */
  #waited(run: Run | undefined, waited: number): void {
    if (run?.readyAt === undefined || run.life.isOver || run.ending !== 'running' || run.hadFault) return;
    if (this.leftovers().length > 0) return; // lines wait behind those of earlier processes
    const ms = Math.min(waited, this.machine.timeline.now - run.readyAt); // what waited for the lock or the first key drains only then
    const change = this.isSlow ? 6_000 : 100; // of files: it forces the disk several times
    // a line waits in memory while the next file is begun, with rotate_chain for its key too, and each line may need a file
    const { rotateChain, rotateMaxBytes } = this.config;
    const changes = rotateChain || rotateMaxBytes > 0 ? run.given - run.handedOver : 0;
    if (ms < (this.isSlow ? change : 300) + changes * change) return;
    run.handedOver = run.given - (run.stream?.begun ?? 0);
    if (ms >= this.config.checkpointMaxSeconds * 1000 + 3_000) run.covered = run.handedOver;
  }

  /** What its numbers say that lines wait for is something that is in the way. */
  #saysWhy(run: Run | undefined, waited: number): void {
    if (run?.sealer === undefined || run.readyAt === undefined || run.life.isOver || run.ending !== 'running') return;
    if (waited < 1_000 || this.machine.timeline.now - run.readyAt < 1_000 || this.isSlow) return;
    const { waitsFor } = run.sealer.stats;
    const needsKeys = this.config.rotateChain && this.config.rotateMaxBytes > 0; // one for each file that lines wait for
    if (waitsFor === 'key' && !this.#hadKeyTrouble && !needsKeys)
      this.problem('lines are said to wait for a key that can be had');
    if (waitsFor === 'disk' && !run.hadDiskFault) this.problem('lines are said to wait for a disk that takes them');
  }

  #flush(run: Run, limit: number): void {
    const given = run.given - (run.stream?.begun ?? 0);
    let done = false;
    this.#attempt(run, () => (run.stream?.isOpen ? run.stream.flush() : run.sealer?.flush()))?.then(
      () => {
        done = true;
        if (run.life.isOver) return;
        run.acknowledged = Math.max(run.acknowledged, given);
        this.machine.note(`flushed ${given}`);
      },
      (error: unknown) => {
        done = true;
        run.told.push(said(error));
        // all others are covered: the documentation of PENDING_OVERFLOW
      },
    );
    this.machine.timeline.pass(limit, () => done || run.life.isOver);
  }

  #close(run: Run, lines: number): void {
    const { timeline } = this.machine;
    let begun = timeline.now;
    const endsStream = run.number % 2 === 1;
    let done = false;
    this.#disturbed();
    run.ending = 'closing';
    const limit = this.#isWorker ? WORKER_LIMIT : CLOSE_LIMIT;
    if (this.#isWorker) {
      const isDoomed = Number.isFinite(run.life.killAfter); // it may be killed before the worker knows that it is to end
      const mayWait = isDoomed || (run.readyAt !== undefined && this.machine.pace.sync > SHORT_SYNC);
      run.toClose = { given: run.given, mayWait };
      run.life.killAt = begun + limit;
    }
    run.life.phase = 'close';
    run.stream?.close();
    this.#attempt(run, () => (run.stream?.isOpen && endsStream ? run.stream.end() : run.sealer?.close()))?.then(
      () => {
        done = true;
      },
      (error: unknown) => {
        done = true;
        run.closeError = error;
      },
    );
    if (endsStream && !this.#isWorker) {
      // the end of a stream is the sealer's once it has all that waited there: a disk may take its time for that
      timeline.pass(CLOSE_LIMIT, () => done || run.life.isOver || run.stream?.waits !== true);
      begun = timeline.now;
    }
    for (let left = lines; left > 0 && !done && !run.life.isOver && timeline.now < begun + limit; left--) {
      this.#write(run, 1, 400, false);
      timeline.pass(10, () => done || run.life.isOver);
    }
    timeline.pass(Math.max(0, limit + begun - timeline.now), () => done || run.life.isOver);
    if (this.#isWorker && !done) this.#kill(run);
    if (run.life.isOver) return;
    run.life.killAt = Number.POSITIVE_INFINITY; // it ends by itself
    run.closedAt = timeline.now;
    run.closeTook = timeline.now - begun;
    this.machine.note(`closed ${done ? said(run.closeError) : 'NOT'} after ${run.closeTook}`);
    if (!done) this.problem(`close() has not ended after ${CLOSE_LIMIT} ms`);
    run.ending = 'closed';
    // what is with the kernel still gives its descriptor back by itself
    if (run.life.calls.descriptors > 0 && !this.machine.hangs(run.life))
      timeline.pass(
        Math.max(2_000, 10 * this.machine.pace.sync),
        () => run.life.calls.descriptors === 0 || run.life.isOver,
      );
    if (!this.machine.hangs(run.life)) run.openAfterClose = run.life.calls.descriptors;
  }

  /** As when the program is over, or calls `process.exit`. */
  #exit(run: Run): void {
    const { life } = run;
    if (life.isOver) return;
    this.anchored?.atExit(run);
    life.phase = 'close';
    this.#attempt(run, () => life.exit());
    if (life.exitCode === undefined) run.ending = 'killed';
    else if (run.ending !== 'closed') run.ending = 'exited';
    this.#hear(run);
  }

  /** What a process that has exited says of itself; it may have done so without being asked (`on_failure: exit`). */
  #hear(run: Run): void {
    const { life, sealer } = run;
    if (run.stats !== undefined || life.exitCode === undefined) return;
    life.isOver = false;
    this.machine.timeline.as(life, () => {
      run.stats = sealer?.stats;
    });
    life.isOver = true;
  }

  /** A process may have been killed, or have exited, while time went by. */
  #seeEnds(): void {
    for (const run of this.runs)
      if ((run.ending === 'running' || run.ending === 'closing') && run.life.isOver)
        run.ending = run.life.exitCode === undefined ? 'killed' : 'exited';
  }

  #kill(run: Run): void {
    this.machine.kill(run.life);
    run.ending = 'killed';
  }

  #second(first: Run): void {
    this.#start(1);
    const run = this.runs.at(-1) as Run;
    if (run.sealer !== undefined) {
      this.#write(run, 2, 60, false);
      this.machine.timeline.pass(500);
      if (!run.life.isOver) this.#close(run, 0);
      this.#exit(run);
      first.hadFault = true; // somebody else may have got the lock
    }
    this.#run = first;
  }

  /** Does something as code of a process. */
  #attempt<T>(run: Run, act: () => T): T | undefined {
    const { timeline } = this.machine;
    timeline.running = run.life;
    try {
      return act();
    } catch (error) {
      if (!(error instanceof Killed)) {
        run.told.push(`thrown ${said(error)}`);
        this.machine.note(`thrown ${said(error)}`);
      }
      return undefined;
    } finally {
      if (run.life.isOver && run.ending !== 'closed')
        run.ending = run.life.exitCode === undefined ? 'killed' : 'exited';
    }
  }

  #sources(keys: ReturnType<KeyService['provider']>) {
    const source = { keys, keyId: KEY };
    const signer = { signing: keys, keyId: KEY };
    return { ...(!this.config.useKmsSigning && { dataKey: source }), signers: this.signs ? [signer] : [] };
  }

  #spoilt(isDisk: boolean): void {
    const { run } = this;
    if (run === undefined) return;
    run.hadFault = true;
    run.hadDiskFault ||= isDisk;
  }

  #thrown(life: Life | undefined, error: unknown): void {
    if (error instanceof Killed || life?.isOver === true) return;
    this.problem(`uncaught: ${said(error)}`);
    life?.end();
  }

  /** A promise that nobody awaits was rejected. */
  unhandled(error: unknown): void {
    this.#thrown(this.machine.timeline.running, error);
  }

  problem(text: string): void {
    this.machine.note(`PROBLEM ${text}`);
    this.problems.push(text);
  }
}

/** Whether a start ended because an anchor has what the log has not. */
export function isToldByAnchor({ error }: Run): boolean {
  return / holds a checkpoint of .* that contradicts the files/.test(said(error));
}

/** A line by which it can be found again. */
function lineOf(run: number, line: number, bytes: number): string {
  const mark = `#${run}.${line}#`;
  const text = `${mark}${'x'.repeat(Math.max(0, bytes - mark.length))}`;
  return line % 5 === 0 ? `${text}\n` : `{"msg":"${text}"}\n`;
}

/** An error in words, without what differs from run to run. */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  const cause = error.cause instanceof Error ? ` < ${said(error.cause)}` : '';
  return `${code}: ${error.message.slice(0, 160)}${cause}`;
}

function unexpected(): never {
  throw new Error('a bucket is opened, and there is none');
}

function clockOf(machine: Machine, life: Life) {
  return {
    now: () => Math.floor(machine.timeline.wall),
    after: (ms: number, fire: () => void) => {
      const task = machine.timeline.after(ms, life, fire);
      return () => {
        task.cancelled = true;
      };
    },
  };
}
