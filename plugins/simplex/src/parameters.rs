//! What a channel can set for `simplex`.
//!
//! In: the `name = value` pairs of genesis, durations in whole milliseconds. Out: checked numbers,
//! or one line that says which name or value is wrong. Not here: what the numbers do (`timer`).

use plugin_api::Parameter;

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Wait of a leader since it saw the parent, ms.
    pub block_interval: u64,
    /// Expected bound on a message's delay, ms.
    pub delta: u64,
    /// What executing a block may take, ms.
    pub execution: u64,
    /// Longest wait for a view to end, ms.
    pub timeout_max: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { block_interval: 10, delta: 500, execution: 250, timeout_max: 10_000 }
    }
}

impl Parameters {
    /// Reads them.
    ///
    /// # Errors
    /// At an unknown name, a value out of its range, or timeouts that do not fit together.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in pairs {
            let (place, least, most) = match name.as_str() {
                "block_interval" => (&mut read.block_interval, 0, 60_000),
                "delta" => (&mut read.delta, 1, 60_000),
                "execution" => (&mut read.execution, 0, 60_000),
                "timeout_max" => (&mut read.timeout_max, 1, 600_000),
                _ => return Err(format!("rule simplex has no parameter {name:?}: remove it")),
            };
            *place = match value.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => number,
                _ => {
                    return Err(format!(
                        "{name} = {value:?}: give a whole number from {least} to {most}"
                    ));
                }
            };
        }
        let least = read.delta * 3 + read.execution * 2;
        if least > read.timeout_max {
            return Err(format!(
                "timeout_max = {} ms is below 3 delta + 2 execution = {least} ms: raise it",
                read.timeout_max
            ));
        }
        Ok(read)
    }

    /// What there is to set, sorted by name.
    #[must_use]
    pub fn described() -> Vec<Parameter> {
        let is = Self::default();
        [
            ("block_interval", is.block_interval, "Wait of a leader since its parent."),
            ("delta", is.delta, "Expected bound on a message's delay."),
            ("execution", is.execution, "What executing a block may take."),
            ("timeout_max", is.timeout_max, "Longest wait for a view to end."),
        ]
        .map(|(name, default, meaning)| Parameter {
            name: name.to_owned(),
            unit: "ms".to_owned(),
            default: default.to_string(),
            meaning: meaning.to_owned(),
        })
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    fn read(name: &str, value: &str) -> Result<Parameters, String> {
        Parameters::read(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn every_described_parameter_is_read_with_its_default() {
        let described = Parameters::described();
        assert!(described.is_sorted_by(|a, b| a.name < b.name));
        for one in described {
            assert_eq!(read(&one.name, &one.default), Ok(Parameters::default()), "{}", one.name);
        }
        assert_eq!(read("delta", "100").unwrap().delta, 100);
    }

    #[test]
    fn nonsense_is_refused_with_its_name() {
        let rows = [("delta", "0"), ("delta", "fast"), ("delta", "9000"), ("hold", "1")];
        for (name, value) in rows {
            let line = read(name, value).unwrap_err();
            assert!(line.contains(name), "{line}");
        }
    }
}
