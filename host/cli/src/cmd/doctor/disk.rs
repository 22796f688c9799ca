//! The disk: room for what a peer writes.
//!
//! In: the volume of the data folder. Out: a finding. Deliberately not here: who fills it.

use super::{Finding, Place};
use crate::cmd::reset::size;
use host_types::fault::Code;
use std::path::Path;

const CHECK: &str = "disk";
/// Percent of the volume below which it is told.
const LOW_PERCENT: u64 = 10;
/// Percent below which a peer may stop any moment.
const FULL_PERCENT: u64 = 3;
/// Bytes that are enough, however large the volume is.
const ENOUGH_BYTES: u64 = 20 << 30;

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Finding {
    let folder = place.folder();
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(volume) => {
            let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
            judged(&folder, bytes(volume.f_bavail), bytes(volume.f_blocks))
        }
        Err(error) => {
            let message = format!("{}: {error}", there.display());
            Finding::warning(CHECK, Code::StoreFailed, message)
                .with_step(format!("df {}", there.display()))
        }
    }
}

fn judged(folder: &Path, free: u64, all: u64) -> Finding {
    let percent = free.saturating_mul(100) / all.max(1);
    let shown =
        if folder.as_os_str() == "." { "here".into() } else { folder.display().to_string() };
    let message = format!("{shown}: {} free ({percent} %)", size(free));
    let found = match percent {
        _ if free >= ENOUGH_BYTES => return Finding::ok(CHECK, message),
        0..FULL_PERCENT => Finding::problem(CHECK, Code::DiskLow, message),
        FULL_PERCENT..LOW_PERCENT => Finding::warning(CHECK, Code::DiskLow, message),
        _ => return Finding::ok(CHECK, message),
    };
    found
        .with_step(format!("du -sh {}/*", folder.display()))
        .with_step("grow the volume; a peer that stopped goes on when it is started again")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_volume_that_is_nearly_full_is_a_problem_with_its_number() {
        let (folder, gib) = (Path::new("/data"), 1_u64 << 30);
        let state = |free, all| judged(folder, free, all).state;
        assert_eq!(state(50 * gib, 100 * gib), State::Ok);
        assert_eq!(state(30 * gib, 10_000 * gib), State::Ok, "enough, whatever the share is");
        assert_eq!(state(9 * gib, 100 * gib), State::Warning);
        let full = judged(folder, 2 * gib, 100 * gib);
        assert_eq!((full.state, full.code), (State::Problem, Some(Code::DiskLow)));
        assert_eq!(full.message, "/data: 2147 MB free (2 %)");
        assert_eq!(full.steps[0], "du -sh /data/*");
    }
}
