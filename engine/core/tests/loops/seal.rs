//! Input lines into records, as the model does it.

use std::collections::BTreeSet;

use fapilog_tamper_engine::{Frontier, LinesToSeal, Member, Sealed, seal_lines};
use proptest::prelude::*;

use crate::case::{Limits, MOST_BYTES, Mode, limits, lines, mode, objects};
use crate::model;
use crate::tree::{Hash, edge_of};

/// What the output holds where nothing is written.
const UNTOUCHED: u8 = 0xaa;

pub fn frontier_of(leaves: &[Hash]) -> Frontier {
    Frontier::new(leaves.len() as u64, edge_of(leaves).as_flattened())
        .expect("a root for each one bit")
}

/// Seals into a fresh output of that length.
pub fn seal(
    input: &[u8],
    mode: &Mode,
    limits: &Limits,
    room: usize,
    are_objects: bool,
    frontier: &mut Frontier,
) -> (Sealed, Vec<u8>) {
    let mut output = vec![UNTOUCHED; room];
    let key = mode.mac_key();
    let salts = mode.salts(limits.records);
    let job = LinesToSeal {
        input,
        input_bytes: limits.input_bytes,
        are_objects,
        max_line_bytes: limits.max_line_bytes,
        at: limits.at,
        limit: limits.limit,
        line_limit: limits.line_limit,
        seq: mode.seq,
        records: limits.records,
        member: &mode.record_member(),
        key: key.as_ref(),
        salts: salts.as_deref(),
    };
    let sealed = seal_lines(&job, &mut output, frontier);
    (sealed, output)
}

/// Seals, and finds the output, the tree and where it stopped as the model says.
fn seals_as_the_model(
    input: &[u8],
    mode: &Mode,
    limits: &Limits,
    are_objects: bool,
) -> Result<usize, TestCaseError> {
    let expected = model::seal(input, mode, limits);
    let mut frontier = frontier_of(&mode.before);
    let room = limits.limit.max(limits.at);
    let (sealed, output) = seal(input, mode, limits, room, are_objects, &mut frontier);
    prop_assert_eq!(sealed.records, expected.lines.len());
    prop_assert_eq!(sealed.taken, expected.taken);
    prop_assert_eq!(sealed.leaf, expected.leaves.last().copied());
    let (found, due) = (&output[limits.at..sealed.end], expected.lines.concat());
    prop_assert!(
        found == due,
        "{}
{}",
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(&due)
    );
    let untouched = output[..limits.at].iter().chain(&output[sealed.end..]);
    prop_assert!(untouched.copied().all(|byte| byte == UNTOUCHED));
    let leaves = [mode.before.as_slice(), &expected.leaves].concat();
    prop_assert_eq!(frontier.subtrees(), edge_of(&leaves));
    prop_assert_eq!(frontier.size(), leaves.len() as u64);
    Ok(sealed.records)
}

proptest! {
    #[test]
    fn lines_become_the_records_of_the_model(input in lines(), mode in mode()) {
        let limits = Limits::none(&input);
        prop_assert_eq!(seals_as_the_model(&input, &mode, &limits, false)?, limits.records);
    }

    #[test]
    fn objects_that_are_known_to_be_such_become_the_same(input in objects(0), mode in mode()) {
        let limits = Limits::none(&input);
        prop_assert_eq!(seals_as_the_model(&input, &mode, &limits, true)?, limits.records);
    }

    #[test]
    fn a_batch_stops_where_the_model_does((input, limits) in lines().prop_flat_map(|input| {
        let limits = limits(&input);
        (Just(input), limits)
    }), mode in mode()) {
        seals_as_the_model(&input, &mode, &limits, false)?;
    }

    #[test]
    fn any_bytes_become_records(input in prop::collection::vec(any::<u8>(), 0..MOST_BYTES), mode in mode()) {
        let limits = Limits::none(&input);
        prop_assert_eq!(seals_as_the_model(&input, &mode, &limits, false)?, limits.records);
    }

    #[test]
    fn calls_one_after_the_other_seal_what_one_does(
        input in lines(),
        mode in mode(),
        calls in prop::collection::vec((1usize..4, 1usize..200), 1..30),
    ) {
        let limits = Limits::none(&input);
        let expected = model::seal(&input, &mode, &limits);
        let mut frontier = frontier_of(&mode.before);
        let mut output: Vec<u8> = Vec::new();
        let mut mode_now = mode.clone();
        let mut taken = 0;
        for (records, input_bytes) in calls.into_iter().cycle() {
            let cut = Limits { records, input_bytes, ..limits.clone() };
            let (sealed, bytes) = seal(&input[taken..], &mode_now, &cut, limits.limit, false, &mut frontier);
            if sealed.records == 0 {
                break;
            }
            output.extend(&bytes[limits.at..sealed.end]);
            taken += sealed.taken;
            mode_now.seq += sealed.records as u64;
        }
        prop_assert_eq!(taken, expected.taken);
        prop_assert!(output == expected.lines.concat());
        prop_assert_eq!(frontier.subtrees(), edge_of(&[mode.before.as_slice(), &expected.leaves].concat()));
    }
}

/// One of the limits.
type Border = fn(&mut Limits) -> &mut usize;

/// Lines of each form, cut at each place.
#[test]
fn each_border_is_where_the_model_has_it() {
    let input = "\n{\"a\":1}\n{}\r\n{ \t}\nplain \"text\"\n\u{e9}\r\na\0b\n\r\r\n{\"b\":[]}\nhalf"
        .as_bytes();
    for salt in [None, Some(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)] {
        each_border_is_where_it_should_be(
            input,
            &Mode {
                member: Member::Mac,
                key: Some([7; 32]),
                kid: "AbCdEf_-.42".into(),
                seq: 98,
                salt,
                before: vec![[1; 32], [2; 32], [3; 32]],
            },
        );
    }
}

fn each_border_is_where_it_should_be(input: &[u8], mode: &Mode) {
    let none = Limits::none(input);
    let all: Vec<usize> = (0..=none.records).collect();
    let borders: [(Border, &[usize]); 6] = [
        (|limits| &mut limits.at, &all),
        (|limits| &mut limits.records, &all),
        (|limits| &mut limits.input_bytes, &all),
        (|limits| &mut limits.max_line_bytes, &[1, 4, 9]), // a first line without anything, then objects
        (|limits| &mut limits.limit, &all),
        (|limits| &mut limits.line_limit, &all),
    ];
    for (number, (border, expected)) in borders.into_iter().enumerate() {
        let mut reached = BTreeSet::new();
        for value in (0..none.limit).step_by(if cfg!(miri) { none.limit } else { 1 }) {
            let mut limits = none.clone();
            *border(&mut limits) = value;
            let records = seals_as_the_model(input, mode, &limits, false);
            reached.insert(records.expect("as the model"));
        }
        if cfg!(not(miri)) {
            assert_eq!(Vec::from_iter(reached), expected, "border {number}");
        }
    }
}
