//! What is kept up longest when there is too much: money first, then what cannot be had again.
//!
//! After the overload control of WeChat's own back end (Zhou et al., "Overload Control for Scaling
//! WeChat Microservices", 2018): a class by business, and within it users by hash.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::account::Kind;

/// Into how many parts the users of a class are divided.
pub const USERS: u16 = 128;
/// How many levels there are: the first is kept up longest.
pub const LEVELS: u16 = 5 * USERS;

/// How much depends on a message, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// A payment, virtual ones too.
    Pay,
    /// A refund.
    Refund,
    /// An authorisation, or a ticket of a platform or suite.
    Authorisation,
    /// What a user says or does.
    User,
    /// Where a user is, or a page that is viewed: the next one is not far.
    Passing,
}

impl Priority {
    /// Every class, the most important first.
    pub const ALL: [Self; 5] = [
        Self::Pay,
        Self::Refund,
        Self::Authorisation,
        Self::User,
        Self::Passing,
    ];

    /// The lower-case name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Refund => "refund",
            Self::Authorisation => "authorisation",
            Self::User => "user",
            Self::Passing => "passing",
        }
    }

    /// Of a push, by its name: its `InfoType`, `event.` and its `Event`, or its `MsgType`.
    pub fn of_push(name: &str, is_info: bool) -> Self {
        let Some(event) = name.strip_prefix("event.") else {
            return if is_info {
                Self::Authorisation
            } else {
                Self::User
            };
        };
        match event {
            "location" | "view" | "view_miniprogram" => Self::Passing,
            "xpay_refund_notify" => Self::Refund,
            _ if event.starts_with("xpay_") => Self::Pay,
            _ if event.contains("authoriz") => Self::Authorisation,
            _ => Self::User,
        }
    }

    /// Of a notice of WeChat Pay, or a call of a partner, by its name.
    pub fn of_notice(kind: Kind, name: &str) -> Self {
        match kind {
            Kind::Pay | Kind::PayV2 if name.contains("refund") => Self::Refund,
            Kind::Pay | Kind::PayV2 => Self::Pay,
            _ => Self::User,
        }
    }

    /// The level of a user's messages in this class, below [`LEVELS`]. `epoch` changes from time to
    /// time, so that it is not always the same users who have to wait.
    pub fn level(self, user: &str, epoch: u64) -> u16 {
        let hash = xxh3_64_with_seed(user.as_bytes(), epoch) % u64::from(USERS);
        (self as u16) * USERS + u16::try_from(hash).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, Priority, USERS};
    use crate::account::Kind;

    #[test]
    fn a_push_has_the_class_of_what_it_is_about() {
        for (name, is_info, class) in [
            ("text", false, Priority::User),
            ("location", false, Priority::User),
            ("event.subscribe", false, Priority::User),
            ("event.location", false, Priority::Passing),
            ("event.view", false, Priority::Passing),
            ("event.xpay_goods_deliver_notify", false, Priority::Pay),
            ("event.xpay_refund_notify", false, Priority::Refund),
            (
                "event.user_authorization_revoke",
                false,
                Priority::Authorisation,
            ),
            ("component_verify_ticket", true, Priority::Authorisation),
            ("suite_ticket", true, Priority::Authorisation),
        ] {
            assert_eq!(Priority::of_push(name, is_info), class, "{name}");
        }
    }

    #[test]
    fn a_notice_is_about_money_unless_it_is_a_partners() {
        for (kind, name, class) in [
            (Kind::Pay, "transaction.success", Priority::Pay),
            (Kind::Pay, "refund.closed", Priority::Refund),
            (Kind::PayV2, "refund", Priority::Refund),
            (Kind::PayV2, "payment", Priority::Pay),
            (Kind::Partner, "order.refund", Priority::User),
        ] {
            assert_eq!(Priority::of_notice(kind, name), class, "{name}");
        }
    }

    #[test]
    fn every_level_of_a_class_is_kept_up_longer_than_all_of_the_next() {
        let mut seen = [0_u32; LEVELS as usize];
        for class in Priority::ALL {
            for user in 0..4000 {
                let level = class.level(&user.to_string(), 7);
                assert_eq!(level / USERS, class as u16);
                seen[usize::from(level)] += 1;
            }
        }
        assert!(seen.iter().all(|&count| (8..80).contains(&count)));
    }

    #[test]
    fn another_time_it_is_other_users_turn() {
        let differ = |user: &str| Priority::User.level(user, 1) != Priority::User.level(user, 2);
        assert!((0..100).filter(|user| differ(&user.to_string())).count() > 90);
    }
}
