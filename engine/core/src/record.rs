//! Our member of a record, and what ends its line (spec 1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::key::MacKey;
use crate::tree::DIGEST;

/// The characters of an auth.
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

/// `,"integrity":{"seq":SEQ,"key_id":"KID","mac|hash":"`, but for the seq.
pub struct RecordMember {
    tail: Vec<u8>,
}

const HEAD: &[u8] = b",\"integrity\":{\"seq\":";
const AS_TEXT: &[u8] = b",\"as\":\"text\"";

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

    /// Whether every record of these fits into what is reserved for it.
    pub fn fits(&self) -> bool {
        // ,"as":"base64" is the longest wrapping here; a seq has at most 16 digits
        HEAD.len() + 16 + 14 + self.tail.len() + AUTH + CLOSING.len() < SUFFIX_ROOM
    }

    /// Puts the member of `seq` at `at`; with the comma before it where `comma` says so. Returns where it ends.
    pub(crate) fn write(
        &self,
        output: &mut [u8],
        at: usize,
        seq: u64,
        wrapping: Wrapping,
        comma: bool,
    ) -> usize {
        let mut end = put(output, at, if comma { HEAD } else { &HEAD[1..] });
        end = put(output, end, itoa::Buffer::new().format(seq).as_bytes());
        end = match wrapping {
            Wrapping::None => end,
            Wrapping::Text => put(output, end, AS_TEXT),
            Wrapping::Base64 => put(output, end, b",\"as\":\"base64\""),
        };
        put(output, end, &self.tail)
    }

    /// What stands before the member of `seq` and its comma in a leaf that ends with it, and how it says that the line was
    /// wrapped: not, or as text.
    pub(crate) fn before<'a>(&self, leaf: &'a [u8], seq: u64) -> Option<(&'a [u8], Wrapping)> {
        let rest = leaf.strip_suffix(self.tail.as_slice())?;
        let (rest, wrapping) = match rest.strip_suffix(AS_TEXT) {
            Some(rest) => (rest, Wrapping::Text),
            None => (rest, Wrapping::None),
        };
        let mut digits = itoa::Buffer::new();
        let rest = rest.strip_suffix(digits.format(seq).as_bytes())?;
        Some((rest.strip_suffix(HEAD)?, wrapping))
    }
}

/// Copies bytes to `at`; returns where they end.
pub(crate) fn put(output: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    output[at..end].copy_from_slice(bytes);
    end
}

/// The auth of a leaf, as the text that the line has.
pub(crate) fn auth_of(leaf: &[u8; DIGEST], key: Option<&MacKey>) -> [u8; AUTH] {
    let bytes = match key {
        Some(key) => key.mac(leaf),
        None => *leaf,
    };
    let mut text = [0; AUTH];
    // 32 bytes are 43 characters
    if URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).is_err() {
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
