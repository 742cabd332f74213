//! Literal text that every match of a regular expression contains.

use std::cmp::Reverse;

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};

/// Of more pieces one would nearly always be found; and each takes memory.
const MOST: usize = 16;

/// Pieces of text of which every match contains one; `None` if there are no such, or too many.
pub(super) fn required(pattern: &str) -> Option<Vec<Vec<u8>>> {
    best(&regex_syntax::parse(pattern).ok()?)
}

/// The longest: those whose shortest piece is longest.
fn best(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let inside = match hir.kind() {
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(best)
            .max_by_key(|pieces| quality(pieces)),
        HirKind::Alternation(parts) => any_of(parts),
        _ => None,
    };
    [first(hir), inside]
        .into_iter()
        .flatten()
        .max_by_key(|pieces| quality(pieces))
}

fn quality(pieces: &[Vec<u8>]) -> (Option<usize>, Reverse<usize>) {
    let lengths = pieces.iter().map(Vec::len);
    (lengths.min(), Reverse(pieces.len()))
}

/// With which every match begins.
fn first(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    let found = extractor.limit_total(MOST).extract(hir);
    let pieces = found.literals()?.iter();
    let pieces: Vec<_> = pieces.map(|piece| piece.as_bytes().to_vec()).collect();
    let usable = !pieces.is_empty() && pieces.len() <= MOST;
    (usable && pieces.iter().all(|piece| !piece.is_empty())).then_some(pieces)
}

fn any_of(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let parts: Option<Vec<_>> = parts.iter().map(best).collect();
    parts
        .map(|parts| parts.concat())
        .filter(|pieces| pieces.len() <= MOST)
}

#[cfg(test)]
mod tests {
    use super::required;
    use proptest::prelude::*;
    use regex::Regex;

    fn pieces(pattern: &str) -> Option<Vec<String>> {
        let found = required(pattern)?.into_iter();
        let mut found: Vec<_> = found.map(|one| String::from_utf8(one).unwrap()).collect();
        found.sort_unstable();
        Some(found)
    }

    #[test]
    fn the_longest_text_is_taken() {
        for (pattern, expected) in [
            ("退款", &["退款"][..]),
            ("^退款$", &["退款"]),
            (".*退款.*", &["退款"]),
            ("^a.*(订单)+b", &["订单"]),
            ("退款|退货", &["退款", "退货"]),
            (".*退款|.*退货", &["退款", "退货"]),
            (
                "(?i)ok",
                &["OK", "Ok", "oK", "ok", "O\u{212a}", "o\u{212a}"],
            ),
            ("menu_[12]$", &["menu_1", "menu_2"]),
            ("a{2,}", &["aa"]),
        ] {
            let mut expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
            expected.sort_unstable();
            assert_eq!(pieces(pattern), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn what_needs_no_text_has_none() {
        for pattern in ["", ".*", "^$", r"\d+", "退款|", "(退款)?", "a*", r"\bx*"] {
            assert_eq!(pieces(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_contains_a_piece(pattern in pattern(), text in "[abAB1k款\u{212a}]{0,12}") {
            let Ok(regex) = Regex::new(&pattern) else { return Ok(()) };
            if let Some(pieces) = required(&pattern) && regex.is_match(&text) {
                let found = pieces.iter().any(|one| memchr::memmem::find(text.as_bytes(), one).is_some());
                prop_assert!(found, "{} {} {:?}", pattern, text, pieces);
            }
        }
    }

    /// Expressions of a few letters that texts of the same letters match now and then.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[abk1款]{1,3}",
            Just(".".to_owned()),
            Just("[ab]".to_owned()),
            Just(r"\d".to_owned()),
            Just("^".to_owned()),
            Just(r"\b".to_owned()),
            Just("$".to_owned()),
        ];
        let tree = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("({})", parts.join("|"))),
                (inner.clone(), "[*+?]|\\{2\\}|\\{0,3\\}|\\{1,2\\}")
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
                inner.prop_map(|part| format!("(?i:{part})")),
            ]
        });
        tree.boxed()
    }
}
