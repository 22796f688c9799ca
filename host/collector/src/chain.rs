//! Whether the kept files are those that were written: each names the hash of the one before.
//!
//! In: a folder. Out: how much is there, and the first file that is not what its follower says. The
//! newest file has no follower yet, so its lines are not covered until it is full; and of files that
//! were removed for their age nothing can be said.

use crate::record::Record;
use crate::store::{Head, SCHEMA, digest_of, file_of, numbers};
use std::io;
use std::path::Path;

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number.
    pub number: u64,
    /// What is wrong.
    pub reason: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Number of the oldest file; 0 when there is none.
    pub first: u64,
    /// Files that are whole.
    pub files: u64,
    /// Records in them.
    pub records: u64,
    /// The first broken file.
    pub broken: Option<Broken>,
}

/// Follows the chain of a folder.
///
/// # Errors
/// The disk.
pub fn verify(folder: &Path) -> io::Result<Verdict> {
    let numbers = numbers(folder)?;
    let first = numbers.first().copied().unwrap_or_default();
    let mut verdict = Verdict { first, files: 0, records: 0, broken: None };
    let mut former: Option<(u64, String)> = None;
    for number in numbers {
        let bytes = std::fs::read(file_of(folder, number))?;
        match look(number, &bytes, former.as_ref()) {
            Ok(records) => {
                verdict.files += 1;
                verdict.records += records;
            }
            Err(broken) => {
                verdict.broken = Some(broken);
                return Ok(verdict);
            }
        }
        former = Some((number, digest_of(&bytes)));
    }
    Ok(verdict)
}

fn look(number: u64, bytes: &[u8], former: Option<&(u64, String)>) -> Result<u64, Broken> {
    let broken = |number: u64, reason: &str| Broken { number, reason: reason.to_owned() };
    if let Some((former, _)) = former.filter(|(former, _)| former + 1 != number) {
        return Err(broken(former + 1, "it is missing"));
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let head: Option<Head> = serde_json::from_slice(lines.next().unwrap_or_default()).ok();
    let Some(head) = head.filter(|head| head.schema == SCHEMA && head.number == number) else {
        return Err(broken(number, "its first line is not that of this segment"));
    };
    match former {
        Some((former, digest)) if head.previous.as_ref() != Some(digest) => {
            let reason = "its bytes are not those whose hash the next segment names";
            return Err(broken(*former, reason));
        }
        None if number == 1 && head.previous.is_some() => {
            return Err(broken(number, "it is the first one and names one before"));
        }
        _ => {}
    }
    if bytes.last() != Some(&b'\n') {
        return Err(broken(number, "its last line is cut"));
    }
    let mut records = 0;
    for line in lines.filter(|line| !line.is_empty()) {
        if serde_json::from_slice::<Record>(line).is_err() {
            return Err(broken(number, "one of its lines is no record"));
        }
        records += 1;
    }
    Ok(records)
}
