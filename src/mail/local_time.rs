//! Times as people in Botswana read them.

use chrono::{DateTime, Datelike, FixedOffset, Utc};

/// Central Africa Time, without daylight saving.
const BOTSWANA: FixedOffset = FixedOffset::east_opt(2 * 60 * 60).expect("less than a day");
/// From this year on a time is not meant to come.
const NEVER: i32 = 2100;

/// `23 November 2026`.
pub(super) fn date(at: DateTime<Utc>) -> String {
    at.with_timezone(&BOTSWANA).format("%-d %B %Y").to_string()
}

/// `14:35 on 23 November 2026 (Botswana time)`.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.with_timezone(&BOTSWANA)
        .format("%H:%M on %-d %B %Y (Botswana time)")
        .to_string()
}

/// The moment to wait for, unless it is too far away for anybody to wait.
pub(super) fn wait_until(at: DateTime<Utc>) -> Option<String> {
    (at.with_timezone(&BOTSWANA).year() < NEVER).then(|| moment(at))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{date, moment, wait_until};

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap()
    }

    #[test]
    fn times_are_shown_two_hours_ahead_of_utc() {
        assert_eq!(
            moment(at("2026-11-23T12:35:59.999Z")),
            "14:35 on 23 November 2026 (Botswana time)"
        );
        assert_eq!(
            moment(at("2026-12-31T22:05:00Z")),
            "00:05 on 1 January 2027 (Botswana time)"
        );
        assert_eq!(date(at("2028-02-28T22:00:00Z")), "29 February 2028");
    }

    #[test]
    fn nobody_waits_for_the_far_future() {
        assert!(wait_until(at("2026-11-23T12:35:00Z")).is_some());
        assert!(wait_until(at("2099-12-31T22:00:00Z")).is_none());
        assert!(wait_until(at("9999-12-31T23:59:59Z")).is_none());
        assert!(wait_until(DateTime::<Utc>::MAX_UTC).is_none());
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert!(moment(end).ends_with(" (Botswana time)"));
            assert!(!date(end).is_empty());
        }
    }
}
