//! How a run ended, in one line that repeats it.
//!
//! In: what the checkers saw. Out: [`Verdict`]. Not here: printing it.

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All honest nodes agree and went on.
    Agreed,
    /// Nobody disagrees, but after everything healed there was no progress, or no rest.
    Stalled(String),
    /// Something that must never happen did.
    Diverged(String),
}

impl Verdict {
    /// True when the run is good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        *self == Self::Agreed
    }

    /// One line for people, with the command that repeats it.
    #[must_use]
    pub fn line(&self, seed: u64) -> String {
        let repeat = format!("repeat with: cargo sim --rule-only --seed {seed:#x}");
        match self {
            Self::Agreed => format!("agreed; {repeat}"),
            Self::Stalled(why) => format!("STALLED: {why}; {repeat}"),
            Self::Diverged(why) => format!("DIVERGED: {why}; {repeat}"),
        }
    }
}
