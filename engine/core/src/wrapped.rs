//! The wrapped form of a line that is text (M1.10).

/// Whether bytes are `{"line":S`, with S a text as a sealer spells it: exactly what ECMAScript's `JSON.stringify` makes of some
/// text without NUL. Nothing is decoded for it.
pub(crate) fn is_wrapped_text(head: &[u8]) -> bool {
    let text = head
        .strip_prefix(b"{\"line\":\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    match text {
        Some(text) => std::str::from_utf8(text).is_ok() && is_spelled(text),
        None => false,
    }
}

fn is_spelled(mut text: &[u8]) -> bool {
    if text.iter().any(|byte| *byte < b' ') {
        return false;
    }
    while let Some(at) = memchr::memchr2(b'"', b'\\', text) {
        text = match &text[at..] {
            [
                b'\\',
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't',
                rest @ ..,
            ] => rest,
            // a control character that has no short form, and is not NUL
            [b'\\', b'u', b'0', b'0', high, low, rest @ ..] if is_long(*high, *low) => rest,
            _ => return false,
        };
    }
    true
}

fn is_long(high: u8, low: u8) -> bool {
    match high {
        b'0' => matches!(low, b'1'..=b'7' | b'b' | b'e' | b'f'),
        b'1' => matches!(low, b'0'..=b'9' | b'a'..=b'f'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(text: &str) -> Vec<u8> {
        let spelled = serde_json::to_string(text).expect("text is JSON");
        format!("{{\"line\":{spelled}").into_bytes()
    }

    proptest! {
        #[test]
        fn is_what_a_sealer_writes(text: String) {
            prop_assert_eq!(is_wrapped_text(&wrapped(&text)), !text.contains('\0'));
        }

        /// Decoded and spelled again, it is the same.
        #[test]
        fn is_nothing_else(
            pieces in prop::collection::vec(
                prop_oneof!["\\PC", "\\\\[\"\\\\/bfnrtux]", "\\\\u00[0-2][0-9a-fA-F]", "[\\x00-\\x1f\"\\\\]", Just("\\ud83d\\ude00".into())],
                0..8,
            ),
        ) {
            let head = format!("{{\"line\":\"{}\"", pieces.concat()).into_bytes();
            let text = serde_json::from_slice::<String>(&head[8..]);
            let expected = text.is_ok_and(|text| !text.contains('\0') && wrapped(&text) == head);
            prop_assert_eq!(is_wrapped_text(&head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn each_control_character_has_one_spelling() {
        for code in 1..0x20u8 {
            let text = char::from(code).to_string();
            let long = format!("{{\"line\":\"\\u{code:04x}\"").into_bytes();
            assert!(is_wrapped_text(&wrapped(&text)));
            assert_eq!(is_wrapped_text(&long), long == wrapped(&text));
        }
    }
}
