//! The engines of a SCORE by name.
//!
//! In: a name, a folder or a file. Out: an engine that runs its `.so`.

use crate::{
    engine::Engine,
    here::Here,
    in_process::InProcess,
    jailed::{Jailed, Member},
    library::{self, LibraryError},
    program::{self, Program},
    testnet::ONLY,
};
use score_native_abi::Score;
use score_native_link::{Sandbox, WorkerConfig};
use std::{collections::BTreeMap, fs, path::Path};

type Opened = Result<Box<dyn Engine>, LibraryError>;

fn only<T>(score: T) -> BTreeMap<String, T> {
    BTreeMap::from([(ONLY.to_owned(), score)])
}

pub(crate) fn native(table: &'static Score) -> Box<dyn Engine> {
    Box::new(Here::new(only(InProcess::native(table))))
}

pub(crate) fn so(score: &str) -> Opened {
    let score = InProcess::load(&library::find(score)?)?;
    Ok(Box::new(Here::new(only(score))))
}

pub(crate) fn jailed(score: &str) -> Opened {
    start(score, &program::find()?)
}

pub(crate) fn jailed_by(score: &str, program: &Path, args: &[&str]) -> Opened {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    start(score, &Program { path: program.to_path_buf(), args })
}

fn start(score: &str, program: &Program) -> Opened {
    let so = fs::read(library::find(score)?)?;
    let member = Member::start(&so, config(program, &so)?)?;
    Ok(Box::new(Jailed::new(only(member))))
}

/// How a node starts the worker.
pub(crate) fn config(program: &Program, so: &[u8]) -> Result<WorkerConfig, LibraryError> {
    let args = program.args.iter().map(Into::into).collect();
    Ok(WorkerConfig::new(&program.path, args, Sandbox::Strict, so)?)
}
