//! The window in which a signed timestamp counts.

use crate::reject::Reject;
use crate::time::UnixMillis;

/// Seconds by which a timestamp may differ from this machine's clock, either way; this many are too many.
pub(crate) const WINDOW: i64 = 300;

/// Reads a timestamp of plain decimal seconds and refuses it outside the [`WINDOW`].
pub(crate) fn fresh(timestamp: &str, now: UnixMillis) -> Result<i64, Reject> {
    let seconds = seconds(timestamp)?;
    within(seconds, WINDOW, now)?;
    Ok(seconds)
}

/// Reads a timestamp of plain decimal seconds.
pub(crate) fn seconds(timestamp: &str) -> Result<i64, Reject> {
    if timestamp.is_empty() {
        return Err(Reject::BadTimestamp);
    }
    let seconds = timestamp.bytes().try_fold(0_i64, |seconds, byte| {
        let digit = byte.wrapping_sub(b'0');
        let more = seconds.checked_mul(10)?.checked_add(i64::from(digit))?;
        (digit <= 9).then_some(more)
    });
    seconds.ok_or(Reject::BadTimestamp)
}

/// Refuses `seconds` that lie `max_age` or more behind `now`, or [`WINDOW`] or more ahead of it.
pub(crate) fn within(seconds: i64, max_age: i64, now: UnixMillis) -> Result<(), Reject> {
    let age = now.seconds().saturating_sub(seconds);
    if age >= max_age {
        return Err(Reject::Stale);
    }
    if age <= -WINDOW {
        return Err(Reject::Future);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fresh;
    use crate::reject::Reject;
    use crate::time::UnixMillis;

    #[test]
    fn the_window_is_five_minutes_either_way() {
        let now = UnixMillis::from_seconds(1_700_000_000);
        let check = |offset: i64| fresh(&(1_700_000_000 + offset).to_string(), now).map(|_| ());
        for offset in [-299, -1, 0, 1, 299] {
            assert_eq!(check(offset), Ok(()), "{offset}");
        }
        for offset in [-300, -301, -360, -86_400, -1_700_000_000] {
            assert_eq!(check(offset), Err(Reject::Stale), "{offset}");
        }
        for offset in [300, 301, 360, 86_400] {
            assert_eq!(check(offset), Err(Reject::Future), "{offset}");
        }
    }

    #[test]
    fn only_plain_seconds_are_read() {
        let now = UnixMillis::from_seconds(1_700_000_000);
        for text in [
            "",
            "-1700000000",
            "+1700000000",
            "1.7e9",
            "1700000000 ",
            "now",
            "0x1",
            "一",
        ] {
            assert_eq!(fresh(text, now), Err(Reject::BadTimestamp), "{text}");
        }
        assert_eq!(
            fresh("99999999999999999999", now),
            Err(Reject::BadTimestamp)
        );
        assert_eq!(
            fresh("1700000000000", now),
            Err(Reject::Future),
            "milliseconds"
        );
    }
}
