//! The binding of the engine to Node.js: numbers and buffers in, numbers out. Buffers are borrowed for the call alone, and no key
//! stays behind it.

use std::cell::RefCell;

use fapilog_tamper_engine::{
    DIGEST, Frontier, LinesToSeal, MAX_SUBTREES, MacKey, Member, RecordMember, RecordsToCheck,
    SALT, check_records, seal_lines,
};
use napi::bindgen_prelude::{BufferSlice, Error, Result};
use napi_derive::napi;
use zeroize::Zeroize;

thread_local! {
    /// Where the key of a call stands; overwritten before the call returns.
    static KEY: RefCell<MacKey> = const { RefCell::new(MacKey::none()) };
}

/// A panic becomes an exception, which says what there is to say. The hook of the standard library would write to stderr, and
/// read debug information into memory of its own, where it leaves what it found on the stack.
#[napi_derive::module_init]
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// What every record of a batch has in common.
#[napi(object)]
pub struct Batch {
    pub seq: i64,
    pub kid: String,
    pub is_mac: bool,
    pub records: u32,
    /// Whether the auth is computed with the key: else it is a checksum.
    pub has_key: bool,
    /// Whether each record has a salt, or none has.
    pub is_salted: bool,
    /// The number of leaves before the first record; -1 where nobody knows the tree.
    pub tree_size: i64,
}

/// The lines of a call to `sealLines`.
#[napi(object)]
pub struct Lines {
    pub input_bytes: u32,
    pub are_objects: bool,
    pub max_line_bytes: u32,
    pub at: u32,
    pub limit: u32,
    pub line_limit: i64,
}

/// How far a call came.
#[napi(object)]
pub struct Progress {
    pub records: u32,
    /// How many bytes of the input were taken.
    pub taken: u32,
    /// Where the output ends; 0 where there is none.
    pub end: u32,
}

/// The version of the package that this was built for.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// What the memory holds in which keys stand during a call, for tests.
#[napi]
pub fn key_memory() -> Vec<u8> {
    KEY.with_borrow(|key| key.memory().to_vec())
}

/// Seals lines; `salts` has 16 bytes for each record where they get one, `edge` has the subtrees of the tree and gets those of
/// the grown one, `leaf` the last leaf hash.
#[allow(clippy::too_many_arguments)]
#[napi(catch_unwind)]
pub fn seal(
    batch: Batch,
    lines: Lines,
    input: &[u8],
    salts: &[u8],
    mut output: BufferSlice<'_>,
    inner_pad: &[u8],
    outer_pad: &[u8],
    mut edge: BufferSlice<'_>,
    mut leaf: BufferSlice<'_>,
) -> Result<Progress> {
    let member = member_of(&batch)?;
    let salts = salts_of(&batch, salts)?;
    let mut frontier =
        frontier_of(&batch, &edge)?.ok_or_else(|| misuse("a sealed tree is always known"))?;
    let sealed = with_key(batch.has_key, inner_pad, outer_pad, |key| {
        let job = LinesToSeal {
            input,
            input_bytes: lines.input_bytes as usize,
            are_objects: lines.are_objects,
            max_line_bytes: lines.max_line_bytes as usize,
            at: lines.at as usize,
            limit: lines.limit as usize,
            line_limit: usize::try_from(lines.line_limit).unwrap_or(0),
            seq: batch.seq as u64,
            records: batch.records as usize,
            member: &member,
            key,
            salts,
        };
        seal_lines(&job, &mut output, &mut frontier)
    })?;
    give_edge(&frontier, &mut edge);
    if let Some(hash) = sealed.leaf {
        leaf.get_mut(..DIGEST)
            .ok_or_else(|| misuse("a leaf hash has 32 bytes"))?
            .copy_from_slice(&hash);
    }
    Ok(Progress {
        records: sealed.records as u32,
        taken: sealed.taken as u32,
        end: sealed.end as u32,
    })
}

/// Checks records; `edge` as for `seal`, `leaves` gets their hashes.
#[allow(clippy::too_many_arguments)]
#[napi(catch_unwind)]
pub fn check(
    batch: Batch,
    checks_auth: bool,
    bytes: &[u8],
    inner_pad: &[u8],
    outer_pad: &[u8],
    mut edge: BufferSlice<'_>,
    mut leaves: BufferSlice<'_>,
) -> Result<Progress> {
    let member = member_of(&batch)?;
    let mut frontier = frontier_of(&batch, &edge)?;
    let checked = with_key(batch.has_key, inner_pad, outer_pad, |key| {
        let job = RecordsToCheck {
            bytes,
            seq: batch.seq as u64,
            records: batch.records as usize,
            member: &member,
            salted: batch.is_salted,
            checks_auth,
            key,
        };
        check_records(&job, frontier.as_mut(), &mut leaves)
    })?;
    if let Some(frontier) = &frontier {
        give_edge(frontier, &mut edge);
    }
    Ok(Progress {
        records: checked.records as u32,
        taken: checked.end as u32,
        end: 0,
    })
}

fn misuse(message: &str) -> Error {
    Error::from_reason(message)
}

fn member_of(batch: &Batch) -> Result<RecordMember> {
    let member = RecordMember::new(
        &batch.kid,
        if batch.is_mac {
            Member::Mac
        } else {
            Member::Hash
        },
    );
    if batch.seq < 1 || !member.fits() {
        return Err(misuse("no record has such a seq or key id"));
    }
    Ok(member)
}

fn salts_of<'a>(batch: &Batch, salts: &'a [u8]) -> Result<Option<&'a [[u8; SALT]]>> {
    if !batch.is_salted {
        return Ok(None);
    }
    let (salts, _) = salts.as_chunks();
    if salts.len() < batch.records as usize {
        return Err(misuse("each record has a salt of 16 bytes"));
    }
    Ok(Some(salts))
}

fn frontier_of(batch: &Batch, edge: &[u8]) -> Result<Option<Frontier>> {
    let Ok(size) = u64::try_from(batch.tree_size) else {
        return Ok(None);
    };
    if edge.len() != MAX_SUBTREES * DIGEST {
        return Err(misuse("the edge of a tree has room for 53 hashes"));
    }
    let frontier = Frontier::new(size, &edge[..size.count_ones() as usize * DIGEST]);
    frontier
        .map(Some)
        .ok_or_else(|| misuse("the edge of a tree has a hash for each one bit of its size"))
}

fn give_edge(frontier: &Frontier, edge: &mut [u8]) {
    for (to, root) in edge.chunks_exact_mut(DIGEST).zip(frontier.subtrees()) {
        to.copy_from_slice(root);
    }
}

/// Overwrites the key however the call ends.
struct Loaded<'a>(&'a mut MacKey);

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn with_key<T>(
    has_key: bool,
    inner_pad: &[u8],
    outer_pad: &[u8],
    work: impl FnOnce(Option<&MacKey>) -> T,
) -> Result<T> {
    if !has_key {
        return Ok(work(None));
    }
    let (Some(inner), Some(outer)) = (inner_pad.first_chunk(), outer_pad.first_chunk()) else {
        return Err(misuse("a pad has 64 bytes"));
    };
    KEY.with_borrow_mut(|key| {
        let loaded = Loaded(key);
        loaded.0.load(inner, outer);
        Ok(work(Some(loaded.0)))
    })
}
