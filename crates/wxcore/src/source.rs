//! Where a request really comes from, when proxies stand in front.

use std::net::IpAddr;

use crate::config::ConfigError;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    base: u128,
    bits: u32,
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Trusted(Vec<Range>);

impl Trusted {
    /// Reads addresses and ranges, such as `10.0.0.0/8` or `::1`.
    ///
    /// # Errors
    /// Every problem at once, by path.
    pub fn new(ranges: &[String]) -> Result<Self, Vec<ConfigError>> {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for (index, text) in ranges.iter().enumerate() {
            match Range::parse(text) {
                Some(range) => read.push(range),
                None => problems.push(ConfigError::new(
                    format!("server.trusted_proxies[{index}]"),
                    "is no address and no range: write 10.0.0.7, 10.0.0.0/8 or fd00::/8",
                )),
            }
        }
        if problems.is_empty() {
            Ok(Self(read))
        } else {
            Err(problems)
        }
    }

    /// The address a request came from: the peer's own, or, if that is a trusted proxy, the last
    /// address of `X-Forwarded-For` that no trusted proxy stands for. What a stranger writes into
    /// that header stands before what the first trusted proxy adds, so nothing of it is believed.
    pub fn source(&self, peer: &str, headers: &[(&str, &str)]) -> Option<IpAddr> {
        let mut source = address(peer)?;
        let forwarded = headers
            .iter()
            .rev()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"))
            .flat_map(|(_, value)| value.rsplit(','));
        for hop in forwarded {
            if !self.contains(source) {
                break;
            }
            let Some(before) = address(hop.trim()) else {
                break;
            };
            source = before;
        }
        Some(source)
    }

    /// Whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        (bits <= width).then(|| Self {
            base: number(base),
            bits: 128 - width + bits,
        })
    }

    fn contains(self, address: IpAddr) -> bool {
        let differing = self.base ^ number(address);
        differing.leading_zeros() >= self.bits
    }
}

/// IPv4 as IPv6 maps it: both kinds compare, and `::ffff:10.0.0.1` is 10.0.0.1.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address as servers and proxies write it: alone, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Some(address.ip());
    }
    // Granian writes an IPv6 peer and its port without brackets.
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .ok()
        .or_else(|| text.rsplit_once(':')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::Trusted;
    use std::net::IpAddr;

    fn source(trusted: &[&str], peer: &str, forwarded: &[&str]) -> Option<IpAddr> {
        let ranges: Vec<String> = trusted.iter().map(|&one| one.to_owned()).collect();
        let headers: Vec<(&str, &str)> = forwarded
            .iter()
            .map(|value| ("X-Forwarded-For", *value))
            .collect();
        Trusted::new(&ranges).unwrap().source(peer, &headers)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(
            source(&[], "203.0.113.9:4711", &["1.2.3.4"]),
            ip("203.0.113.9")
        );
        assert_eq!(
            source(&["10.0.0.0/8"], "203.0.113.9:4711", &["1.2.3.4"]),
            ip("203.0.113.9")
        );
    }

    #[test]
    fn a_trusted_proxy_says_who_called_it_and_forged_hops_before_that_are_not_believed() {
        let trusted = ["10.0.0.0/8", "127.0.0.1"];
        assert_eq!(
            source(&trusted, "127.0.0.1:80", &["1.2.3.4, 203.0.113.9"]),
            ip("203.0.113.9")
        );
        let chain = ["1.2.3.4, 203.0.113.9", "10.0.0.7"];
        assert_eq!(source(&trusted, "127.0.0.1:80", &chain), ip("203.0.113.9"));
        assert_eq!(
            source(&trusted, "127.0.0.1:80", &["203.0.113.9, garbage"]),
            ip("127.0.0.1")
        );
        assert_eq!(source(&trusted, "127.0.0.1:80", &[]), ip("127.0.0.1"));
    }

    #[test]
    fn addresses_are_read_however_they_are_written() {
        for peer in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"] {
            assert_eq!(source(&[], peer, &[]), ip("2001:db8::1"), "{peer}");
        }
        assert_eq!(
            source(&["10.0.0.0/8"], "[::ffff:10.1.2.3]:80", &["203.0.113.9"]),
            ip("203.0.113.9")
        );
        assert_eq!(source(&[], "unix:", &[]), None);
        assert_eq!(source(&[], "", &[]), None);
    }

    #[test]
    fn what_is_no_range_is_named() {
        let ranges: Vec<String> = ["10.0.0.0/33", "fd00::/129", "x", "::/0"]
            .map(str::to_owned)
            .into();
        let problems = Trusted::new(&ranges).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|one| &*one.path).collect();
        let expected = [
            "server.trusted_proxies[0]",
            "server.trusted_proxies[1]",
            "server.trusted_proxies[2]",
        ];
        assert_eq!(paths, expected);
    }
}
