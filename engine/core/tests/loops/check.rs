//! Records that stand as an honest log has them, as the model says.

use fapilog_tamper_engine::{Checked, RecordsToCheck, check_records};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::case::{Limits, MOST_BYTES, Mode, lines, mode, objects};
use crate::model;
use crate::seal::frontier_of;
use crate::tree::{Hash, edge_of};

fn check(
    bytes: &[u8],
    mode: &Mode,
    checks_auth: bool,
    most: usize,
) -> (Checked, Vec<Hash>, Vec<Hash>) {
    let mut frontier = frontier_of(&mode.before);
    // more room than is asked for
    let mut leaves = vec![0; (most + 2) * 32];
    let key = mode.mac_key();
    let job = RecordsToCheck {
        bytes,
        seq: mode.seq,
        records: most,
        member: &mode.record_member(),
        salted: mode.salt.is_some(),
        checks_auth,
        key: key.as_ref(),
    };
    let checked = check_records(&job, Some(&mut frontier), &mut leaves);
    // without a tree it is the same, and without room for a leaf hash none is checked
    let mut again = vec![0; leaves.len()];
    assert_eq!(check_records(&job, None, &mut again), checked);
    assert_eq!(again, leaves);
    assert_eq!(check_records(&job, None, &mut []).records, 0);
    let (hashes, _) = leaves.as_chunks();
    assert_eq!(
        frontier.size(),
        (mode.before.len() + checked.records) as u64
    );
    assert!(
        hashes[checked.records..]
            .as_flattened()
            .iter()
            .all(|byte| *byte == 0)
    );
    (
        checked,
        hashes[..checked.records].to_vec(),
        frontier.subtrees().to_vec(),
    )
}

/// Checks, and finds the leaf hashes, the tree and where it stopped as the model says.
fn checks_as_the_model(
    bytes: &[u8],
    mode: &Mode,
    checks_auth: bool,
    most: usize,
) -> Result<usize, TestCaseError> {
    let (end, expected) = model::check(bytes, mode, checks_auth, most);
    let (checked, leaves, edge) = check(bytes, mode, checks_auth, most);
    prop_assert_eq!(
        checked,
        Checked {
            records: expected.len(),
            end
        }
    );
    prop_assert_eq!(&leaves, &expected);
    prop_assert_eq!(edge, edge_of(&[mode.before.as_slice(), &expected].concat()));
    Ok(checked.records)
}

fn sealed(input: &[u8], mode: &Mode) -> Vec<Vec<u8>> {
    model::seal(input, mode, &Limits::none(input)).lines
}

/// What a forger or a disk does to a log.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
    SwapLines(Index, Index),
    RepeatLine(Index),
    DropLine(Index),
}

/// What stands where a salt does.
#[derive(Debug, Clone, PartialEq)]
enum Members {
    None,
    Salt,
    Commit,
    CommitSalt,
    SaltCommit,
    Text(String),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 1u8..).prop_map(|(at, bits)| Change::Flip(at, bits)),
        index().prop_map(Change::Remove),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        index().prop_map(Change::Cut),
        (index(), index()).prop_map(|(one, other)| Change::SwapLines(one, other)),
        index().prop_map(Change::RepeatLine),
        index().prop_map(Change::DropLine),
    ]
}

fn changed(mut bytes: Vec<u8>, change: &Change) -> Vec<u8> {
    let mut lines: Vec<_> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let (count, length) = (lines.len(), bytes.len());
    if length == 0 {
        return bytes;
    }
    match change {
        Change::Flip(at, bits) => bytes[at.index(length)] ^= bits,
        Change::Remove(at) => drop(bytes.remove(at.index(length))),
        Change::Insert(at, byte) => bytes.insert(at.index(length), *byte),
        Change::Cut(at) => bytes.truncate(at.index(length)),
        Change::SwapLines(one, other) => {
            lines.swap(one.index(count), other.index(count));
            bytes = lines.concat();
        }
        Change::RepeatLine(at) => {
            lines.insert(at.index(count), lines[at.index(count)].clone());
            bytes = lines.concat();
        }
        Change::DropLine(at) => {
            lines.remove(at.index(count));
            bytes = lines.concat();
        }
    }
    bytes
}

