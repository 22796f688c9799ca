//! Times for people: how long ago, how long it took, RFC 3339.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 by this machine's clock.
pub(crate) fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// `0.23 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// `2 min ago`, `3 s ago`, `5 h ago`
pub(crate) fn ago(since_us: u64) -> String {
    let passed = now_us().saturating_sub(since_us) / 1_000_000;
    match passed {
        0..60 => format!("{passed} s ago"),
        60..3_600 => format!("{} min ago", passed / 60),
        3_600..86_400 => format!("{} h ago", passed / 3_600),
        _ => format!("{} days ago", passed / 86_400),
    }
}

/// `2026-01-31T12:00:00Z` of microseconds since 1970.
pub(crate) fn rfc3339(time_us: u64) -> String {
    let seconds = time_us / 1_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Microseconds since 1970 of `2026-01-31T12:00:00Z`, or of digits that are microseconds already.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
        parts?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    if !(1970..10_000).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // 400 years have 146,097 days; the first guess is never too late, and at most a month early.
    let guess = (year - 1970) * 365 + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    let days = (guess..guess + 366).find(|days| civil(*days) == (year, month, day))?;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000)
}

/// Year, month and day of days since 1970 (Howard Hinnant's `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_164_800_000_000), "2024-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_735_689_599_999_999), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn time_passed_is_told_in_the_unit_people_use() {
        let at = |seconds: u64| ago(now_us() - seconds * 1_000_000);
        assert_eq!(at(3), "3 s ago");
        assert_eq!(at(121), "2 min ago");
        assert_eq!(at(7_201), "2 h ago");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for seconds in [0, 951_782_399, 951_782_400, 1_709_164_800, 4_102_444_800, 13_574_563_199] {
            let micros = seconds * 1_000_000;
            assert_eq!(parse(&rfc3339(micros)), Some(micros), "{}", rfc3339(micros));
        }
        assert_eq!(parse("1700000000000000"), Some(1_700_000_000_000_000));
        for wrong in ["", "now", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
