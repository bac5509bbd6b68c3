//! Records that stand as an honest log has them.

use memchr::memchr;

use crate::key::MacKey;
use crate::record::{AUTH, CLOSING, Due, RecordMember, Wrapping, auth_of, has_auth_form};
use crate::tree::{DIGEST, Frontier, hash_leaf};
use crate::wrapped::is_wrapped_text;

/// Lines that may be the next records of a stream.
pub struct RecordsToCheck<'a> {
    /// Lines that each end with an LF; what follows the last LF is left.
    pub bytes: &'a [u8],
    /// The seq of the first record.
    pub seq: u64,
    /// How many records at most.
    pub records: usize,
    /// Our member of each.
    pub member: &'a RecordMember,
    /// Whether each record has a salt, or none has (spec 1, M1.12). An erased one is none of these.
    pub salted: bool,
    /// Whether `auth` is checked, or its form alone.
    pub checks_auth: bool,
    /// The key of their MACs; `None`: a checksum.
    pub key: Option<&'a MacKey>,
}

/// How far lines are the records that they should be.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Checked {
    /// How many.
    pub records: usize,
    /// Where the first line begins that is none.
    pub end: usize,
}

/// Checks lines in their order, up to the first one that is not the record with the next seq, or not right. The tree, where it
/// is known, grows by them, and `leaves` takes their hashes.
pub fn check_records(
    lines: &RecordsToCheck<'_>,
    mut frontier: Option<&mut Frontier>,
    leaves: &mut [u8],
) -> Checked {
    let mut checked = Checked { records: 0, end: 0 };
    let (leaves, _) = leaves.as_chunks_mut::<DIGEST>();
    for to in leaves.iter_mut().take(lines.records) {
        let Some(length) = memchr(b'\n', &lines.bytes[checked.end..]) else {
            break;
        };
        let line = &lines.bytes[checked.end..checked.end + length];
        let Some(open) = line.strip_suffix(CLOSING) else {
            break;
        };
        let Some((leaf, auth)) = open.split_at_checked(open.len().wrapping_sub(AUTH)) else {
            break;
        };
        let seq = lines.seq + checked.records as u64;
        let Some(Due {
            before,
            wrapping,
            salt,
        }) = lines.member.find(leaf, seq, lines.salted)
        else {
            break;
        };
        let is_record = match wrapping {
            Wrapping::Text => is_wrapped_text(before),
            _ => !before.is_empty(),
        };
        if !is_record {
            break;
        }
        let digest = match salt {
            None => hash_leaf(leaf),
            // behind the comma
            Some(salt) => lines.member.hash_salted(leaf, before.len() + 1, &salt),
        };
        let right = if lines.checks_auth {
            auth_of(&digest, lines.key) == auth
        } else {
            has_auth_form(auth)
        };
        if !right {
            break;
        }
        *to = digest;
        if let Some(frontier) = frontier.as_deref_mut() {
            frontier.append(digest);
        }
        checked.end += length + 1;
        checked.records += 1;
    }
    checked
}
