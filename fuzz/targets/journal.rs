//! Laws of `wxcore::journal`: reading a file again never panics, whatever it holds; what it finds in
//! it lies in it, in order and without overlap; an entry that can be read can be written and read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wxcore::journal::entry::Entry;
use wxcore::journal::frame;
use wxcore::journal::index::Header;
use wxcore::journal::scan::Scan;
use wxcore::journal::segment;

const EPOCH: u32 = 0x5758_4a31;

fuzz_target!(|bytes: &[u8]| {
    let mut end = 0;
    for placed in Scan::new(bytes, 0, EPOCH) {
        assert!(placed.offset >= end, "frames do not overlap");
        end = placed.offset + placed.frame.size();
        assert!(end <= bytes.len());
        let again = frame::read(&bytes[placed.offset..], EPOCH).expect("read alone");
        assert_eq!(
            (again.seq, again.payload),
            (placed.frame.seq, placed.frame.payload)
        );
    }
    if let Some(entry) = Entry::decode(bytes) {
        let mut out = Vec::new();
        entry.encode(&mut out);
        assert_eq!(Entry::decode(&out).as_ref(), Some(&entry));
    }
    let _ = segment::Header::read(bytes);
    let _ = Header::parse(bytes);
});
