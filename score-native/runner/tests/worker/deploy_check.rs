//! The deploy check on real SCORE files, on the attack SCORE, and on broken files.

use crate::stage::{evil, token};
use score_native_link::elf::{Argument, random_by_chance};
use score_native_link::{Finding, check};
use sha2::{Digest, Sha256};

fn told(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn a_token_passes_and_says_what_it_offers() {
    let checked = check(token()).unwrap_or_else(|findings| panic!("{}", told(&findings)));
    assert_eq!(checked.sha256, <[u8; 32]>::from(Sha256::digest(token())));
    assert_eq!(checked.size, token().len());
    assert_eq!(checked.bytes, token());
    assert!(checked.metered.is_metered(), "{:?}", checked.metered);
    assert!(checked.metered.loops >= checked.metered.metered_loops);
    let manifest = &checked.manifest;
    assert_eq!((manifest.name.as_str(), manifest.abi.as_str()), ("token", "1.0"));
    let transfer = manifest.methods.iter().find(|method| method.name == "transfer").unwrap();
    assert_eq!(transfer.kind, "invoke");
    let argument = |name: &str, kind: &str| Argument { name: name.into(), kind: kind.into() };
    assert_eq!(transfer.args, [argument("to", "address"), argument("amount", "u128")]);
    assert!(manifest.faults.iter().any(|fault| fault.name == "NotOwner"));
}

#[test]
fn the_attack_score_is_refused_with_its_reasons() {
    let findings = check(evil()).unwrap_err();
    let told = told(&findings);
    for reason in
        ["`syscall` at 0x", "`rdtsc` at 0x", "`cpuid` at 0x", "`rdrand r", "random instruction"]
    {
        assert!(told.contains(reason), "{reason} is missing in:\n{told}");
    }
    assert!(findings.iter().all(|finding| !finding.to_string().contains('\n')));
}

#[test]
fn every_truncated_file_has_findings() {
    let whole = token();
    for step in 0..150 {
        let cut = &whole[..whole.len() * step / 150];
        assert!(!check(cut).unwrap_err().is_empty(), "{} bytes", cut.len());
    }
}

/// Flips a byte at many places; the check may accept a file (a flip in a text changes nothing it
/// looks at), but it never ends badly, and in the headers a flip is found.
#[test]
fn flipped_files_never_end_the_check() {
    let mut accepted = 0;
    for step in 0..200 {
        let mut bytes = token().to_vec();
        // The headers byte by byte, the rest in strides.
        let at = if step < 64 { step } else { bytes.len() * (step - 64) / 136 };
        bytes[at] ^= 0xff;
        accepted += usize::from(check(&bytes).is_ok());
    }
    assert!(accepted < 200);
}

#[test]
fn a_flipped_magic_class_type_or_machine_is_found() {
    for at in [0, 1, 2, 3, 4, 5, 16, 18, 32, 54, 56] {
        let mut bytes = token().to_vec();
        bytes[at] ^= 0xff;
        assert!(check(&bytes).is_err(), "byte {at}");
    }
}

#[test]
fn a_forbidden_instruction_anywhere_in_the_code_is_found() {
    let code = code_offset(token());
    for (name, instruction) in [("syscall", &[0x0f, 0x05][..]), ("rdrand", &[0x0f, 0xc7, 0xf0])] {
        let mut bytes = token().to_vec();
        bytes[code..code + instruction.len()].copy_from_slice(instruction);
        let told = told(&check(&bytes).unwrap_err());
        assert!(told.contains(name), "{name}: {told}");
    }
}

/// `lea rsi, [rip - 0x38f1]` is `48 8d 35 0f c7 ff ff`: a distance with the bytes of `rdpid`.
#[test]
fn the_bytes_of_a_random_instruction_inside_another_one_are_told_from_the_instruction() {
    let code = code_offset(token());
    let with = |bytes: &[u8]| {
        let mut file = token().to_vec();
        file[code..code + bytes.len()].copy_from_slice(bytes);
        file
    };
    let chance = with(&[0x48, 0x8d, 0x35, 0x0f, 0xc7, 0xff, 0xff]);
    assert!(random_by_chance(&chance), "`score build` lays it out otherwise");
    assert!(told(&check(&chance).unwrap_err()).contains("the bytes of a random instruction"));
    let written = with(&[0x0f, 0xc7, 0xf0, 0x90]);
    assert!(!random_by_chance(&written) && !random_by_chance(token()));
}

#[test]
fn an_import_beyond_the_pure_ones_is_found() {
    let mut bytes = token().to_vec();
    let at = bytes.windows(7).position(|window| window == b"memcpy\0").expect("it imports memcpy");
    bytes[at..at + 6].copy_from_slice(b"system");
    let told = told(&check(&bytes).unwrap_err());
    assert!(told.contains("it imports `system`"), "{told}");
}

/// Where the section `.text` begins in the file.
fn code_offset(bytes: &[u8]) -> usize {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[60], bytes[61]]));
    let sections = (0..count).map(|index| number(40) + index * 64);
    // Allocated and executable.
    let text = sections.into_iter().find(|at| number(at + 8) & 0x4 != 0).expect("it has code");
    number(text + 24)
}
