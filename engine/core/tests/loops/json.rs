//! Whether a text is JSON (RFC 8259), by recursive descent.

/// Whether all of `text` is one JSON value.
pub fn is_json(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    matches!(value(&characters), Some(rest) if blanks(rest).is_empty())
}

fn blanks(mut text: &[char]) -> &[char] {
    while let [' ' | '\t' | '\n' | '\r', rest @ ..] = text {
        text = rest;
    }
    text
}

fn value(text: &[char]) -> Option<&[char]> {
    match blanks(text) {
        ['{', rest @ ..] => list(rest, '}', member),
        ['[', rest @ ..] => list(rest, ']', value),
        ['"', rest @ ..] => string(rest),
        ['t', 'r', 'u', 'e', rest @ ..]
        | ['f', 'a', 'l', 's', 'e', rest @ ..]
        | ['n', 'u', 'l', 'l', rest @ ..] => Some(rest),
        rest => number(rest),
    }
}

fn list(text: &[char], close: char, item: fn(&[char]) -> Option<&[char]>) -> Option<&[char]> {
    if let [first, rest @ ..] = blanks(text)
        && *first == close
    {
        return Some(rest);
    }
    let mut rest = item(text)?;
    loop {
        match blanks(rest) {
            [',', after @ ..] => rest = item(after)?,
            [last, after @ ..] if *last == close => return Some(after),
            _ => return None,
        }
    }
}

fn member(text: &[char]) -> Option<&[char]> {
    let ['"', rest @ ..] = blanks(text) else {
        return None;
    };
    let [':', rest @ ..] = blanks(string(rest)?) else {
        return None;
    };
    value(rest)
}

/// Behind its first quote.
fn string(mut text: &[char]) -> Option<&[char]> {
    loop {
        text = match text {
            ['"', rest @ ..] => return Some(rest),
            [
                '\\',
                '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't',
                rest @ ..,
            ] => rest,
            ['\\', 'u', a, b, c, d, rest @ ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                rest
            }
            [character, rest @ ..] if *character >= ' ' && *character != '\\' => rest,
            _ => return None,
        };
    }
}

fn number(text: &[char]) -> Option<&[char]> {
    let text = text.strip_prefix(&['-']).unwrap_or(text);
    let mut rest = match text {
        ['0', rest @ ..] => rest,
        _ => digits(text)?,
    };
    if let ['.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    if let ['e' | 'E', exponent @ ..] = rest {
        let exponent = match exponent {
            ['+' | '-', digits @ ..] => digits,
            digits => digits,
        };
        rest = digits(exponent)?;
    }
    Some(rest)
}

/// At least one.
fn digits(text: &[char]) -> Option<&[char]> {
    let count = text
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .count();
    (count > 0).then(|| &text[count..])
}

#[test]
fn reads_what_is_json_and_nothing_else() {
    for text in [
        "{}",
        "[ ]",
        "-0.5e+3",
        "\"\\u00e9\"",
        "{\"a\": [1 , 2]}",
        "null",
    ] {
        assert!(is_json(text), "{text}");
    }
    for text in [
        "", "{,}", "[1,]", "01", "1.", "-", "\"\t\"", "\"\\x\"", "{\"a\"}", "1 2", "tru", "'a'",
    ] {
        assert!(!is_json(text), "{text}");
    }
}
