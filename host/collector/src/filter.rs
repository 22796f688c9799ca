//! Which records somebody wants to see.
//!
//! In: bounds of time, a pattern of names, a least level, a text. Out: yes or no for each record.

use crate::record::{Level, Record};

/// What is asked for; what is absent asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not before, microseconds since 1970.
    pub since_us: Option<u64>,
    /// Before, microseconds since 1970.
    pub until_us: Option<u64>,
    /// Names; `*` stands for any text. One without `/` matches the part behind it, too.
    pub peer: Option<String>,
    /// At least so grave.
    pub level: Option<Level>,
    /// A text that the line contains.
    pub grep: Option<String>,
}

impl Filter {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record is wanted.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        self.since_us.is_none_or(|since| record.time_us >= since)
            && self.until_us.is_none_or(|until| record.time_us < until)
            && self.level.is_none_or(|level| record.level >= level)
            && self.peer.as_ref().is_none_or(|peer| is_named(peer, &record.source))
            && self.grep.as_ref().is_none_or(|text| contains(record, text))
    }
}

fn is_named(pattern: &str, name: &str) -> bool {
    let short = name.rsplit('/').next().unwrap_or_default();
    matches(pattern, name) || (!pattern.contains('/') && matches(pattern, short))
}

fn contains(record: &Record, text: &str) -> bool {
    record.message().contains(text) || record.line.to_string().contains(text)
}

/// Whether a text is of a pattern with `*`: greedy from the left, which is right for `*` alone.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_match_names_and_their_last_part() {
        for (pattern, name, is) in [
            ("bank-a/peer0", "bank-a/peer0", true),
            ("bank-b/*", "bank-a/peer0", false),
            ("bank-a/*", "bank-a/peer0", true),
            ("peer0", "bank-a/peer0", true),
            ("peer*", "bank-a/peer0", true),
            ("peer1", "bank-a/peer0", false),
            ("*a*0", "bank-a/peer0", true),
            ("*0*0", "bank-a/peer0", false),
            ("", "bank-a/peer0", false),
        ] {
            assert_eq!(is_named(pattern, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn each_wish_leaves_out_what_it_says() {
        let line = json!({"level": "WARN", "message": "slow disk", "channel": "demo"});
        let record = Record::of_line("bank-a/peer0".to_owned(), Some(10), line);
        let all = Filter::default();
        assert!(all.takes(&record));
        let with = |change: fn(&mut Filter)| {
            let mut filter = all.clone();
            change(&mut filter);
            filter.takes(&record)
        };
        assert!(with(|f| f.since_us = Some(10)) && !with(|f| f.since_us = Some(11)));
        assert!(with(|f| f.until_us = Some(11)) && !with(|f| f.until_us = Some(10)));
        assert!(with(|f| f.level = Some(Level::Warn)) && !with(|f| f.level = Some(Level::Error)));
        assert!(with(|f| f.grep = Some("disk".into())) && with(|f| f.grep = Some("demo".into())));
        assert!(!with(|f| f.grep = Some("fast".into())) && !with(|f| f.peer = Some("x".into())));
    }
}
