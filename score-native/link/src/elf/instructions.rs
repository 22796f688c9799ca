//! Instructions that a SCORE may not contain.
//!
//! In: an [`Image`]. Out: findings, and the number of floating-point instructions. All executable
//! bytes are decoded one after the other, beginning anew at each section. Instructions that leave
//! no trace the sandbox could catch (`rdrand`, `rdseed`, `rdpid`) are looked for at every byte,
//! also in the rest of the pages that the loader maps executable.

use super::Finding;
use super::image::{Image, Segment};
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic,
    OpKind, Register,
};
use object::elf;

/// What the scan saw.
pub(super) struct Scan {
    pub(super) findings: Vec<Finding>,
    pub(super) floats: usize,
}

/// Findings of one kind are cut here: the first ones tell enough.
const PER_KIND_MAX: usize = 32;
const PAGE: u64 = 4096;

pub(super) fn scan(image: &Image<'_>) -> Scan {
    let mut scan = Scan { findings: Vec::new(), floats: 0 };
    for (address, bytes) in code(image) {
        let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() && scan.findings.len() < PER_KIND_MAX {
            decoder.decode_out(&mut instruction);
            scan.findings.extend(finding(&instruction));
            scan.floats += usize::from(is_float(instruction.mnemonic()));
        }
    }
    for segment in executable(image) {
        scan.findings.extend(hidden_random(image, segment));
    }
    scan
}

/// Whether the bytes of a random instruction stand in the code though no such instruction does.
pub(super) fn random_by_chance(image: &Image<'_>) -> bool {
    let hides = executable(image).any(|segment| !hidden_random(image, segment).is_empty());
    hides && !code(image).into_iter().any(|(address, bytes)| is_random(address, bytes))
}

fn is_random(address: u64, bytes: &[u8]) -> bool {
    let decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
    let random = [Mnemonic::Rdrand, Mnemonic::Rdseed, Mnemonic::Rdpid];
    decoder.into_iter().any(|instruction| random.contains(&instruction.mnemonic()))
}

fn executable<'a>(image: &'a Image<'_>) -> impl Iterator<Item = &'a Segment> {
    image.segments.iter().filter(|s| s.kind == elf::PT_LOAD.0 && s.is_executable())
}

/// Runs of code, each with its address: the executable segments, cut where sections begin.
pub(super) fn code<'a>(image: &Image<'a>) -> Vec<(u64, &'a [u8])> {
    let mut runs = Vec::new();
    for segment in &image.segments {
        if segment.kind != elf::PT_LOAD.0 || !segment.is_executable() {
            continue;
        }
        let end = segment.address.saturating_add(segment.file_size);
        let inside = |at: &u64| *at > segment.address && *at < end;
        let mut cuts: Vec<u64> = image.sections.iter().map(|s| s.address).filter(inside).collect();
        cuts.extend([segment.address, end]);
        cuts.sort_unstable();
        cuts.dedup();
        for pair in cuts.windows(2) {
            let run = image.at_address(pair[0], pair[1] - pair[0]);
            runs.extend(run.map(|bytes| (pair[0], bytes)));
        }
    }
    runs
}

fn hidden_random(image: &Image<'_>, segment: &Segment) -> Vec<Finding> {
    let start = segment.offset / PAGE * PAGE;
    let end = segment.offset.saturating_add(segment.file_size);
    let end = end.checked_next_multiple_of(PAGE).unwrap_or(end).min(image.file_len());
    let Some(bytes) = image.in_file(start, end.saturating_sub(start)) else {
        return Vec::new();
    };
    // 0f c7 with a register operand of group 6 or 7: rdrand, rdseed, rdpid.
    let hits = bytes.windows(3).enumerate();
    let hits = hits.filter(|(_, w)| w[0] == 0x0f && w[1] == 0xc7 && w[2] >= 0xf0);
    let finding = |(at, _)| {
        let what =
            format!("the bytes of a random instruction at file offset {:#x}", start + at as u64);
        Finding::new(what, "every peer would get another number; derive it from the block seed")
    };
    hits.take(PER_KIND_MAX).map(finding).collect()
}

