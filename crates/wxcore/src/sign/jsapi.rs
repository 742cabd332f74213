//! Signatures that a page needs before it may call WeChat's JS-SDK.

use crate::crypto::digest::{hex, sha1};

/// The signature for `wx.config`. `url` is the page's address as the browser shows it, query and all; what
/// follows `#` is left out here. The page says `nonceStr`, the signed text says `noncestr`.
pub fn jsapi_signature(ticket: &str, nonce: &str, timestamp: i64, url: &str) -> String {
    let page = url.split_once('#').map_or(url, |(page, _)| page);
    let text = format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}");
    hex(&sha1(&[text.as_bytes()]))
}

/// The signature of a card's `card_ext` and of `wx.chooseCard`: SHA-1 over the values in the order of their
/// bytes, names left out. Empty values count for nothing.
pub fn sorted_values_signature(values: &[&str]) -> String {
    let mut sorted: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    sorted.sort_unstable();
    hex(&sha1(&sorted))
}

#[cfg(test)]
mod tests {
    use super::{jsapi_signature, sorted_values_signature};

    #[test]
    fn the_fragment_does_not_count_but_the_query_does() {
        let sign = |url: &str| jsapi_signature("t", "n", 1, url);
        assert_eq!(sign("https://a.cn/?b=1#c"), sign("https://a.cn/?b=1"));
        assert_eq!(sign("https://a.cn/?b=1#c#d"), sign("https://a.cn/?b=1"));
        assert_ne!(sign("https://a.cn/?b=1"), sign("https://a.cn/"));
        assert_ne!(sign("https://a.cn"), sign("https://a.cn/"));
    }

    #[test]
    fn values_are_sorted_by_bytes_and_empty_ones_skipped() {
        let sorted = sorted_values_signature(&["A", "a", "一"]);
        assert_eq!(sorted_values_signature(&["一", "", "a", "A"]), sorted);
        assert_ne!(sorted_values_signature(&["aA", "一"]), sorted);
    }
}
