//! Picking signature headers out of all headers.

use crate::reject::Reject;

/// The values of `names` (lower case), in their order; headers may be in any case. A comma never stands in
/// the values that this is used for: it means that a proxy joined two headers into one.
pub(crate) fn pick<'a, const N: usize>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], Reject> {
    let mut found = [None; N];
    for (name, value) in headers {
        let known = names
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name));
        let Some(slot) = known.and_then(|index| found.get_mut(index)) else {
            continue;
        };
        if value.contains(',') || slot.replace(value).is_some() {
            return Err(Reject::DuplicateParameter);
        }
    }
    Ok(found)
}

/// A header that must be there and not be empty.
pub(crate) fn present(value: Option<&str>) -> Result<&str, Reject> {
    value
        .filter(|text| !text.is_empty())
        .ok_or(Reject::MissingParameter)
}