proptest! {
    /// But for those that are left to whoever asks: of bytes that are no text, and of an object without members.
    #[test]
    fn what_was_sealed_of_any_lines_is_right(input in lines(), mode in mode(), checks_auth: bool) {
        let records = sealed(&input, &mode);
        let has = |record: &[u8], part: &[u8]| record.windows(part.len()).any(|some| some == part);
        let is_left = |record: &Vec<u8>| {
            has(record, b",\"as\":\"base64\"") || !has(record, b",\"integrity\":{\"seq\":")
        };
        let expected = records.iter().position(is_left).unwrap_or(records.len());
        prop_assert_eq!(checks_as_the_model(&records.concat(), &mode, checks_auth, records.len())?, expected);
    }

    #[test]
    fn what_was_sealed_is_right(input in objects(1), mode in mode(), checks_auth: bool) {
        let records = sealed(&input, &mode);
        prop_assert_eq!(checks_as_the_model(&records.concat(), &mode, checks_auth, records.len())?, records.len());
        prop_assert_eq!(checks_as_the_model(&records.concat(), &mode, checks_auth, records.len() + 2)?, records.len());
    }

    /// Whichever byte is another one: all records before the one that has it are right, and that one is not.
    #[test]
    fn it_stops_at_the_record_that_was_spoilt(input in objects(1), mode in mode(), at: Index, bits in 1u8..) {
        let records = sealed(&input, &mode);
        let mut bytes = records.concat();
        let at = at.index(bytes.len());
        let whole = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        bytes[at] ^= bits;
        let (checked, ..) = check(&bytes, &mode, true, records.len());
        prop_assert_eq!(checked, Checked { records: whole, end: records[..whole].concat().len() });
    }

    #[test]
    fn it_stops_where_the_model_does(
        input in lines(),
        mode in mode(),
        changes in prop::collection::vec(change(), 0..3),
        checks_auth: bool,
        most in 0usize..14,
    ) {
        let mut bytes = sealed(&input, &mode).concat();
        for change in &changes {
            bytes = changed(bytes, change);
        }
        checks_as_the_model(&bytes, &mode, checks_auth, most)?;
    }

    /// Records of another key, another member, another key id or another place are none of this log; those of other salts are.
    #[test]
    fn records_of_another_log_are_not_right(input in objects(1), mode in mode(), other in mode()) {
        let records = sealed(&input, &other);
        let log = |mode: &Mode| (mode.key, mode.member, mode.kid.clone(), mode.seq, mode.salt.is_some());
        let same = log(&mode) == log(&other);
        let (checked, ..) = check(&records.concat(), &mode, true, records.len());
        prop_assert_eq!(checked.records, if same { records.len() } else { 0 });
    }

    /// A record with whatever stands before our member, and an auth that is right, has the right form, or neither.
    #[test]
    #[cfg_attr(miri, ignore = "regular expressions take minutes there")]
    fn each_part_of_a_record_counts(
        before in prop::collection::vec(any::<u8>().prop_filter("no LF", |byte| *byte != b'\n'), 0..4),
        auth in prop::option::of(prop_oneof![
            "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]",
            "[A-Za-z0-9_-]{43}",
            // of the right form but for one character
            ("[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", any::<Index>(), "[ -~]").prop_map(|(mut auth, at, other)| {
                let at = at.index(auth.len());
                auth.replace_range(at..=at, &other);
                auth
            }),
            "[A-Za-z0-9_-]{41,45}",
        ]),
        mode in mode(),
        checks_auth: bool,
    ) {
        let head = [before.as_slice(), b","].concat();
        let start = format!("\"integrity\":{{\"seq\":{}", mode.seq);
        let salt = mode.salt_of(mode.seq);
        let member = salt.map_or(String::new(), |salt| model::salt_member(&salt));
        let leaf = [&head, start.as_bytes(), member.as_bytes(), model::tail(&mode).as_bytes()].concat();
        let hash = match salt {
            Some(salt) => model::salted_leaf(&head, &start, &salt, &mode),
            None => model::leaf_hash(&leaf),
        };
        let auth_is_right = auth.is_none();
        let auth = auth.unwrap_or_else(|| model::auth_of(&hash, &mode));
        let line = [leaf.as_slice(), auth.as_bytes(), b"\"}}\n"].concat();
        let records = checks_as_the_model(&line, &mode, checks_auth, 1)?;
        if auth_is_right {
            prop_assert_eq!(records, usize::from(!before.is_empty()));
        }
    }

    /// With one canonical salt at its place a record is salted, with none it is not; with anything else there it is neither. The
    /// auth is that of what the line shows.
    #[test]
    #[cfg_attr(miri, ignore = "regular expressions take minutes there")]
    fn a_record_has_a_salt_or_none(
        members in prop_oneof![
            Just(Members::None),
            Just(Members::Salt),
            Just(Members::Commit),
            Just(Members::CommitSalt),
            Just(Members::SaltCommit),
            "[A-Za-z0-9_-]{22}".prop_map(Members::Text),
            "[A-Za-z0-9_-]{21}[AQgw]".prop_map(Members::Text),
            "[A-Za-z0-9_-]{20,24}".prop_map(Members::Text),
            // one character is none of the alphabet, perhaps
            ("[A-Za-z0-9_-]{21}[AQgw]", any::<Index>(), "[ -~]").prop_map(|(mut text, at, other)| {
                let at = at.index(text.len());
                text.replace_range(at..=at, &other);
                Members::Text(text)
            }),
        ],
        is_text: bool,
        salt: u128,
        mode in mode(),
        checks_auth: bool,
    ) {
        let head = if is_text { b"{\"line\":\"a\",".as_slice() } else { b"{\"a\":1," };
        let wrapping = if is_text { ",\"as\":\"text\"" } else { "" };
        let start = format!("\"integrity\":{{\"seq\":{}{wrapping}", mode.seq);
        let salt = salt.to_le_bytes();
        let (salt_member, commit) = (model::salt_member(&salt), model::commit_member(head, &salt));
        let shown = match &members {
            Members::None => String::new(),
            Members::Salt => salt_member.clone(),
            Members::Commit => commit,
            Members::CommitSalt => commit + &salt_member,
            Members::SaltCommit => salt_member.clone() + &commit,
            Members::Text(text) => format!(",\"salt\":\"{text}\""),
        };
        let leaf = [head, start.as_bytes(), shown.as_bytes(), model::tail(&mode).as_bytes()].concat();
        let hash = if members == Members::Salt {
            model::salted_leaf(head, &start, &salt, &mode)
        } else {
            model::leaf_hash(&leaf)
        };
        let line = [leaf.as_slice(), model::auth_of(&hash, &mode).as_bytes(), b"\"}}\n"].concat();
        let records = checks_as_the_model(&line, &mode, checks_auth, 1)?;
        let expected = match members {
            Members::None => mode.salt.is_none(),
            Members::Salt => mode.salt.is_some(),
            // what has the form passes where nothing else is asked, and only there
            Members::Text(text) => {
                let is_salt = |text: &str| text.len() == 22 && text.ends_with(['A', 'Q', 'g', 'w'])
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
                mode.salt.is_some() && !checks_auth && is_salt(&text)
            }
            Members::Commit | Members::CommitSalt | Members::SaltCommit => false,
        };
        prop_assert_eq!(records, usize::from(expected));
    }

    /// The leaf of a salted record is that of its erased line, whatever it says: only who asks for that line finds it there.
    #[test]
    fn an_erased_record_has_the_same_leaf(input in objects(1), mode in mode(), salt: u128) {
        let mode = Mode { salt: Some(salt), ..mode };
        let records = sealed(&input, &mode);
        let (_, leaves, _) = check(&records.concat(), &mode, true, records.len());
        for (at, (record, leaf)) in records.iter().zip(&leaves).enumerate() {
            let member = format!(",\"integrity\":{{\"seq\":{}", mode.seq + at as u64);
            let head = record.windows(member.len()).rposition(|some| some == member.as_bytes()).expect("it has one") + 1;
            let salt = mode.salt_of(mode.seq + at as u64).expect("it has one");
            let kept = &record[head + member.len() - 1 + model::salt_member(&salt).len()..];
            let commit = model::commit_member(&record[..head], &salt);
            let erased = [b"{", &member.as_bytes()[1..], commit.as_bytes(), kept].concat();
            prop_assert_eq!(model::leaf_hash(&erased[..erased.len() - 47]), *leaf);
            let due = Mode { seq: mode.seq + at as u64, ..mode.clone() };
            prop_assert_eq!(checks_as_the_model(&erased, &due, true, 1)?, 0);
            prop_assert_eq!(checks_as_the_model(&erased, &Mode { salt: None, ..due }, false, 1)?, 0);
        }
    }

    #[test]
    fn any_bytes_are_records_only_where_the_model_says_so(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b'}')], 0..MOST_BYTES),
        mode in mode(),
        checks_auth: bool,
    ) {
        checks_as_the_model(&bytes, &mode, checks_auth, 9)?;
    }
}
