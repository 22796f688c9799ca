//! The parts of an ELF file that the loader would use, found the way the loader finds them.
//!
//! In: the bytes of a file, any bytes. Out: program headers, dynamic entries, relocations,
//! symbols, sections, or why it is no ELF file. Everything the loader acts on is reached through
//! the program headers; section headers are used only to name things and to aim the decoder. It
//! judges nothing.

use object::elf;

/// A file that reads as a 64-bit little-endian ELF file.
pub(super) struct Image<'a> {
    bytes: &'a [u8],
    pub(super) kind: u16,
    pub(super) machine: u16,
    pub(super) segments: Vec<Segment>,
    pub(super) sections: Vec<Section<'a>>,
    pub(super) dynamic: Vec<(u64, u64)>,
}

/// A program header.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_size: u64,
    pub(super) memory_size: u64,
}

impl Segment {
    pub(super) const fn is_executable(&self) -> bool {
        self.flags & elf::PF_X.0 != 0
    }

    pub(super) const fn is_writable(&self) -> bool {
        self.flags & elf::PF_W.0 != 0
    }
}

/// A section header with its name.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) kind: u32,
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A dynamic relocation.
pub(super) struct Relocation {
    pub(super) address: u64,
    pub(super) kind: u32,
    pub(super) symbol: u64,
    pub(super) addend: u64,
}

/// A dynamic symbol.
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    pub(super) kind: u8,
    pub(super) defined: bool,
    pub(super) address: u64,
}

/// Headers of one kind; more of them than this are no SCORE.
const HEADERS_MAX: u16 = 128;
const SYMBOL_BYTES: u64 = 24;
const RELOCATION_BYTES: u64 = 24;

impl<'a> Image<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if bytes.get(..4) != Some(&elf::ELFMAG) {
            return Err("it does not begin like an ELF file");
        }
        if bytes.get(4) != Some(&elf::ELFCLASS64.0) || bytes.get(5) != Some(&elf::ELFDATA2LSB.0) {
            return Err("it is not a 64-bit little-endian ELF file");
        }
        let (Some(kind), Some(machine)) = (u16_at(bytes, 16), u16_at(bytes, 18)) else {
            return Err("its header is cut off");
        };
        let segments = segments(bytes).ok_or("its program headers are cut off")?;
        let sections = sections(bytes).ok_or("its section headers are cut off")?;
        let mut image = Self { bytes, kind, machine, segments, sections, dynamic: Vec::new() };
        image.dynamic = image.read_dynamic().ok_or("its dynamic table is cut off")?;
        Ok(image)
    }

    fn read_dynamic(&self) -> Option<Vec<(u64, u64)>> {
        let Some(table) = self.segments.iter().find(|s| s.kind == elf::PT_DYNAMIC.0) else {
            return Some(Vec::new());
        };
        // Through the address, as the loader reads it.
        let bytes = self.at_address(table.address, table.file_size)?;
        let pairs = bytes.chunks_exact(16).map(|entry| (u64_at(entry, 0), u64_at(entry, 8)));
        let pairs = pairs.map_while(|(tag, value)| Some((tag?, value?)));
        Some(pairs.take_while(|(tag, _)| *tag != 0).collect())
    }

    /// The value of the first dynamic entry of this kind.
    pub(super) fn dynamic_value(&self, tag: u64) -> Option<u64> {
        self.dynamic.iter().find(|(t, _)| *t == tag).map(|(_, value)| *value)
    }

    /// The file's bytes that the loader maps at an address.
    pub(super) fn at_address(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        let end = address.checked_add(size)?;
        let loaded = |s: &&Segment| {
            s.kind == elf::PT_LOAD.0
                && s.address <= address
                && s.address.checked_add(s.file_size).is_some_and(|segment_end| end <= segment_end)
        };
        let segment = self.segments.iter().find(loaded)?;
        self.in_file(segment.offset.checked_add(address - segment.address)?, size)
    }

    /// The file's bytes at an offset.
    pub(super) fn in_file(&self, offset: u64, size: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = usize::try_from(offset.checked_add(size)?).ok()?;
        self.bytes.get(start..end)
    }

    /// Length of the file in bytes.
    pub(super) const fn file_len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// All dynamic relocations; none when a table does not lie in the file.
    pub(super) fn relocations(&self) -> Option<Vec<Relocation>> {
        let mut all = Vec::new();
        let tables = [(elf::DT_RELA.0, elf::DT_RELASZ.0), (elf::DT_JMPREL.0, elf::DT_PLTRELSZ.0)];
        for (table, size) in tables {
            let Some(address) = self.dynamic_value(as_tag(table)) else { continue };
            let size = self.dynamic_value(as_tag(size)).unwrap_or(0);
            let bytes = self.at_address(address, size)?;
            for entry in bytes.chunks_exact(RELOCATION_BYTES as usize) {
                let info = u64_at(entry, 8)?;
                all.push(Relocation {
                    address: u64_at(entry, 0)?,
                    kind: (info & 0xffff_ffff) as u32,
                    symbol: info >> 32,
                    addend: u64_at(entry, 16)?,
                });
            }
        }
        Some(all)
    }

    /// The symbol at this index, as the loader reads it.
    pub(super) fn symbol(&self, index: u64) -> Option<Symbol<'a>> {
        let table = self.dynamic_value(as_tag(elf::DT_SYMTAB.0))?;
        let strings = self.dynamic_value(as_tag(elf::DT_STRTAB.0))?;
        let entry =
            self.at_address(table.checked_add(index.checked_mul(SYMBOL_BYTES)?)?, SYMBOL_BYTES)?;
        let name_at = strings.checked_add(u64::from(u32_at(entry, 0)?))?;
        Some(Symbol {
            name: self.name_at(name_at)?,
            kind: entry[4] & 0xf,
            defined: u16_at(entry, 6)? != 0,
            address: u64_at(entry, 8)?,
        })
    }

    /// The defined dynamic symbol of this name.
    pub(super) fn exported(&self, name: &str) -> Option<Symbol<'a>> {
        let table = self.sections.iter().find(|s| s.kind == elf::SHT_DYNSYM.0)?;
        let count = table.size / SYMBOL_BYTES;
        let symbols = (1..count.min(self.file_len() / SYMBOL_BYTES)).map(|i| self.symbol(i));
        symbols.flatten().find(|symbol| symbol.defined && symbol.name == name)
    }

    fn name_at(&self, address: u64) -> Option<&'a str> {
        const NAME_BYTES_MAX: u64 = 256;
        let segment = self.segments.iter().find(|s| {
            s.kind == elf::PT_LOAD.0
                && s.address <= address
                && s.address.checked_add(s.file_size).is_some_and(|end| address < end)
        })?;
        let rest = segment.file_size - (address - segment.address);
        let bytes = self.at_address(address, rest.min(NAME_BYTES_MAX))?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&bytes[..end]).ok()
    }
}

