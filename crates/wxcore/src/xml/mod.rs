//! The XML that WeChat writes: elements, text, CDATA. No DTD, no entities of one's own, no surprises.

mod scan;
mod write;

pub use scan::{Limits, XmlError, parse};
pub use write::{cdata, escaped};
