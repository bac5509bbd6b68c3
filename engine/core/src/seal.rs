//! Input lines into records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;

use crate::form::{Form, form_of, is_empty_object};
use crate::key::MacKey;
use crate::record::{CLOSING, RecordMember, SALT, SUFFIX_ROOM, Wrapping, auth_of, put};
use crate::tree::{DIGEST, Frontier, hash_leaf};

/// Input lines that are to become records.
pub struct LinesToSeal<'a> {
    /// Lines that each end with an LF; what follows the last LF is left.
    pub input: &'a [u8],
    /// No line is begun behind so many bytes.
    pub input_bytes: usize,
    /// Whether the caller knows that every line is one JSON object.
    pub are_objects: bool,
    /// A longer line is left, in bytes.
    pub max_line_bytes: usize,
    /// Where the records go in the output.
    pub at: usize,
    /// A line is left whose record could end behind this place.
    pub limit: usize,
    /// A line is left that would end behind this place, if it were taken without any member of ours.
    pub line_limit: usize,
    /// The seq of the first record.
    pub seq: u64,
    /// How many records at most.
    pub records: usize,
    /// Our member of each.
    pub member: &'a RecordMember,
    /// The key of their MACs; `None`: a checksum.
    pub key: Option<&'a MacKey>,
    /// One for each of `records`; `None`: they have none.
    pub salts: Option<&'a [[u8; SALT]]>,
}

/// How far lines have become records.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Sealed {
    /// How many.
    pub records: usize,
    /// Where the first line begins that was left.
    pub taken: usize,
    /// Where the output ends.
    pub end: usize,
    /// The leaf hash of the last one.
    pub leaf: Option<[u8; DIGEST]>,
}

/// Seals lines in their order, up to the first one that must be left; the tree grows by them.
pub fn seal_lines(lines: &LinesToSeal<'_>, output: &mut [u8], frontier: &mut Frontier) -> Sealed {
    let mut sealed = Sealed {
        records: 0,
        taken: 0,
        end: lines.at,
        leaf: None,
    };
    let mut wrapped = Vec::new();
    let limit = lines.limit.min(output.len());
    while sealed.records < lines.records && sealed.taken < lines.input_bytes {
        let Some(length) = memchr(b'\n', &lines.input[sealed.taken..]) else {
            break;
        };
        let line = without_cr(&lines.input[sealed.taken..sealed.taken + length]);
        let begin = sealed.end;
        if line.len() > lines.max_line_bytes || begin + line.len() > lines.line_limit {
            break;
        }
        let form = if lines.are_objects {
            Form::Object
        } else {
            form_of(line)
        };
        let head = match form {
            Form::Object => &line[..line.len() - 1],
            Form::Text(text) => {
                wrap_text(&mut wrapped, text);
                &wrapped
            }
            Form::Base64 => {
                wrap_base64(&mut wrapped, line);
                &wrapped
            }
        };
        let taken = if form == Form::Object {
            line.len()
        } else {
            head.len()
        };
        if begin + taken + SUFFIX_ROOM > limit {
            break;
        }
        let (wrapping, comma) = match form {
            Form::Object => (Wrapping::None, !is_empty_object(line)),
            Form::Text(_) => (Wrapping::Text, false), // the head ends with it
            Form::Base64 => (Wrapping::Base64, false),
        };
        let seq = lines.seq + sealed.records as u64;
        let head_end = put(output, begin, head);
        let salt = lines.salts.map(|salts| &salts[sealed.records]);
        let leaf_end = lines
            .member
            .write(output, head_end, seq, wrapping, salt, comma);
        let record = &output[begin..leaf_end];
        let leaf = match salt {
            None => hash_leaf(record),
            Some(salt) => {
                let at = head_end - begin + usize::from(comma);
                lines.member.hash_salted(record, at, salt)
            }
        };
        frontier.append(leaf);
        let auth_end = put(output, leaf_end, &auth_of(&leaf, lines.key));
        let line_end = put(output, auth_end, CLOSING);
        sealed.end = put(output, line_end, b"\n");
        sealed.leaf = Some(leaf);
        sealed.taken += length + 1;
        sealed.records += 1;
    }
    sealed
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `{"line":S,` where S is spelled as ECMAScript's `JSON.stringify` does, which is how serde_json spells it too.
fn wrap_text(wrapped: &mut Vec<u8>, text: &str) {
    wrapped.clear();
    wrapped.extend_from_slice(b"{\"line\":");
    if serde_json::to_writer(&mut *wrapped, text).is_err() {
        unreachable!("a Vec takes everything, and text is always JSON");
    }
    wrapped.push(b',');
}

fn wrap_base64(wrapped: &mut Vec<u8>, line: &[u8]) {
    let head = b"{\"line\":\"";
    let length = line.len().div_ceil(3) * 4;
    wrapped.clear();
    wrapped.resize(head.len() + length, 0);
    wrapped[..head.len()].copy_from_slice(head);
    if STANDARD
        .encode_slice(line, &mut wrapped[head.len()..])
        .is_err()
    {
        unreachable!("three bytes are four characters of base64");
    }
    wrapped.extend_from_slice(b"\",");
}
