//! The engines of a SCORE by name.
//!
//! In: a name, a folder or a file. Out: an engine that runs its `.so`.

use crate::{
    in_process::InProcess,
    jailed::Jailed,
    library::{self, LibraryError},
    program::{self, Program},
};
use score_native_link::{Sandbox, WorkerConfig};
use std::{fs, path::Path};

pub(crate) fn so(score: &str) -> Result<InProcess, LibraryError> {
    InProcess::load(&library::find(score)?)
}

pub(crate) fn jailed(score: &str) -> Result<Jailed, LibraryError> {
    start(score, &program::find()?)
}

pub(crate) fn jailed_by(
    score: &str,
    program: &Path,
    args: &[&str],
) -> Result<Jailed, LibraryError> {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    start(score, &Program { path: program.to_path_buf(), args })
}

fn start(score: &str, program: &Program) -> Result<Jailed, LibraryError> {
    let so = fs::read(library::find(score)?)?;
    let config = config(program, &so)?;
    Jailed::start(&so, config)
}

/// How a node starts the worker.
pub(crate) fn config(program: &Program, so: &[u8]) -> Result<WorkerConfig, LibraryError> {
    let args = program.args.iter().map(Into::into).collect();
    Ok(WorkerConfig::new(&program.path, args, Sandbox::Strict, so)?)
}
