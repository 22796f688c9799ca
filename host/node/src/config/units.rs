//! Quantities as people write them: `"10 ms"`, `"64 KiB"`, `"10 %"`.
//!
//! In: text with a unit. Out: one integer in the unit that the type names, or one line that says
//! what is expected. A bare number is refused where a unit is needed: 10 of what?

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A size in bytes, written `"64 KiB"`, `"4 MiB"`, `"1 GiB"` or `"512 B"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A time span in microseconds, written `"10 ms"`, `"2 s"`, `"15 min"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

/// A share in whole percent, written `"10 %"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u64);

const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const SPANS: &[(&str, u64)] =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)];

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (digits, unit) = text.split_at(end);
    let number: u64 = digits.replace('_', "").parse().ok()?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.checked_mul(*factor)
}

impl Size {
    /// Reads a size with its unit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        quantity(text, SIZES).map(Self)
    }
}

impl Span {
    /// Reads a time span with its unit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        quantity(text, SPANS).map(Self)
    }

    /// Whole milliseconds; `None` when there is a rest.
    #[must_use]
    pub const fn whole_ms(self) -> Option<u64> {
        if self.0.is_multiple_of(1_000) { Some(self.0 / 1_000) } else { None }
    }
}

impl Percent {
    /// Reads 0 to 100 with the sign.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        quantity(text, &[("%", 1)]).filter(|percent| *percent <= 100).map(Self)
    }
}

fn write(value: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let unit =
        units.iter().rev().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (name, factor) = unit.or(units.first()).copied().unwrap_or(("", 1));
    write!(f, "{} {name}", value / factor)
}

macro_rules! written {
    ($name:ident, $units:expr, $expected:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(self.0, $units, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text)
                            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

written!(Size, SIZES, "a size such as \"64 KiB\"");
written!(Span, SPANS, "a time span such as \"10 ms\"");
written!(Percent, &[("%", 1)], "a share such as \"10 %\"");

#[cfg(test)]
mod tests {
    use super::{Percent, Size, Span};

    #[test]
    fn quantities_are_read_with_their_unit_and_written_back() {
        assert_eq!(Size::parse("64 KiB"), Some(Size(65_536)));
        assert_eq!(Size::parse("4MiB"), Some(Size(4 << 20)));
        assert_eq!(Span::parse("15 min"), Some(Span(900_000_000)));
        assert_eq!(Span::parse("500 us").and_then(Span::whole_ms), None);
        assert_eq!(Percent::parse("10 %"), Some(Percent(10)));
        assert_eq!(Size(65_536).to_string(), "64 KiB");
        assert_eq!(Span(10_000).to_string(), "10 ms");
        assert_eq!(Size(0).to_string(), "0 B");
    }

    #[test]
    fn what_has_no_unit_or_a_strange_one_is_refused() {
        for text in ["64", "", "KiB", "64 KB", "-1 KiB", "1.5 MiB", "99999999999999999999 B"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
        assert_eq!(Percent::parse("101 %"), None);
    }
}
