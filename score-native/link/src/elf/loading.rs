//! What the loader would do for the file: libraries, constructors, relocations, imports.
//!
//! In: an [`Image`]. Out: findings. Imports are judged where the loader meets them, at the
//! relocations that name them; a symbol that no relocation names is never looked up.

use super::Finding;
use super::image::{Image, Relocation};
use object::elf;

/// All that a SCORE may import; the worker's C library has them, and they are pure. `bcmp` is what the
/// compiler makes of comparing slices for equality.
const IMPORTS: [&str; 5] = ["memcpy", "memset", "memmove", "memcmp", "bcmp"];

const REBUILD: &str = "build it with `loopchain score build`";
const NO_STD: &str = "keep the crate and its dependencies `no_std`";
const NO_CONSTRUCTOR: &str = "remove constructors and link with `-nostartfiles`";

/// Entries of the dynamic table that ask nothing of the loader but tables to read.
const HARMLESS: [i64; 17] = [
    elf::DT_HASH.0,
    elf::DT_GNU_HASH.0,
    elf::DT_STRTAB.0,
    elf::DT_STRSZ.0,
    elf::DT_SYMTAB.0,
    elf::DT_SYMENT.0,
    elf::DT_RELA.0,
    elf::DT_RELASZ.0,
    elf::DT_RELAENT.0,
    elf::DT_RELACOUNT.0,
    elf::DT_PLTGOT.0,
    elf::DT_PLTREL.0,
    elf::DT_PLTRELSZ.0,
    elf::DT_JMPREL.0,
    elf::DT_SONAME.0,
    elf::DT_BIND_NOW.0,
    elf::DT_FLAGS_1.0,
];

pub(super) fn findings(image: &Image<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        image.dynamic.iter().filter_map(|(tag, value)| entry(*tag, *value)).collect();
    match image.relocations() {
        Some(all) => findings.extend(all.iter().filter_map(|r| relocation(image, r))),
        None => findings.push(Finding::new("its relocations do not lie in the file", REBUILD)),
    }
    let symbol = std::str::from_utf8(score_native_abi::SYMBOL).unwrap_or_default();
    let symbol = symbol.trim_end_matches('\0');
    if image.exported(symbol).is_none() {
        let what = format!("it does not export `{symbol}`");
        findings.push(Finding::new(what, "write `#[score]` and build with the feature `export`"));
    }
    findings
}

fn entry(tag: u64, value: u64) -> Option<Finding> {
    let tag = tag.cast_signed();
    let is = |tags: &[i64]| tags.contains(&tag);
    let constructors = [
        elf::DT_INIT.0,
        elf::DT_FINI.0,
        elf::DT_INIT_ARRAY.0,
        elf::DT_INIT_ARRAYSZ.0,
        elf::DT_FINI_ARRAY.0,
        elf::DT_FINI_ARRAYSZ.0,
        elf::DT_PREINIT_ARRAY.0,
        elf::DT_PREINIT_ARRAYSZ.0,
    ];
    if is(&HARMLESS) {
        return None;
    }
    if is(&[elf::DT_NEEDED.0, elf::DT_AUXILIARY.0, elf::DT_FILTER.0]) {
        return Some(Finding::new("it needs another library", NO_STD));
    }
    if is(&constructors) {
        return Some(Finding::new("it has code that runs while it is loaded", NO_CONSTRUCTOR));
    }
    if is(&[elf::DT_RPATH.0, elf::DT_RUNPATH.0]) {
        return Some(Finding::new("it sets a path for libraries", "remove the linker's `rpath`"));
    }
    if is(&[elf::DT_FLAGS.0]) {
        return flags(value);
    }
    if is(&[elf::DT_TEXTREL.0]) {
        return flags(elf::DF_TEXTREL.0);
    }
    Some(Finding::new(format!("its dynamic table has an entry {tag:#x}"), REBUILD))
}

fn flags(value: u64) -> Option<Finding> {
    if value & elf::DF_TEXTREL.0 != 0 {
        return Some(Finding::new("its code is changed while it is loaded", REBUILD));
    }
    if value & elf::DF_STATIC_TLS.0 != 0 {
        return Some(Finding::new("it has thread-local storage", NO_STD));
    }
    None
}

fn relocation(image: &Image<'_>, relocation: &Relocation) -> Option<Finding> {
    let at = relocation.address;
    let lies_writable = image.segments.iter().any(|s| {
        s.kind == elf::PT_LOAD.0
            && s.is_writable()
            && s.address <= at
            && at.checked_add(8).is_some_and(|end| end <= s.address.saturating_add(s.memory_size))
    });
    if !lies_writable {
        let what = format!("the loader would write at {at:#x}, outside of its data");
        return Some(Finding::new(what, REBUILD));
    }
    match relocation.kind {
        kind if kind == elf::R_X86_64_RELATIVE.0 => None,
        kind if kind == elf::R_X86_64_IRELATIVE.0 => {
            let what = format!("the function used at {at:#x} is chosen while it is loaded (ifunc)");
            Some(Finding::new(what, "results would differ between machines; use plain Rust"))
        }
        kind if [elf::R_X86_64_GLOB_DAT.0, elf::R_X86_64_JUMP_SLOT.0, elf::R_X86_64_64.0]
            .contains(&kind) =>
        {
            import(image, relocation)
        }
        kind => {
            let what = format!("the relocation at {at:#x} is of kind {kind}");
            Some(Finding::new(what, REBUILD))
        }
    }
}

fn import(image: &Image<'_>, relocation: &Relocation) -> Option<Finding> {
    let Some(symbol) = image.symbol(relocation.symbol) else {
        let what = format!("the relocation at {:#x} names no symbol", relocation.address);
        return Some(Finding::new(what, REBUILD));
    };
    if symbol.kind == elf::STT_GNU_IFUNC.0 {
        let what = format!("`{}` is chosen while it is loaded (ifunc)", symbol.name);
        return Some(Finding::new(what, "results would differ between machines; use plain Rust"));
    }
    if symbol.kind == elf::STT_TLS.0 {
        let what = format!("`{}` is thread-local", symbol.name);
        return Some(Finding::new(what, NO_STD));
    }
    if symbol.defined || relocation.symbol == 0 || IMPORTS.contains(&symbol.name) {
        return None;
    }
    Some(Finding::new(format!("it imports `{}`", symbol.name), NO_STD))
}
