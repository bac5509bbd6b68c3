//! What the loops are given.

use fapilog_tamper_engine::{MacKey, Member, RecordMember, SALT};
use proptest::prelude::*;

use crate::tree::Hash;

/// Under Miri a hash takes some 20 ms.
const MOST_LINES: usize = if cfg!(miri) { 3 } else { 12 };
/// How many bytes of any kind at most.
pub const MOST_BYTES: usize = if cfg!(miri) { 40 } else { 600 };

/// What all records of a batch have in common.
#[derive(Debug, Clone)]
pub struct Mode {
    pub member: Member,
    pub key: Option<[u8; 32]>,
    pub kid: String,
    pub seq: u64,
    /// What the salts come from; `None`: there are none.
    pub salt: Option<u128>,
    /// The leaves that the tree has already.
    pub before: Vec<Hash>,
}

impl Mode {
    pub fn record_member(&self) -> RecordMember {
        let member = RecordMember::new(&self.kid, self.member);
        assert!(member.fits());
        member
    }

    /// The salt of the record `seq`: another one for each.
    pub fn salt_of(&self, seq: u64) -> Option<[u8; SALT]> {
        self.salt.map(|salt| (salt ^ u128::from(seq)).to_le_bytes())
    }

    /// The salts of that many records, in the form that the loops take.
    pub fn salts(&self, records: usize) -> Option<Vec<[u8; SALT]>> {
        (self.seq..)
            .take(records)
            .map(|seq| self.salt_of(seq))
            .collect()
    }

    /// The key in the form that the loops take.
    pub fn mac_key(&self) -> Option<MacKey> {
        self.key.map(|key| {
            let pad = |byte: u8| std::array::from_fn(|at| byte ^ key.get(at).unwrap_or(&0));
            let mut mac_key = MacKey::none();
            mac_key.load(&pad(0x36), &pad(0x5c));
            mac_key
        })
    }
}

/// Where a batch ends.
#[derive(Debug, Clone)]
pub struct Limits {
    pub at: usize,
    pub records: usize,
    pub input_bytes: usize,
    pub max_line_bytes: usize,
    pub limit: usize,
    pub line_limit: usize,
}

impl Limits {
    /// Every line of `input` is taken.
    pub fn none(input: &[u8]) -> Self {
        let lines = input.iter().filter(|byte| **byte == b'\n').count();
        Self {
            at: 1,
            records: lines,
            input_bytes: input.len(),
            max_line_bytes: input.len(),
            // a control character is six in a string
            limit: 1 + input.len() * 6 + lines * 330,
            line_limit: usize::MAX,
        }
    }
}

const TAG: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub fn mode() -> impl Strategy<Value = Mode> {
    let member = prop_oneof![Just(Member::Mac), Just(Member::Hash)];
    let key = any::<Option<[u8; 32]>>();
    // a tag with an epoch, and the longest that fits
    let kid = (
        any::<[u8; 8]>(),
        prop_oneof![1u64..1 << 53, Just(1)],
        any::<bool>(),
    )
        .prop_map(|(tag, epoch, is_long)| {
            let tag: String = tag
                .iter()
                .map(|byte| TAG[usize::from(byte % 64)] as char)
                .collect();
            if is_long {
                tag.repeat(13)
            } else {
                format!("{tag}.{epoch}")
            }
        });
    let seq = prop_oneof![1u64..12, 1..1u64 << 53, Just((1u64 << 53) - 200)];
    let salt = any::<Option<u128>>();
    let before = prop::collection::vec(any::<Hash>(), 0..9);
    (member, key, kid, seq, salt, before).prop_map(|(member, key, kid, seq, salt, before)| Mode {
        member,
        key,
        kid,
        seq,
        salt,
        before,
    })
}