/// A tag constant of the object crate as the dynamic table holds it.
pub(super) const fn as_tag(tag: i64) -> u64 {
    tag.cast_unsigned()
}

fn segments(bytes: &[u8]) -> Option<Vec<Segment>> {
    let entries = headers(bytes, u64_at(bytes, 32)?, u16_at(bytes, 54)?, u16_at(bytes, 56)?, 56)?;
    let segment = |entry: &[u8]| {
        Some(Segment {
            kind: u32_at(entry, 0)?,
            flags: u32_at(entry, 4)?,
            offset: u64_at(entry, 8)?,
            address: u64_at(entry, 16)?,
            file_size: u64_at(entry, 32)?,
            memory_size: u64_at(entry, 40)?,
        })
    };
    entries.map(segment).collect()
}

fn sections(bytes: &[u8]) -> Option<Vec<Section<'_>>> {
    let count = u16_at(bytes, 60)?;
    if count == 0 {
        return Some(Vec::new());
    }
    let entries = headers(bytes, u64_at(bytes, 40)?, u16_at(bytes, 58)?, count, 64)?;
    let raw: Vec<&[u8]> = entries.collect();
    let names = raw.get(usize::from(u16_at(bytes, 62)?))?;
    let (names_at, names_size) = (u64_at(names, 24)?, u64_at(names, 32)?);
    let names_end = usize::try_from(names_at.checked_add(names_size)?).ok()?;
    let names = bytes.get(usize::try_from(names_at).ok()?..names_end)?;
    let section = |entry: &&[u8]| {
        let name = names.get(u32_at(entry, 0)? as usize..)?;
        let end = name.iter().position(|byte| *byte == 0)?;
        Some(Section {
            name: std::str::from_utf8(&name[..end]).ok()?,
            kind: u32_at(entry, 4)?,
            address: u64_at(entry, 16)?,
            offset: u64_at(entry, 24)?,
            size: u64_at(entry, 32)?,
        })
    };
    raw.iter().map(section).collect()
}

fn headers(
    bytes: &[u8],
    offset: u64,
    entry_size: u16,
    count: u16,
    expected_size: u16,
) -> Option<impl Iterator<Item = &[u8]>> {
    if entry_size != expected_size || count > HEADERS_MAX {
        return None;
    }
    let start = usize::try_from(offset).ok()?;
    let size = usize::from(entry_size);
    let table = bytes.get(start..start.checked_add(size * usize::from(count))?)?;
    Some(table.chunks_exact(size))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
