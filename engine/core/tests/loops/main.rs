//! The two loops against a model that is written without looking at speed: strings are put together by `format!`, JSON is read
//! by recursion, trees are computed as RFC 6962 defines them. `PROPTEST_CASES` says how many cases each property gets.

mod case;
mod check;
mod json;
mod model;
mod seal;
mod tree;
