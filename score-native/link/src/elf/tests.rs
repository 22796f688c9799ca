//! Files that are no SCORE give findings, never a panic. (Real SCORE files are checked by the
//! tests of `score-native-runner`, which build them.)

use super::check;

fn told(bytes: &[u8]) -> String {
    let findings = check(bytes).unwrap_err();
    findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn what_is_no_elf_file_is_told_so() {
    assert!(told(b"").contains("does not begin like an ELF file"));
    assert!(told(b"#!/bin/sh").contains("does not begin like an ELF file"));
    assert!(told(b"\x7fELF\x01\x01").contains("not a 64-bit"));
    assert!(told(b"\x7fELF\x02\x01").contains("cut off"));
}

#[test]
fn a_file_that_is_too_long_is_refused_before_it_is_read() {
    assert!(told(&vec![0; (32 << 20) + 1]).contains("at most 33554432"));
}

#[test]
fn an_ordinary_program_is_refused_with_its_reasons() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    // Test programs may be longer than a SCORE; then that is the finding.
    assert!(!check(&program).unwrap_err().is_empty());
}
