//! The rule's parameters as they stand in the channel's genesis.
//!
//! In: `name = value` pairs, durations in whole milliseconds. Out: checked numbers. An unknown
//! name or a value out of range is refused: parameters are agreed, not guessed.

use plugin_api::Parameter;

/// How turns to lead are dealt out (`lft.md` 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// Everyone the same number: LFT's spinning leader.
    Equal,
    /// In proportion to weights, spread evenly.
    Weighted,
}

/// Checked parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Wait of a leader since it saw the parent, ms.
    pub block_interval: u64,
    /// Δ0: expected bound on a message's delay with one repair, ms.
    pub delta: u64,
    /// Largest t_cert, ms.
    pub timeout_max: u64,
    /// E: what executing a block may take, ms.
    pub execution: u64,
    /// Wait for a votable child before a Commit is sent alone, ms.
    pub hold: u64,
    /// Propose on uncertified parents.
    pub optimistic: bool,
    /// Consecutive views of one leader.
    pub tenure: u64,
    /// How turns to lead are dealt out.
    pub leader: Turns,
    /// p of fast commit; none is off.
    pub fast: Option<u64>,
    /// K: consecutive views of one delegate of a group.
    pub delegate_tenure: u64,
    /// Whether statements of a flat group go through one of its members. The host does that; to the rule
    /// it means nothing.
    pub relay: bool,
    /// A bug to plant, for testing the tests.
    #[cfg(feature = "planted-bugs")]
    pub bug: Option<crate::planted::Bug>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_interval: 10,
            delta: 500,
            timeout_max: 10_000,
            execution: 250,
            hold: 2,
            optimistic: true,
            tenure: 1,
            leader: Turns::Equal,
            fast: None,
            delegate_tenure: 1,
            relay: false,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        }
    }
}

impl Parameters {
    /// Reads them.
    ///
    /// # Errors
    /// One line: which parameter, what is allowed.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "block_interval" => read.block_interval = number(name, value, 0, 60_000)?,
                "delta" => read.delta = number(name, value, 1, 60_000)?,
                "timeout_max" => read.timeout_max = number(name, value, 1, 600_000)?,
                "execution" => read.execution = number(name, value, 0, 60_000)?,
                "hold" => read.hold = number(name, value, 0, 100)?,
                "tenure" => read.tenure = number(name, value, 1, 1_000)?,
                "delegate_tenure" => read.delegate_tenure = number(name, value, 1, 1_000)?,
                "leader" => read.leader = turns(name, value)?,
                "fast" => read.fast = slack(name, value)?,
                "relay" => read.relay = switch(name, value)?,
                "optimistic" => read.optimistic = switch(name, value)?,
                #[cfg(feature = "planted-bugs")]
                "planted_bug" => read.bug = Some(crate::planted::Bug::named(value)?),
                _ => return Err(format!("rule lft has no parameter {name:?}: remove it")),
            }
        }
        let least = read.delta * 3 + read.execution * 2;
        if least > read.timeout_max {
            let max = read.timeout_max;
            return Err(format!(
                "timeout_max = {max} ms is below 3 delta + 2 execution = {least} ms: raise it"
            ));
        }
        Ok(read)
    }

    /// What there is to set, sorted by name.
    #[must_use]
    pub fn describe() -> Vec<Parameter> {
        let defaults = Self::default();
        let optimistic = if defaults.optimistic { "on" } else { "off" };
        let mut all: Vec<Parameter> = [
            ("block_interval", "ms", defaults.block_interval, "Wait of a leader since its parent."),
            (
                "delegate_tenure",
                "views",
                defaults.delegate_tenure,
                "Consecutive views of one delegate of a group.",
            ),
            ("delta", "ms", defaults.delta, "Expected bound on a message's delay."),
            ("execution", "ms", defaults.execution, "What executing a block may take."),
            ("hold", "ms", defaults.hold, "Wait for a child before a Commit is sent alone."),
            ("tenure", "views", defaults.tenure, "Consecutive views of one leader."),
            ("timeout_max", "ms", defaults.timeout_max, "Longest wait for a view to end."),
        ]
        .into_iter()
        .map(|(name, unit, default, meaning)| (name, unit, default.to_string(), meaning))
        .chain([
            (
                "fast",
                "off | p",
                "off".to_owned(),
                "Weight that may be missing from a block final after two delays.",
            ),
            ("leader", "equal | weighted", "equal".to_owned(), "How turns to lead are dealt out."),
            (
                "optimistic",
                "on | off",
                optimistic.to_owned(),
                "Leaders propose on parents that are not certified yet.",
            ),
            (
                "relay",
                "on | off",
                "off".to_owned(),
                "Statements of a flat group go through one of its members.",
            ),
        ])
        .map(|(name, unit, default, meaning)| Parameter {
            name: name.to_owned(),
            unit: unit.to_owned(),
            default,
            meaning: meaning.to_owned(),
        })
        .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

fn number(name: &str, value: &str, least: u64, most: u64) -> Result<u64, String> {
    match value.parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{name} = {value:?}: give a whole number from {least} to {most}")),
    }
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("{name} = {value:?}: write on or off")),
    }
}

