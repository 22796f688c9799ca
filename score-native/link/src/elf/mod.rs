//! The deploy check: what a SCORE file may contain, decided from its bytes alone.
//!
//! In: bytes, any bytes. Out: a [`CheckedScore`], or every [`Finding`] with what to do about it.
//! Nothing of the file is run, loaded or mapped. It cannot see everything: an instruction hidden
//! inside another one passes (the sandbox stops what it does), and whether the counter of steps is
//! honest is for auditors, who build the source again and compare the SHA-256.

mod image;
mod instructions;
mod loading;
mod manifest;
mod metering;
mod structure;
#[cfg(test)]
mod tests;

pub use manifest::{Any, Argument, EventShape, FaultShape, Manifest, Method};
pub use metering::Metered;

use crate::limits::SCORE_BYTES_MAX;
use crate::store::ArtefactId;
use image::Image;
use sha2::{Digest, Sha256};
use std::fmt;

/// One reason to refuse a file, in one line: what, where, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    what: String,
    instead: &'static str,
}

impl Finding {
    fn new(what: impl Into<String>, instead: &'static str) -> Self {
        Self { what: what.into(), instead }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, self.instead)
    }
}

/// A file that may be deployed, and what is known of it.
#[derive(Clone, Debug)]
pub struct CheckedScore {
    /// What it offers.
    pub manifest: Manifest,
    /// SHA-256 of its bytes.
    pub sha256: ArtefactId,
    /// Its length in bytes.
    pub size: usize,
    /// How much of it counts steps.
    pub metered: Metered,
    /// Floating-point instructions: equal on every x86-64 machine, but worth a look.
    pub floats: usize,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
}

/// Most findings that are told: a file with more is of another kind altogether.
const FINDINGS_MAX: usize = 64;

/// Whether the bytes of an instruction that no sandbox can catch stand in the code by chance, inside
/// others; false where one was written, and for what is no ELF file.
#[must_use]
pub fn random_by_chance(bytes: &[u8]) -> bool {
    Image::parse(bytes).is_ok_and(|image| instructions::random_by_chance(&image))
}

/// Checks a file.
///
/// # Errors
/// All findings, at least one, sorted.
pub fn check(bytes: &[u8]) -> Result<CheckedScore, Vec<Finding>> {
    let rebuild = "build it with `loopchain score build`";
    if bytes.len() > SCORE_BYTES_MAX {
        let what = format!("{} bytes, a SCORE has at most {SCORE_BYTES_MAX}", bytes.len());
        return Err(vec![Finding::new(what, "remove what it does not need")]);
    }
    let image = Image::parse(bytes).map_err(|why| vec![Finding::new(why, rebuild)])?;
    let other = structure::kind(&image);
    if !other.is_empty() {
        return Err(other);
    }
    let mut findings = structure::findings(&image);
    findings.extend(loading::findings(&image));
    let instructions = instructions::scan(&image);
    findings.extend(instructions.findings);
    let manifest = manifest::read(&image).map_err(|finding| findings.push(finding)).ok();
    findings.sort();
    findings.dedup();
    match manifest {
        Some(manifest) if findings.is_empty() => Ok(CheckedScore {
            manifest,
            sha256: Sha256::digest(bytes).into(),
            size: bytes.len(),
            metered: metering::measure(&image),
            floats: instructions.floats,
            bytes: bytes.to_vec(),
        }),
        _ => {
            findings.truncate(FINDINGS_MAX);
            Err(findings)
        }
    }
}