/// Limits that may lie anywhere in what `input` becomes.
pub fn limits(input: &[u8]) -> impl Strategy<Value = Limits> + use<> {
    let none = Limits::none(input);
    let at = 1usize..60;
    let or_none = |most: usize| prop_oneof![Just(most), 0..=most];
    let line_limit = prop_oneof![Just(usize::MAX), 0..none.limit + 1];
    (
        at,
        or_none(none.records),
        or_none(none.input_bytes),
        or_none(none.max_line_bytes),
        or_none(none.limit + 60),
        line_limit,
    )
        .prop_map(
            |(at, records, input_bytes, max_line_bytes, limit, line_limit)| Limits {
                at,
                records,
                input_bytes,
                max_line_bytes,
                limit,
                line_limit,
            },
        )
}

/// Lines of every kind, with LF or CR LF, and perhaps a last one without.
pub fn lines() -> impl Strategy<Value = Vec<u8>> {
    let ended = (line(), prop_oneof![4 => Just("\n"), 1 => Just("\r\n")]);
    let rest = prop_oneof![4 => Just(Vec::new()), 1 => line()];
    (prop::collection::vec(ended, 0..MOST_LINES), rest).prop_map(|(lines, rest)| {
        let mut input = Vec::new();
        for (line, end) in lines {
            input.extend(line);
            input.extend(end.as_bytes());
        }
        input.extend(rest);
        input
    })
}

/// Lines that are JSON objects of at least so many members, each with its LF.
pub fn objects(members: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(object(members), 1..MOST_LINES)
        .prop_map(|lines| (lines.join("\n") + "\n").into_bytes())
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => object(0).prop_map(String::into_bytes),
        3 => (object(0), any::<prop::sample::Index>(), any::<u8>(), 0u8..3).prop_map(spoilt),
        2 => prop::sample::select(ODD).prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<String>().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..80),
        1 => (0usize..300, 0usize..2).prop_map(|(depth, missing)| {
            format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth.saturating_sub(missing))).into_bytes()
        }),
    ]
    .prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect())
}

/// One byte is another one, gone, or new.
fn spoilt((object, at, byte, how): (String, prop::sample::Index, u8, u8)) -> Vec<u8> {
    let mut bytes = object.into_bytes();
    let at = at.index(bytes.len());
    match how {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        _ => {
            bytes.remove(at);
        }
    }
    bytes
}

fn object(members: usize) -> impl Strategy<Value = String> {
    let text = prop_oneof![
        (0usize..12).prop_map(|length| "request ".repeat(2)[..length].to_string()),
        Just("\u{e9}\u{20ac}\u{1f600}\u{2028}\u{7f}".to_string()),
        Just("\\u00e9\\ud800\\\\\\\"\\/\\b".to_string()),
    ];
    let scalar = prop_oneof![
        text.clone().prop_map(|text| format!("\"{text}\"")),
        any::<i32>().prop_map(|number| number.to_string()),
        prop::sample::select(&["true", "false", "null", "-0", "1.5e-400", "10E+5", "0.1"])
            .prop_map(String::from),
    ];
    let value = scalar.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(inner, 0..3).prop_map(|items| object_of("k", &items)),
        ]
    });
    (text, prop::collection::vec(value, members..4))
        .prop_map(|(name, values)| object_of(&name, &values))
}

fn object_of(name: &str, values: &[String]) -> String {
    let members: Vec<String> = values
        .iter()
        .map(|value| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

const ODD: &[&str] = &[
    "",
    "{}",
    "{ \t}",
    "{\r}",
    "\r",
    "\r\r",
    "{",
    "}",
    "{}}",
    "{\"a\":1}\r",
    " {\"a\":1}",
    "{\"a\":1} ",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" : 1}",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{'a':1}",
    "{\"a\":NaN}",
    "[1]",
    "null",
    "\u{feff}{}",
    "\0",
    "a\0b",
    "{\"a\":\"\0\"}",
    "{\"integrity\":{\"seq\":1}}",
    "say \"\\\u{8}\u{c}\u{1}\u{1f}\u{7f}\"",
    "{\u{a0}}",
    "{\u{b}}",
    "{\"a\":1\u{2003}}",
];