fn turns(name: &str, value: &str) -> Result<Turns, String> {
    match value {
        "equal" => Ok(Turns::Equal),
        "weighted" => Ok(Turns::Weighted),
        _ => Err(format!("{name} = {value:?}: write equal or weighted")),
    }
}

fn slack(name: &str, value: &str) -> Result<Option<u64>, String> {
    match (value, value.parse::<u64>()) {
        ("off", _) => Ok(None),
        (_, Ok(slack)) => Ok(Some(slack)),
        _ => Err(format!("{name} = {value:?}: write off or a whole number from 0 on")),
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    fn read(pairs: &[(&str, &str)]) -> Result<Parameters, String> {
        let owned: Vec<(String, String)> =
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Parameters::read(&owned)
    }

    #[test]
    fn defaults_hold_when_nothing_is_said() {
        assert_eq!(read(&[]), Ok(Parameters::default()));
    }

    #[test]
    fn what_is_said_is_taken() {
        let read = read(&[("delta", "100"), ("optimistic", "off"), ("hold", "0")]).unwrap();
        assert_eq!((read.delta, read.optimistic, read.hold), (100, false, 0));
    }

    #[test]
    fn fast_is_off_or_a_number_and_leaders_are_equal_or_weighted() {
        assert_eq!(read(&[("fast", "0")]).unwrap().fast, Some(0));
        assert_eq!(read(&[("fast", "12")]).unwrap().fast, Some(12));
        assert_eq!(read(&[("fast", "off")]).unwrap().fast, None);
        assert_eq!(read(&[("leader", "weighted")]).unwrap().leader, super::Turns::Weighted);
        assert!(read(&[("relay", "on")]).unwrap().relay);
        assert_eq!(read(&[("delegate_tenure", "7")]).unwrap().delegate_tenure, 7);
    }

    #[test]
    fn every_described_parameter_is_read_with_its_default() {
        let described = Parameters::describe();
        assert!(described.is_sorted_by(|a, b| a.name < b.name));
        for parameter in described {
            let pair = [(parameter.name.as_str(), parameter.default.as_str())];
            assert_eq!(read(&pair), Ok(Parameters::default()), "{pair:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_name() {
        for (name, value) in [
            ("delta", "0"),
            ("delta", "-1"),
            ("delta", "fast"),
            ("delta", "9000"),
            ("hold", "101"),
            ("tenure", "0"),
            ("optimistic", "maybe"),
            ("relay", "often"),
            ("no_such", "1"),
            ("fast", "on"),
            ("fast", "-1"),
            ("fast", "1.5"),
            ("leader", "loudest"),
            ("delegate_tenure", "0"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
