//! A file of golden bytes: `name = hex`, one a line, in the order of the test.
//!
//! In: names and bytes. Out: a panic with the lines that differ. It writes a file only when
//! `GOLDEN_WRITE` is set.

use host_types::hash::to_hex;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Digits of a line of the file; longer values go on in the next lines.
const LINE: usize = 96;

/// One file, compared as a whole when it is closed.
pub(crate) struct Fixture {
    path: PathBuf,
    now: String,
}

impl Fixture {
    /// The file of this name.
    pub(crate) fn open(name: &str) -> Self {
        let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
        let path = folder.join("golden").join(format!("{name}.hex"));
        Self { path, now: String::new() }
    }

    /// The next value of the file.
    pub(crate) fn check(&mut self, name: &str, bytes: &[u8]) {
        let hex = to_hex(bytes);
        let lines: Vec<_> =
            (0..hex.len()).step_by(LINE).map(|at| &hex[at..hex.len().min(at + LINE)]).collect();
        writeln!(self.now, "{name} =\n  {}", lines.join("\n  ")).unwrap();
    }

    /// Compares everything that was checked with the file.
    pub(crate) fn close(self) {
        if std::env::var_os("GOLDEN_WRITE").is_some() {
            std::fs::write(&self.path, &self.now).unwrap();
        }
        let golden = std::fs::read_to_string(&self.path).unwrap_or_default();
        assert!(
            golden == self.now,
            "{} differs: an encoding changed. If that was decided (docs/adr), write it anew with \
             GOLDEN_WRITE=1. It is now:\n{}",
            self.path.display(),
            self.now
        );
    }
}
