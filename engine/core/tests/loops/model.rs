//! What the two loops must do (spec 1 and 3), a line at a time.

use fapilog_tamper_engine::{Member, SALT};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::case::{Limits, Mode};
use crate::json::is_json;
use crate::tree::Hash;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Lines that became records.
#[derive(Debug, Default, PartialEq)]
pub struct Records {
    /// Each with its LF.
    pub lines: Vec<Vec<u8>>,
    pub leaves: Vec<Hash>,
    /// How many bytes of the input they were.
    pub taken: usize,
}

/// Seals lines in their order, up to the first one that must be left.
pub fn seal(input: &[u8], mode: &Mode, limits: &Limits) -> Records {
    let mut records = Records::default();
    let mut end = limits.at;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let Some(body) = line.strip_suffix(b"\n") else {
            break;
        };
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        let (head, wrapping) = head_of(body);
        // with the comma behind a wrapped line, or the last } of an object
        let length = head.len() + 1;
        let stops = records.lines.len() == limits.records
            || records.taken >= limits.input_bytes
            || body.len() > limits.max_line_bytes
            || end + body.len() > limits.line_limit
            || end + length + 256 > limits.limit;
        if stops {
            break;
        }
        let seq = mode.seq + records.lines.len() as u64;
        let comma = if wrapping.is_empty() && String::from_utf8_lossy(&head[1..]).trim().is_empty()
        {
            ""
        } else {
            ","
        };
        let head = [head.as_slice(), comma.as_bytes()].concat();
        let start = format!("\"integrity\":{{\"seq\":{seq}{wrapping}");
        let (salt, hash) = match mode.salt_of(seq) {
            Some(salt) => (salt_member(&salt), salted_leaf(&head, &start, &salt, mode)),
            None => {
                let leaf = [&head, start.as_bytes(), tail(mode).as_bytes()].concat();
                (String::new(), leaf_hash(&leaf))
            }
        };
        let end_of_line = format!(
            "{start}{salt}{}{}\"}}}}\n",
            tail(mode),
            auth_of(&hash, mode)
        );
        let record = [&head, end_of_line.as_bytes()].concat();
        end += record.len();
        records.taken += line.len();
        records.lines.push(record);
        records.leaves.push(hash);
    }
    records
}

/// Checks lines in their order, up to the first one that is not the record that is due, of an object or of text. Says where
/// they end and their leaf hashes.
pub fn check(bytes: &[u8], mode: &Mode, checks_auth: bool, most: usize) -> (usize, Vec<Hash>) {
    let mut leaves = Vec::new();
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let seq = mode.seq + leaves.len() as u64;
        let is_due = |wrapping: &str| {
            let salt = match mode.salt {
                Some(_) => Some(salt_in(line, mode)?),
                None => None,
            };
            let member = salt.map_or(String::new(), |salt| salt_member(&salt));
            let start = format!("\"integrity\":{{\"seq\":{seq}{wrapping}");
            let suffix = format!(",{start}{member}{}", tail(mode));
            let before = line.len().checked_sub(suffix.len() + 43 + 4)?;
            let leaf = &line[..before + suffix.len()];
            let hash = match salt {
                Some(salt) => salted_leaf(&line[..before + 1], &start, &salt, mode),
                None => leaf_hash(leaf),
            };
            let head_is_right = if wrapping.is_empty() {
                before > 0
            } else {
                is_wrapped_text(&line[..before])
            };
            (head_is_right && leaf.ends_with(suffix.as_bytes())).then_some((leaf, hash))
        };
        let Some((leaf, hash)) = is_due("").or_else(|| is_due(",\"as\":\"text\"")) else {
            break;
        };
        let auth = &line[leaf.len()..leaf.len() + 43];
        let auth_is_right = if checks_auth {
            auth == auth_of(&hash, mode).as_bytes()
        } else {
            is_base64_of_32_bytes(auth)
        };
        if leaves.len() == most || line[leaf.len() + 43..] != *b"\"}}\n" || !auth_is_right {
            break;
        }
        end += line.len();
        leaves.push(hash);
    }
    (end, leaves)
}

/// Whether some text without NUL is spelled so.
fn is_wrapped_text(head: &[u8]) -> bool {
    let Some(spelled) = head.strip_prefix(b"{\"line\":") else {
        return false;
    };
    serde_json::from_slice::<String>(spelled)
        .is_ok_and(|text| !text.contains('\0') && quoted(&text).as_bytes() == spelled)
}