fn finding(instruction: &Instruction) -> Option<Finding> {
    let instead = forbidden(instruction.mnemonic())
        .or_else(|| in_thread_memory(instruction))
        .or_else(|| too_new(instruction))?;
    let mut text = String::new();
    IntelFormatter::new().format(instruction, &mut text);
    Some(Finding::new(format!("`{text}` at {:#x}", instruction.ip()), instead))
}

/// What to do instead of an instruction that no SCORE may contain.
fn forbidden(mnemonic: Mnemonic) -> Option<&'static str> {
    use Mnemonic as M;
    match mnemonic {
        M::Syscall | M::Sysenter | M::Int | M::Int1 | M::Into | M::In | M::Out | M::Hlt => {
            Some("a SCORE makes no system calls; use the host calls of the SDK")
        }
        M::Rdtsc | M::Rdtscp | M::Rdpmc | M::Tpause | M::Umwait | M::Umonitor => {
            Some("a SCORE has no clock; use the block time (`cx.block_time()`)")
        }
        M::Rdrand | M::Rdseed => {
            Some("every peer would get another number; derive it from the block seed")
        }
        M::Cpuid | M::Xgetbv | M::Rdpid | M::Lsl | M::Lar | M::Verr | M::Verw => {
            Some("it tells one machine from another; use plain Rust")
        }
        M::Sldt | M::Sgdt | M::Sidt | M::Str | M::Smsw | M::Xbegin | M::Xtest | M::Xend => {
            Some("it tells one machine from another; use plain Rust")
        }
        M::Rdfsbase | M::Rdgsbase | M::Wrfsbase | M::Wrgsbase | M::Rdpkru | M::Wrpkru => {
            Some("it reaches into the worker; use plain Rust")
        }
        M::Xsave | M::Xsavec | M::Xsaveopt | M::Xrstor | M::Fxsave | M::Fxrstor => {
            Some("it reaches into the worker; use plain Rust")
        }
        M::Ldmxcsr | M::Vldmxcsr | M::Fldcw | M::Fldenv | M::Frstor => {
            Some("it changes how numbers are rounded; use plain Rust")
        }
        M::Rcpps | M::Rcpss | M::Rsqrtps | M::Rsqrtss => {
            Some("its result differs between processors; use division and `sqrt`")
        }
        M::Fsin
        | M::Fcos
        | M::Fsincos
        | M::Fptan
        | M::Fpatan
        | M::F2xm1
        | M::Fyl2x
        | M::Fyl2xp1 => Some("its result differs between processors; use integers or tables"),
        _ => None,
    }
}

/// What `fs:` and `gs:` name belongs to the worker's thread (the stack canary, addresses of the C
/// library): it differs between processes, and no trap tells of a read.
fn in_thread_memory(instruction: &Instruction) -> Option<&'static str> {
    let is_thread = |register| matches!(register, Register::FS | Register::GS);
    let reads = (0..instruction.op_count()).any(|at| {
        let is_memory = matches!(
            instruction.op_kind(at),
            OpKind::Memory
                | OpKind::MemorySegSI
                | OpKind::MemorySegESI
                | OpKind::MemorySegRSI
                | OpKind::MemorySegDI
                | OpKind::MemorySegEDI
                | OpKind::MemorySegRDI
        );
        let is_loaded =
            instruction.op_kind(at) == OpKind::Register && is_thread(instruction.op_register(at));
        is_loaded || (is_memory && is_thread(instruction.memory_segment()))
    });
    let loads = matches!(instruction.mnemonic(), Mnemonic::Lfs | Mnemonic::Lgs | Mnemonic::Swapgs);
    (reads || loads).then_some("it reaches into the worker's thread; use plain Rust")
}

