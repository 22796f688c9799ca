//! temp
use crate::{BenchError, CommonOptions, Report};
/// temp
#[derive(Clone, Debug, Default)]
pub struct NetOptions {
    /// c
    pub common: CommonOptions,
}
/// temp
/// # Errors
/// temp
pub fn run(options: &NetOptions) -> Result<Report, BenchError> {
    Ok(Report::start("net", &options.common.dir))
}
