//! What kind of file it is and what memory it asks for.
//!
//! In: an [`Image`]. Out: findings about its header and its program headers.

use super::Finding;
use super::image::Image;
use object::elf;

const REBUILD: &str = "build it with `loopchain score build`";

/// Memory of all segments; the worker's address space is 256 MiB.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// That it is no shared library for this kind of machine at all: nothing else is worth telling then.
pub(super) fn kind(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if image.kind != elf::ET_DYN.0 {
        findings.push(Finding::new("it is no shared library", REBUILD));
    }
    if image.machine != elf::EM_X86_64.0 {
        findings.push(Finding::new("it is for another machine than x86-64", REBUILD));
    }
    findings
}

pub(super) fn findings(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if image.segments.iter().filter(|s| s.kind == elf::PT_DYNAMIC.0).count() != 1 {
        findings.push(Finding::new("it has no dynamic table, or several", REBUILD));
    }
    stack(image, &mut findings);
    segments(image, &mut findings);
    findings
}

fn stack(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let mut stacks = image.segments.iter().filter(|s| s.kind == elf::PT_GNU_STACK.0).peekable();
    if stacks.peek().is_none() {
        let what = "it does not say that its stack is not executable";
        findings.push(Finding::new(what, "link it with `-z noexecstack`"));
    }
    if stacks.any(super::image::Segment::is_executable) {
        findings.push(Finding::new("its stack is executable", "link it with `-z noexecstack`"));
    }
}

fn segments(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let mut memory: u64 = 0;
    for segment in &image.segments {
        let at = segment.address;
        if segment.is_writable() && segment.is_executable() {
            let what = format!("the segment at {at:#x} is writable and executable");
            findings.push(Finding::new(what, "remove the linker script or flag that does it"));
        }
        match segment.kind {
            kind if kind == elf::PT_TLS.0 => {
                let what = "it has thread-local storage";
                findings.push(Finding::new(what, "remove `thread_local` and what needs std"));
            }
            kind if kind == elf::PT_INTERP.0 => {
                findings.push(Finding::new("it names an interpreter", REBUILD));
            }
            kind if kind == elf::PT_LOAD.0 => {
                memory = memory.saturating_add(segment.memory_size);
                let end = segment.offset.checked_add(segment.file_size);
                if end.is_none_or(|end| end > image.file_len()) {
                    let what = format!("the segment at {at:#x} ends after the file");
                    findings.push(Finding::new(what, "copy the file again, it is cut off"));
                }
                if segment.memory_size < segment.file_size {
                    let what =
                        format!("the segment at {at:#x} is larger in the file than in memory");
                    findings.push(Finding::new(what, REBUILD));
                }
            }
            _ => {}
        }
    }
    if memory > MEMORY_BYTES_MAX {
        let what = format!("it asks for {memory} bytes of memory, at most {MEMORY_BYTES_MAX}");
        findings.push(Finding::new(what, "remove large statics"));
    }
}