/// Instructions beyond the x86-64 baseline do not run on every machine.
fn too_new(instruction: &Instruction) -> Option<&'static str> {
    if instruction.code() == Code::INVALID {
        return None;
    }
    let is_baseline = |feature: &CpuidFeature| BASELINE.contains(feature);
    if instruction.cpuid_features().iter().all(is_baseline) {
        return None;
    }
    Some("not every x86-64 machine has it; build without `target-cpu` and `target-feature`")
}

/// The x86-64 baseline, and what older processors take for no operation.
const BASELINE: [CpuidFeature; 22] = [
    CpuidFeature::INTEL8086,
    CpuidFeature::INTEL8086_ONLY,
    CpuidFeature::INTEL186,
    CpuidFeature::INTEL286,
    CpuidFeature::INTEL386,
    CpuidFeature::INTEL486,
    CpuidFeature::X64,
    CpuidFeature::CMOV,
    CpuidFeature::CX8,
    CpuidFeature::FPU,
    CpuidFeature::FPU287,
    CpuidFeature::FPU387,
    CpuidFeature::FXSR,
    CpuidFeature::MMX,
    CpuidFeature::MULTIBYTENOP,
    CpuidFeature::PAUSE,
    CpuidFeature::CLFSH,
    CpuidFeature::SSE,
    CpuidFeature::SSE2,
    CpuidFeature::SYSCALL,
    CpuidFeature::CET_IBT,
    CpuidFeature::PREFETCHW,
];

const fn is_float(mnemonic: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        mnemonic,
        M::Addsd
            | M::Mulsd
            | M::Divsd
            | M::Subsd
            | M::Sqrtsd
            | M::Addss
            | M::Mulss
            | M::Divss
            | M::Subss
            | M::Sqrtss
            | M::Addpd
            | M::Mulpd
            | M::Divpd
            | M::Addps
            | M::Mulps
            | M::Cvtsi2sd
            | M::Cvtsi2ss
            | M::Cvttsd2si
            | M::Fadd
            | M::Fmul
            | M::Fdiv
            | M::Fld
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Option<String> {
        let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
        let instruction = decoder.decode();
        assert_eq!(instruction.len(), bytes.len(), "one instruction");
        finding(&instruction).map(|finding| finding.to_string())
    }

    #[test]
    fn memory_of_the_workers_thread_is_out_of_reach() {
        let refused: [(&str, &[u8]); 11] = [
            ("mov rax, fs:[0x28]", &[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0]),
            ("mov rax, fs:[rdi]", &[0x64, 0x48, 0x8b, 0x07]),
            ("mov gs:[rdi], eax", &[0x65, 0x89, 0x07]),
            ("add fs:[rdi], eax", &[0x64, 0x01, 0x07]),
            ("mov rax, fs:[0x28], moffs", &[0x64, 0x48, 0xa1, 0x28, 0, 0, 0, 0, 0, 0, 0]),
            ("lodsq fs:[rsi]", &[0x64, 0x48, 0xad]),
            ("movsb es:[rdi], gs:[rsi]", &[0x65, 0xa4]),
            ("movups xmm0, fs:[rdi]", &[0x64, 0x0f, 0x10, 0x07]),
            ("mov fs, ax", &[0x8e, 0xe0]),
            ("mov eax, gs", &[0x8c, 0xe8]),
            ("swapgs", &[0x0f, 0x01, 0xf8]),
        ];
        for (text, bytes) in refused {
            let told = told(bytes).unwrap_or_else(|| panic!("{text} passes"));
            assert!(told.contains("it reaches into the worker"), "{text}: {told}");
        }
        let allowed: [(&str, &[u8]); 4] = [
            ("mov rax, [rdi]", &[0x48, 0x8b, 0x07]),
            ("mov rax, [rip+0]", &[0x48, 0x8b, 0x05, 0, 0, 0, 0]),
            ("cs nop word [rax+rax]", &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]),
            ("lodsq", &[0x48, 0xad]),
        ];
        for (text, bytes) in allowed {
            assert_eq!(told(bytes), None, "{text}");
        }
    }
}
