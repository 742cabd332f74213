//! Comparisons with a number: `> 5`, `<= 0.5`, `3..5`.

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Above(f64),
    AtLeast(f64),
    Below(f64),
    AtMost(f64),
    Equal(f64),
    Other(f64),
    /// Both ends belong to it.
    Within(f64, f64),
}

type Make = fn(f64) -> Comparison;

/// How one is written, for those who wrote it otherwise.
pub(super) const GRAMMAR: &str = "expected > >= < <= = or != and a number, or LOW..HIGH";

impl Comparison {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // The longer signs first.
        let signs: [(&str, Make); 6] = [
            (">=", Self::AtLeast),
            ("<=", Self::AtMost),
            ("!=", Self::Other),
            (">", Self::Above),
            ("<", Self::Below),
            ("=", Self::Equal),
        ];
        let text = text.trim();
        if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (number(low)?, number(high)?);
            return (low <= high).then_some(Self::Within(low, high));
        }
        signs
            .into_iter()
            .find_map(|(sign, make)| Some(make(number(text.strip_prefix(sign)?)?)))
    }

    /// Whether it holds; never of what is no number.
    pub(super) fn holds(self, value: &str) -> bool {
        let Some(value) = number(value) else {
            return false;
        };
        match self {
            Self::Above(bound) => value > bound,
            Self::AtLeast(bound) => value >= bound,
            Self::Below(bound) => value < bound,
            Self::AtMost(bound) => value <= bound,
            Self::Equal(bound) => value.total_cmp(&bound).is_eq(),
            Self::Other(bound) => value.total_cmp(&bound).is_ne(),
            Self::Within(low, high) => (low..=high).contains(&value),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let found: f64 = text.trim().parse().ok()?;
    // Minus nothing is nothing.
    found.is_finite().then_some(found + 0.0)
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    #[test]
    fn comparisons_hold_where_they_say() {
        for (text, yes, no) in [
            ("> 5", "5.1", "5"),
            (">=5", "5", "4.9"),
            ("< -1", "-2", "-1"),
            ("<= 0.5", " 0.5 ", "0.6"),
            ("= 0", "-0", "1"),
            ("!= 3", "4", "3.0"),
            ("3..5", "3", "5.5"),
            ("-5 .. -3", "-4", "4"),
        ] {
            let comparison = Comparison::parse(text).unwrap();
            assert!(comparison.holds(yes), "{text}");
            assert!(!comparison.holds(no), "{text}");
            for odd in ["", "nan", "inf", "six", "0x9"] {
                assert!(!comparison.holds(odd), "{text}");
            }
        }
        for bad in ["", "5", "> ", "> x", ">> 5", "> nan", "5..3", "..5", "=> 5"] {
            assert_eq!(Comparison::parse(bad), None, "{bad}");
        }
    }
}
