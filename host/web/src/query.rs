//! The part of a URL after `?`, read as the old edition read it: the first value of a name counts,
//! `+` is a space, bytes that are not UTF-8 are replaced.

/// Parameters of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; never fails.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let read = |part: &str| {
            let bytes = percent_decode(&part.replace('+', " "));
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let split = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (read(name), read(value))
        };
        Self(pairs.map(split).collect())
    }

    /// The first value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Bytes of a percent-encoded text; what is no escape stays as it is.
#[must_use]
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_and_escapes_are_decoded() {
        let query = Query::parse(Some("a=1&a=2&b=x%20y+z&c&=&%zz=%4"));
        assert_eq!(query.get("a"), Some("1"));
        assert_eq!(query.get("b"), Some("x y z"));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!(query.get("%zz"), Some("%4"));
        assert_eq!(query.get("d"), None);
        assert_eq!(Query::parse(Some("a=%ff")).get("a"), Some("\u{fffd}"));
        assert_eq!(Query::parse(None), Query::default());
    }
}
