//! The two loops of fapilog-tamper that nearly all time goes into: input lines into the records of a sealed log, and records
//! that stand as an honest log has them. What they must do is said by `src/engine/engine.ts` and by sections 1 and 3 of
//! `spec/format.md`; the engine in TypeScript does the same, byte for byte.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod check;
mod form;
mod key;
mod record;
mod seal;
mod tree;
mod wrapped;

pub use check::{Checked, RecordsToCheck, check_records};
pub use key::MacKey;
pub use record::{Member, RecordMember, SALT};
pub use seal::{LinesToSeal, Sealed, seal_lines};
pub use tree::{DIGEST, Frontier, MAX_SUBTREES};
