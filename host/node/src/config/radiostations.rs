//! Which RadioStations a process listens to: `host:port`, with the name that must answer there.
//!
//! In: texts of a configuration file, `host:port` or `ORG/NAME@host:port`. Out: names and addresses. Several
//! may have one name, behind several addresses, or each its own. Deliberately not here: connections.

use super::render::ConfigError;
use host_types::fault::Code;
use host_types::ids::NodeName;

/// RadioStations of one process, as an invitation carries them: each hears from this node every 3 s.
pub const RADIOSTATIONS_MAX: usize = 8;
/// The name where neither the network nor the target says one.
const DEFAULT_NAME: &str = "bank-a/radiostation";

/// One RadioStation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RadioStationTarget {
    /// Who must answer.
    pub name: NodeName,
    /// `host:port`.
    pub address: String,
}

/// Reads targets; `default` is `network.radiostation`, the name of those that say none.
///
/// # Errors
/// When there are too many, one stands twice, or one is not of the form.
pub fn parse(targets: &[String], default: &str) -> Result<Vec<RadioStationTarget>, ConfigError> {
    if targets.len() > RADIOSTATIONS_MAX {
        let message = format!("{} RadioStations, at most {RADIOSTATIONS_MAX}", targets.len());
        return Err(ConfigError::new(Code::ConfigBadValue, message));
    }
    let default = if default.is_empty() { DEFAULT_NAME } else { default };
    let mut all: Vec<RadioStationTarget> = Vec::new();
    for text in targets {
        let one = target(text, default).ok_or_else(|| {
            let message = format!("radiostation.targets: `{text}` is no RadioStation");
            ConfigError::new(Code::ConfigBadValue, message)
                .with_help("write `host:port`, or `ORG/NAME@host:port` when it has another name than network.radiostation")
        })?;
        if all.contains(&one) {
            let message = format!("radiostation.targets: `{text}` stands twice");
            return Err(ConfigError::new(Code::ConfigBadValue, message));
        }
        all.push(one);
    }
    Ok(all)
}

fn target(text: &str, default: &str) -> Option<RadioStationTarget> {
    let (name, address) = text.split_once('@').unwrap_or((default, text));
    let (host, port) = address.rsplit_once(':')?;
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    let name = NodeName::new(name)?;
    (is_host && is_port).then(|| RadioStationTarget { name, address: address.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(targets: &[&str], default: &str) -> Result<Vec<(String, String)>, Code> {
        let targets: Vec<_> = targets.iter().map(|text| (*text).to_owned()).collect();
        let read = parse(&targets, default).map_err(|error| error.code)?;
        Ok(read.into_iter().map(|one| (one.name.as_str().to_owned(), one.address)).collect())
    }

    #[test]
    fn a_target_may_have_a_name_of_its_own() {
        let own = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        let two = ["127.0.0.1:7102", "bank-b/finder@[::1]:7102"];
        let expected = |first: &str| {
            Ok(vec![own(first, "127.0.0.1:7102"), own("bank-b/finder", "[::1]:7102")])
        };
        assert_eq!(read(&two, ""), expected("bank-a/radiostation"));
        assert_eq!(read(&two, "fss/rs"), expected("fss/rs"));
        assert_eq!(read(&[], ""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        let bad = Err(Code::ConfigBadValue);
        for wrong in
            ["", "host", "host:0", ":7102", "host:x", "a@h:1", "a/b/c@h:1", "a/b@", "h h:1"]
        {
            assert_eq!(read(&[wrong], ""), bad, "{wrong:?}");
        }
        assert_eq!(read(&["h:1", "h:1"], ""), bad);
        assert_eq!(read(&["h:1", "bank-a/radiostation@h:1"], ""), bad);
        let many: Vec<_> = (1..=9).map(|port| format!("h:{port}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(read(&many, ""), bad);
        assert_eq!(read(&many[..8], "").map(|all| all.len()), Ok(8));
    }
}
