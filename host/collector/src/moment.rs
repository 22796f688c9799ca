//! Moments as log lines write them: RFC 3339 in UTC, with a fraction.
//!
//! In: text. Out: microseconds since 1970, and back. Not here: time zones; nodes write UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 by this machine's clock.
#[must_use]
pub fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// `2026-01-31T12:00:00.000001Z` of microseconds since 1970.
#[must_use]
pub fn write(time_us: u64) -> String {
    let (seconds, micros) = (time_us / 1_000_000, time_us % 1_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Microseconds since 1970 of `2026-01-31T12:00:00Z`, with or without a fraction.
#[must_use]
pub fn read(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(separator).map(digits).collect();
        parts?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let is_date = (1970..10_000).contains(&year) && (1..=12).contains(&month);
    if !is_date || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction.get(..fraction.len().min(6)) {
        Some("") => 0,
        Some(cut) => digits(&format!("{cut:0<6}"))?,
        None => return None,
    };
    let days = days_of(year, month, day);
    let is_real = civil(days) == (year, month, day);
    is_real.then(|| (days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + micros)
}

fn digits(text: &str) -> Option<u64> {
    let is_number = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Days since 1970 (Howard Hinnant's `days_from_civil`); the year is at least 1970.
const fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
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
    fn moments_are_read_as_they_are_written() {
        for second in [0, 951_782_399, 951_782_400, 1_709_164_800, 4_102_444_800] {
            for micros in [0, 1, 120_000, 999_999] {
                let time = second * 1_000_000 + micros;
                assert_eq!(read(&write(time)), Some(time), "{}", write(time));
            }
        }
        assert_eq!(read("2024-02-29T00:00:00Z"), Some(1_709_164_800_000_000));
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(read("1970-01-01T00:00:01.123456789Z"), Some(1_123_456));
        for wrong in ["", "now", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
