//! Time as an argument: stages never ask a clock.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds, as WeChat writes times.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// From WeChat's seconds; saturates where a stranger's number is absurd.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// RFC 3339 in UTC with milliseconds, as CloudEvents wants it.
    pub fn rfc3339(self) -> String {
        let mut out = Vec::with_capacity(24);
        self.write_rfc3339(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends what [`Self::rfc3339`] says; `format!` takes ten times as long for it.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        let (days, in_day) = (
            self.seconds().div_euclid(86_400),
            self.seconds().rem_euclid(86_400),
        );
        let (year, month, day) = civil(days);
        if (0..=9999).contains(&year) {
            out.extend_from_slice(&digits::<4>(year));
        } else {
            out.extend_from_slice(format!("{year:04}").as_bytes());
        }
        for (before, number) in [
            (b'-', month),
            (b'-', day),
            (b'T', in_day / 3600),
            (b':', in_day / 60 % 60),
            (b':', in_day % 60),
        ] {
            let [tens, ones] = digits(number);
            out.extend_from_slice(&[before, tens, ones]);
        }
        out.push(b'.');
        out.extend_from_slice(&digits::<3>(self.0.rem_euclid(1000)));
        out.push(b'Z');
    }
}

/// The last `N` decimal digits of a number that is not negative.
fn digits<const N: usize>(mut number: i64) -> [u8; N] {
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    out
}

/// Days since 1970-01-01 as a date, after Howard Hinnant's `civil_from_days`.
const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::UnixMillis;

    #[test]
    fn dates_come_out_right() {
        assert_eq!(UnixMillis(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(UnixMillis(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
        assert_eq!(
            UnixMillis(951_827_696_789).rfc3339(),
            "2000-02-29T12:34:56.789Z"
        );
        assert_eq!(
            UnixMillis::from_seconds(4_102_444_800).rfc3339(),
            "2100-01-01T00:00:00.000Z"
        );
        assert_eq!(
            UnixMillis::from_seconds(99_999_999_999).rfc3339(),
            "5138-11-16T09:46:39.000Z"
        );
        assert_eq!(
            UnixMillis(253_402_300_800_000).rfc3339(),
            "10000-01-01T00:00:00.000Z"
        );
        assert_eq!(
            UnixMillis(-62_198_755_200_001).rfc3339(),
            "-002-12-31T23:59:59.999Z"
        );
    }
}
