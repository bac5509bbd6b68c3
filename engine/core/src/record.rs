//! Our member of a record, and what ends its line (spec 1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::key::MacKey;
use crate::tree::{DIGEST, hash_leaf_of};

/// The length of a salt, in bytes.
pub const SALT: usize = 16;

/// The characters of an auth, and of any hash.
pub(crate) const AUTH: usize = 43;
/// What ends a line behind its auth, without the LF.
pub(crate) const CLOSING: &[u8; 3] = b"\"}}";
/// The longest suffix of a record: our member with its numbers, `auth`, the closing braces and LF.
pub(crate) const SUFFIX_ROOM: usize = 256;

/// The member that holds an entry's authenticator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Member {
    /// A MAC.
    Mac,
    /// The leaf hash itself.
    Hash,
}

/// How a line was wrapped, as the record says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    None,
    Text,
    Base64,
}

/// What stands before our member of a record that is due, without the comma, and what the member says.
pub(crate) struct Due<'a> {
    pub before: &'a [u8],
    pub wrapping: Wrapping,
    pub salt: Option<[u8; SALT]>,
}

/// `,"integrity":{"seq":SEQ,"key_id":"KID","mac|hash":"`, but for the seq, the wrapping and the salt.
pub struct RecordMember {
    tail: Vec<u8>,
}

const HEAD: &[u8] = b",\"integrity\":{\"seq\":";
const AS_TEXT: &[u8] = b",\"as\":\"text\"";
const SALT_HEAD: &[u8] = b",\"salt\":\"";
/// The characters of a salt.
const SALT_TEXT: usize = 22;
/// `,"salt":"` with the salt and the quote behind it.
const SALT_MEMBER: usize = SALT_HEAD.len() + SALT_TEXT + 1;

impl RecordMember {
    /// For the records of one key period.
    pub fn new(kid: &str, member: Member) -> Self {
        let name = match member {
            Member::Mac => "mac",
            Member::Hash => "hash",
        };
        Self {
            tail: format!(",\"key_id\":\"{kid}\",\"{name}\":\"").into_bytes(),
        }
    }

    /// Whether every record of these fits into what is reserved for it, with a salt or without.
    pub fn fits(&self) -> bool {
        // ,"as":"base64" is the longest wrapping here; a seq has at most 16 digits
        let longest = HEAD.len() + 16 + 14 + SALT_MEMBER + self.tail.len();
        longest + AUTH + CLOSING.len() < SUFFIX_ROOM
    }

    /// Puts the member of `seq` at `at`; with the comma before it where `comma` says so. Returns where it ends.
    pub(crate) fn write(
        &self,
        output: &mut [u8],
        at: usize,
        seq: u64,
        wrapping: Wrapping,
        salt: Option<&[u8; SALT]>,
        comma: bool,
    ) -> usize {
        let mut end = put(output, at, if comma { HEAD } else { &HEAD[1..] });
        end = put(output, end, itoa::Buffer::new().format(seq).as_bytes());
        end = match wrapping {
            Wrapping::None => end,
            Wrapping::Text => put(output, end, AS_TEXT),
            Wrapping::Base64 => put(output, end, b",\"as\":\"base64\""),
        };
        if let Some(salt) = salt {
            end = put_salt(output, end, salt);
        }
        put(output, end, &self.tail)
    }

    /// The record whose line is `line` without its auth and what follows, if that ends with the member of `seq`: of a line
    /// that was not wrapped or as text, with a salt or without one.
    pub(crate) fn find<'a>(&self, line: &'a [u8], seq: u64, salted: bool) -> Option<Due<'a>> {
        let rest = line.strip_suffix(self.tail.as_slice())?;
        let (rest, salt) = if salted {
            let (rest, salt) = split_salt(rest)?;
            (rest, Some(salt))
        } else {
            (rest, None)
        };
        let (rest, wrapping) = match rest.strip_suffix(AS_TEXT) {
            Some(rest) => (rest, Wrapping::Text),
            None => (rest, Wrapping::None),
        };
        let mut digits = itoa::Buffer::new();
        let rest = rest.strip_suffix(digits.format(seq).as_bytes())?;
        Some(Due {
            before: rest.strip_suffix(HEAD)?,
            wrapping,
            salt,
        })
    }

    /// The leaf hash of a record with a salt: that of its erased line (spec 1, M1.12). `line` is its line without its auth and
    /// what follows, and our member begins at `at`, behind the comma.
    pub(crate) fn hash_salted(&self, line: &[u8], at: usize, salt: &[u8; SALT]) -> [u8; DIGEST] {
        let (head, member) = line.split_at(at);
        let member = &member[..member.len() - SALT_MEMBER - self.tail.len()];
        let commit = text_of(&commit_to(salt, head));
        hash_leaf_of(&[b"{", member, b",\"commit\":\"", &commit, b"\"", &self.tail])
    }
}

/// SHA-256(0x02 ‖ salt ‖ head).
fn commit_to(salt: &[u8; SALT], head: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update([2]);
    hash.update(salt);
    hash.update(head);
    hash.finalize().into()
}

fn put_salt(output: &mut [u8], at: usize, salt: &[u8; SALT]) -> usize {
    let end = put(output, at, SALT_HEAD);
    let text_end = end + SALT_TEXT;
    if URL_SAFE_NO_PAD
        .encode_slice(salt, &mut output[end..text_end])
        .is_err()
    {
        unreachable!("16 bytes are 22 characters of base64url");
    }
    put(output, text_end, b"\"")
}

/// What stands before a salt at the end of `bytes`, and the salt. One that is not canonical is none: else its line could say
/// something that no leaf covers (spec 1).
fn split_salt(bytes: &[u8]) -> Option<(&[u8], [u8; SALT])> {
    let rest = bytes.strip_suffix(b"\"")?;
    let (rest, text) = rest.split_at_checked(rest.len().wrapping_sub(SALT_TEXT))?;
    let rest = rest.strip_suffix(SALT_HEAD)?;
    let mut salt = [0; SALT];
    URL_SAFE_NO_PAD.decode_slice(text, &mut salt).ok()?; // 22 characters are 16 bytes
    Some((rest, salt))
}

/// Copies bytes to `at`; returns where they end.
pub(crate) fn put(output: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    output[at..end].copy_from_slice(bytes);
    end
}

/// The auth of a leaf, as the text that the line has.
pub(crate) fn auth_of(leaf: &[u8; DIGEST], key: Option<&MacKey>) -> [u8; AUTH] {
    match key {
        Some(key) => text_of(&key.mac(leaf)),
        None => text_of(leaf),
    }
}

/// A hash as text.
fn text_of(hash: &[u8; DIGEST]) -> [u8; AUTH] {
    let mut text = [0; AUTH];
    // 32 bytes are 43 characters
    if URL_SAFE_NO_PAD.encode_slice(hash, &mut text).is_err() {
        unreachable!("32 bytes are 43 characters of base64url");
    }
    text
}

/// M1.3: whether text has the form of an auth, whatever it is worth.
pub(crate) fn has_auth_form(text: &[u8]) -> bool {
    let Some((last, first)) = text.split_last() else {
        return false;
    };
    first.len() == AUTH - 1
        && b"AEIMQUYcgkosw048".contains(last)
        && first
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
