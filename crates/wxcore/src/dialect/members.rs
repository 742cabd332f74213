//! Reading an envelope's members exactly: signed and authenticated text is never trimmed.

use crate::fields::Node;
use crate::json::JsonError;
use crate::reject::Reject;
use crate::xml::XmlError;

/// Text as it stands. Absent and null are `None`; a number or a nested value is refused.
pub(crate) fn text<'n>(node: Option<&'n Node<'_>>) -> Result<Option<&'n str>, Reject> {
    match node {
        None | Some(Node::Null) => Ok(None),
        Some(Node::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Reject::BadEnvelope),
    }
}

/// As [`text`], but it must be there and not be empty.
pub(crate) fn required<'n>(node: Option<&'n Node<'_>>, absent: Reject) -> Result<&'n str, Reject> {
    text(node)?.filter(|text| !text.is_empty()).ok_or(absent)
}

/// The envelope is not JSON as it should be.
pub(crate) const fn json_refused(error: JsonError) -> Reject {
    match error {
        JsonError::DuplicateKey => Reject::DuplicateField,
        JsonError::Malformed => Reject::BadEnvelope,
    }
}

/// The envelope is not XML as it should be.
pub(crate) const fn xml_refused(error: XmlError) -> Reject {
    match error {
        XmlError::Duplicate => Reject::DuplicateField,
        XmlError::Malformed | XmlError::TooMuch => Reject::BadEnvelope,
    }
}
