//! How rates are written: `"5/s"`, `"100/min"`, `"0.5/s"`, `"20000/day"`.

/// Digits behind the point that are read.
const DECIMALS: usize = 6;
const UNITS: [(&str, i128); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("day", 86_400)];

/// What a rate must look like, for whoever wrote another.
pub const EXPECTED: &str =
    "is no rate: write a number, a slash and s, min, h or day, as in \"100/min\"; up to 1000000/s";

/// The interval of a rate in microseconds, rounded up: never more than was written passes. `None` if
/// it is not a rate, or faster than one a microsecond.
pub fn interval(text: &str) -> Option<i64> {
    let (count, unit) = text.split_once('/')?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let millionths = millionths(count.trim())?;
    let span = seconds * 1_000_000 * 1_000_000;
    let interval = (span + millionths - 1).checked_div(millionths)?;
    (millionths <= span).then_some(i64::try_from(interval).ok())?
}

/// A decimal number, times a million.
fn millionths(text: &str) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|one| one.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 12
        || part.len() > DECIMALS
        || !digits(whole)
        || !digits(part)
    {
        return None;
    }
    format!("{whole}{part:0<DECIMALS$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn rates_are_read_and_rounded_to_the_slower_side() {
        assert_eq!(interval("1/s"), Some(1_000_000));
        assert_eq!(interval("100/min"), Some(600_000));
        assert_eq!(interval("0.5/s"), Some(2_000_000));
        assert_eq!(interval("7/s"), Some(142_858));
        assert_eq!(interval("1000000/s"), Some(1));
        assert_eq!(interval("30000000/min"), Some(2));
        assert_eq!(interval("20000 / day"), Some(4_320_000));
        assert_eq!(interval("0.000001/day"), Some(86_400_000_000_000_000));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "5",
            "5/",
            "/s",
            "5/week",
            "-1/s",
            "0/s",
            "0.0/s",
            "1e3/s",
            "1.0000001/s",
            "1000001/s",
            "٣/s",
            "1.2.3/s",
            "99999999999999999999/s",
        ] {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
