//! Looks at the bytes of a plugin before the dynamic linker does: a damaged file would not be
//! refused by it, it would end the process (`SIGBUS`). In comes a path or bytes, out come bytes and
//! the name of the rule's symbol, or a refusal.
//!
//! Deliberately not here: whether the code is harmless. It is not sandboxed; that is why a channel
//! lists the builds it accepts.

use crate::refusal::{Refusal, one_line, shown};
use object::{
    LittleEndian, elf,
    read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym},
};
use plugin_api::root::SYMBOL_PREFIX;
use sha2::{Digest, Sha256};
use std::{fs::OpenOptions, io::Read, os::unix::fs::OpenOptionsExt, path::Path};

/// Largest plugin file, bytes: a debug build of a rule has 7 to 13 MB.
pub const PLUGIN_BYTES_MAX: u64 = 64 << 20;

type Header = elf::FileHeader64<LittleEndian>;
type Sections<'a> = object::read::elf::SectionTable<'a, Header>;

/// Reads a plugin file: regular, not a link, not too large.
///
/// # Errors
/// When it is not such a file or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::Unreadable {
        path: shown(path),
        reason: one_line(&error.to_string()),
    };
    let found = std::fs::symlink_metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Refusal::NotAFile { path: shown(path) });
    }
    // What was swapped in meanwhile is neither followed nor waited for.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Refusal::NotAFile { path: shown(path) });
    }
    let mut bytes = Vec::new();
    file.take(PLUGIN_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > PLUGIN_BYTES_MAX {
        return Err(Refusal::TooLarge { path: shown(path), max_mib: PLUGIN_BYTES_MAX >> 20 });
    }
    Ok(bytes)
}

/// SHA-256 of a plugin's bytes: its name in the store and in `rule_sha256`.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks that the bytes are a whole shared library for this machine with the header of exactly one
/// rule, and returns the name of that symbol. `path` is for the message.
///
/// # Errors
/// When they are not.
pub fn rule_symbol(path: &Path, bytes: &[u8]) -> Result<String, Refusal> {
    let damaged = |what: String| Refusal::Damaged { path: shown(path), what };
    let sections = whole_library(bytes).map_err(damaged)?;
    let names = rule_symbols(&sections, bytes).map_err(damaged)?;
    match names.as_slice() {
        [name] => Ok(name.clone()),
        _ => Err(Refusal::NotARule { path: shown(path), found: names.len() }),
    }
}

/// Every part that the headers name lies inside the file.
fn whole_library(bytes: &[u8]) -> Result<Sections<'_>, String> {
    let said = |error: object::Error| one_line(&error.to_string());
    let header = Header::parse(bytes).map_err(|_| "not an ELF file of 64 bits".to_owned())?;
    let endian = LittleEndian;
    if header.e_type(endian) != elf::ET_DYN || header.e_machine(endian) != elf::EM_X86_64 {
        return Err("not a shared library for x86_64".to_owned());
    }
    let segments = header.program_headers(endian, bytes).map_err(said)?;
    let sections = header.sections(endian, bytes).map_err(said)?;
    if segments.is_empty() || sections.is_empty() {
        return Err("no segments or no sections".to_owned());
    }
    let is_inside = |offset: u64, size: u64| {
        offset.checked_add(size).is_some_and(|end| end <= bytes.len() as u64)
    };
    for segment in segments {
        if !is_inside(segment.p_offset(endian), segment.p_filesz(endian)) {
            return Err("a segment ends behind the end of the file".to_owned());
        }
    }
    for section in sections.iter().filter(|s| s.sh_type(endian) != elf::SHT_NOBITS) {
        if !is_inside(section.sh_offset(endian), section.sh_size(endian)) {
            return Err("a section ends behind the end of the file".to_owned());
        }
    }
    Ok(sections)
}

/// Names of the defined dynamic symbols that begin like a rule's.
fn rule_symbols(sections: &Sections<'_>, bytes: &[u8]) -> Result<Vec<String>, String> {
    let said = |error: object::Error| one_line(&error.to_string());
    let symbols = sections.symbols(LittleEndian, bytes, elf::SHT_DYNSYM).map_err(said)?;
    let mut names = Vec::new();
    for symbol in symbols.iter().filter(|symbol| !symbol.is_undefined(LittleEndian)) {
        let name = symbol.name(LittleEndian, symbols.strings()).map_err(said)?;
        if let Ok(name) = std::str::from_utf8(name)
            && name.starts_with(SYMBOL_PREFIX)
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
