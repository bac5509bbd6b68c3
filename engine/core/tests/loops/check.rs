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

    /// Records of another key, another member, another key id or another place are none of this log.
    #[test]
    fn records_of_another_log_are_not_right(input in objects(1), mode in mode(), other in mode()) {
        let records = sealed(&input, &other);
        let same = (mode.key, mode.member, &mode.kid, mode.seq) == (other.key, other.member, &other.kid, other.seq);
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
        let member = format!(",\"integrity\":{{\"seq\":{}{}", mode.seq, model::tail(&mode));
        let leaf = [before.as_slice(), member.as_bytes()].concat();
        let right = model::auth_of(&model::leaf_hash(&leaf), &mode);
        let auth_is_right = auth.is_none();
        let line = [leaf, auth.unwrap_or(right).into_bytes(), b"\"}}\n".to_vec()].concat();
        let records = checks_as_the_model(&line, &mode, checks_auth, 1)?;
        if auth_is_right {
            prop_assert_eq!(records, usize::from(!before.is_empty()));
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
