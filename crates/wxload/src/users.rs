//! Who writes: users of whom a few write often (Zipf).

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The users of all accounts.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    count: u64,
    zipf: Option<Zipf<f64>>,
}

impl Users {
    /// `skew` is Zipf's exponent; 0 for all alike.
    pub(crate) fn new(count: u64, skew: f64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "fewer than 2^53 people use WeChat"
        )]
        let zipf = (skew > 0.0)
            .then(|| Zipf::new(count as f64, skew).ok())
            .flatten();
        Self { count, zipf }
    }

    /// Draws one, by rank from 0.
    pub(crate) fn draw(&self, random: &mut impl Rng) -> u64 {
        match &self.zipf {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 1 to count"
            )]
            Some(zipf) => zipf.sample(random) as u64 - 1,
            None => random.random_range(0..self.count),
        }
    }
}

/// The openid of a user: 28 characters, as WeChat's are.
pub(crate) fn openid(user: u64) -> String {
    // Spread over the letters, so that neighbours do not share a beginning.
    let mut rest = user.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut text = String::from("oLoad");
    while text.len() < 28 {
        let letter = LETTERS
            .get(usize::try_from(rest % 62).unwrap_or_default())
            .copied();
        text.push(char::from(letter.unwrap_or(b'0')));
        rest = (rest / 62) ^ user.rotate_left(u32::try_from(text.len()).unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Users, openid};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::collections::HashSet;

    #[test]
    fn a_skew_favours_the_first_and_none_favours_nobody() {
        let mut random = StdRng::seed_from_u64(1);
        let mut first = |skew| {
            let users = Users::new(1000, skew);
            (0..10_000).filter(|_| users.draw(&mut random) == 0).count()
        };
        assert!((1000..1700).contains(&first(1.0)));
        assert!(first(0.0) < 50);
    }

    #[test]
    fn nobody_shares_an_openid() {
        let all: HashSet<_> = (0..100_000).map(openid).collect();
        assert_eq!(all.len(), 100_000);
        assert!(all.iter().all(|text| text.len() == 28));
    }
}
