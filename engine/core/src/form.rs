//! How an input line goes into a record (spec 1, M1.9 and M1.10).

use serde::de::IgnoredAny;

/// How an input line goes into a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form<'a> {
    /// As it is: one JSON object.
    Object,
    /// Wrapped, as text.
    Text(&'a str),
    /// Wrapped, as base64.
    Base64,
}

/// The form of a line without its end.
pub(crate) fn form_of(line: &[u8]) -> Form<'_> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Form::Base64;
    };
    if line.first() == Some(&b'{') && line.last() == Some(&b'}') && is_json(line) {
        return Form::Object; // NUL stands in no JSON
    }
    if memchr::memchr(0, line).is_some() {
        Form::Base64
    } else {
        Form::Text(text)
    }
}

fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// Whether only JSON white space stands between the braces of an object.
pub(crate) fn is_empty_object(line: &[u8]) -> bool {
    line[1..line.len() - 1]
        .iter()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}
