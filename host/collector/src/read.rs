//! Reads what is kept, in the order in which it came, also while a collector writes.
//!
//! In: a folder and a [`Filter`]. Out: each record that it takes. A [`Reader`] goes on where it was.

use crate::filter::Filter;
use crate::record::Record;
use crate::store::{file_of, numbers};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A place in the kept lines.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    number: u64,
    offset: u64,
}

impl Reader {
    /// At the oldest line.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), number: 0, offset: 0 }
    }

    /// Gives every record between its place and the end that the filter takes.
    ///
    /// # Errors
    /// The disk.
    pub fn read(&mut self, filter: &Filter, found: &mut dyn FnMut(Record)) -> io::Result<()> {
        for number in numbers(&self.folder)? {
            if number < self.number {
                continue;
            }
            if number > self.number {
                (self.number, self.offset) = (number, 0);
            }
            match self.read_file(filter, found) {
                // It was removed for its age meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => read?,
            }
        }
        Ok(())
    }

    fn read_file(&mut self, filter: &Filter, found: &mut dyn FnMut(Record)) -> io::Result<()> {
        let mut file = BufReader::new(File::open(file_of(&self.folder, self.number))?);
        file.seek(SeekFrom::Start(self.offset))?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = file.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                // The end, or a line that is just being written.
                return Ok(());
            }
            self.offset += count as u64;
            // The head of a file is no record.
            if let Ok(record) = serde_json::from_slice::<Record>(&line)
                && filter.takes(&record)
            {
                found(record);
            }
        }
    }
}
