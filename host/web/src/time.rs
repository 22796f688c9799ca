//! Times for people: block time (microseconds since 1970) as a date in UTC.

const US_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// RFC 3339 with microseconds: `2026-11-22T07:51:57.784954Z`.
#[must_use]
pub fn rfc3339(us: u64) -> String {
    let (date, time) = parts(us);
    format!("{date}T{time}Z")
}

/// As Python's `str(datetime)` had it in v1: `2026-11-22 07:51:57.784954`.
#[must_use]
pub fn python(us: u64) -> String {
    let (date, time) = parts(us);
    format!("{date} {time}")
}

fn parts(us: u64) -> (String, String) {
    let (seconds, fraction) = (us / US_PER_SECOND, us % US_PER_SECOND);
    let (days, of_day) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!("{hour:02}:{minute:02}:{second:02}.{fraction:06}"),
    )
}

/// Year, month and day of a number of days since 1970 (the proleptic Gregorian calendar, counted
/// in eras of 400 years from 0000-03-01).
const fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_the_edges() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(python(1_795_333_917_784_954), "2026-11-22 07:51:57.784954");
        assert_eq!(rfc3339(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
        assert!(rfc3339(u64::MAX).ends_with('Z'));
    }
}