/// What stands before our member and its comma in the object; and the member that says how the line is wrapped, if it is.
fn head_of(line: &[u8]) -> (Vec<u8>, &'static str) {
    match std::str::from_utf8(line) {
        Ok(text) if text.starts_with('{') && text.ends_with('}') && is_json(text) => {
            (line[..line.len() - 1].to_vec(), "")
        }
        Ok(text) if !text.contains('\0') => (
            format!("{{\"line\":{}", quoted(text)).into_bytes(),
            ",\"as\":\"text\"",
        ),
        _ => (
            format!("{{\"line\":\"{}\"", base64(line, STANDARD, true)).into_bytes(),
            ",\"as\":\"base64\"",
        ),
    }
}

pub fn tail(mode: &Mode) -> String {
    let name = match mode.member {
        Member::Mac => "mac",
        Member::Hash => "hash",
    };
    format!(",\"key_id\":\"{}\",\"{name}\":\"", mode.kid)
}

/// As `JSON.stringify` spells it.
fn quoted(text: &str) -> String {
    let characters = text.chars().map(|character| match character {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\u{8}' => "\\b".into(),
        '\t' => "\\t".into(),
        '\n' => "\\n".into(),
        '\u{c}' => "\\f".into(),
        '\r' => "\\r".into(),
        control if control < ' ' => format!("\\u{:04x}", control as u32),
        other => other.to_string(),
    });
    format!("\"{}\"", characters.collect::<String>())
}

/// M1.12: what commits to `head`, all that stands before our member, and to the salt.
pub fn commit_member(head: &[u8], salt: &[u8; SALT]) -> String {
    let commit = Sha256::digest([&[2], salt.as_slice(), head].concat());
    format!(",\"commit\":\"{}\"", base64(&commit, URL_SAFE, false))
}

/// The leaf hash of a record with a salt: that of its erased line. `start` is our member up to the salt.
pub fn salted_leaf(head: &[u8], start: &str, salt: &[u8; SALT], mode: &Mode) -> Hash {
    let erased = format!("{{{start}{}{}", commit_member(head, salt), tail(mode));
    leaf_hash(erased.as_bytes())
}

pub fn salt_member(salt: &[u8; SALT]) -> String {
    format!(",\"salt\":\"{}\"", base64(salt, URL_SAFE, false))
}

/// The salt of a line, if its 22 characters are canonical: the last four of their 132 bits are 0.
fn salt_in(line: &[u8], mode: &Mode) -> Option<[u8; SALT]> {
    let end = line.len().checked_sub(1 + tail(mode).len() + 43 + 4)?;
    let text = &line[end.checked_sub(22)?..end];
    let digits: Option<Vec<u128>> = text
        .iter()
        .map(|character| URL_SAFE.iter().position(|digit| digit == character))
        .map(|digit| Some(digit? as u128))
        .collect();
    let digits = digits?;
    let first = digits[..21].iter().fold(0, |bits, digit| bits << 6 | digit);
    let salt = first << 2 | digits[21] >> 4;
    digits[21].is_multiple_of(16).then_some(salt.to_be_bytes())
}

pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::digest([&[0], leaf].concat()).into()
}

pub fn auth_of(leaf: &Hash, mode: &Mode) -> String {
    let bytes: Hash = match &mode.key {
        None => *leaf,
        Some(key) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
            mac.update(leaf);
            mac.finalize().into_bytes().into()
        }
    };
    base64(&bytes, URL_SAFE, false)
}

fn base64(bytes: &[u8], alphabet: &[u8; 64], padded: bool) -> String {
    let mut bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    bits.resize(bits.len().next_multiple_of(6), 0);
    let digit = |six: &[u8]| {
        alphabet[six
            .iter()
            .fold(0, |value, bit| value << 1 | usize::from(*bit))] as char
    };
    let mut text: String = bits.chunks(6).map(digit).collect();
    while padded && !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Whether a text is the base64url of 32 bytes: the last two of its 258 bits are 0.
fn is_base64_of_32_bytes(text: &[u8]) -> bool {
    let places: Option<Vec<usize>> = text
        .iter()
        .map(|character| URL_SAFE.iter().position(|digit| digit == character))
        .collect();
    matches!(places, Some(places) if places.len() == 43 && places[42] % 4 == 0)
}
