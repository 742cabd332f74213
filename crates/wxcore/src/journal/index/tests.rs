//! The index against a plain `Vec` of what went in, and against damage.

use proptest::prelude::*;

use super::*;
use crate::journal::entry::digest;
use crate::journal::record::Reply;
use crate::journal::seal::SealKey;
use crate::journal::segment;
use crate::time::UnixMillis;

#[derive(Clone, Debug)]
struct Model {
    seq: u64,
    id: String,
    account: String,
    type_name: String,
    subject: String,
    accepted: i64,
    lifetime: i64,
    sets: Vec<&'static str>,
}

const FIRST: u64 = 1000;
const SEGMENT: segment::Header = segment::Header {
    epoch: 99,
    number: 7,
    first_seq: FIRST,
    created: UnixMillis(0),
    sealed: None,
    names: 0,
};

fn message() -> impl Strategy<Value = Model> {
    (
        "[a-e]{1,2}",
        prop::sample::select(vec!["shop", "mch", "店"]),
        prop::sample::select(vec![
            "wechat.official.text",
            "wechat.pay.transaction.success",
        ]),
        prop::sample::select(vec!["", "a", "ab", "oUser", "oUser2", "用户"]),
        0..50_i64,
        0..50_i64,
        prop::sample::select(vec![vec![], vec!["orders"], vec!["orders", "log"]]),
    )
        .prop_map(
            |(id, account, type_name, subject, accepted, lifetime, sets)| Model {
                seq: 0,
                id,
                account: account.into(),
                type_name: type_name.into(),
                subject: subject.into(),
                accepted,
                lifetime,
                sets,
            },
        )
}

fn messages() -> impl Strategy<Value = Vec<Model>> {
    prop::collection::vec(message(), 0..60).prop_map(|mut all| {
        for (seq, model) in (FIRST..).zip(&mut all) {
            model.seq = seq;
        }
        all
    })
}

const fn offset(seq: u64) -> u64 {
    4096 + (seq - FIRST) * 777
}

fn build(models: &[Model], void: &[std::ops::Range<u64>]) -> Vec<u8> {
    let mut builder = Builder::new(&SEGMENT);
    for model in models {
        builder.push(&Fact {
            place: Place {
                seq: model.seq,
                offset: offset(model.seq),
            },
            id: &model.id,
            account: &model.account,
            type_name: &model.type_name,
            subject: &model.subject,
            accepted: UnixMillis(model.accepted),
            expires: UnixMillis(model.accepted + model.lifetime),
            destinations: &model.sets,
        });
    }
    for range in void {
        builder.void(range.clone());
    }
    builder.finish(123_456, None).unwrap()
}

struct Opened {
    header: Header,
    meta: Meta,
    keys: Keys,
    ids: Ids,
    replies: Replies,
}

fn open(bytes: &[u8]) -> Result<Opened, IndexError> {
    open_with(bytes, None)
}

fn open_with(bytes: &[u8], key: Option<&SealKey>) -> Result<Opened, IndexError> {
    let header = Header::parse(bytes)?;
    let section = |section| {
        let range = header.range(section);
        let start = usize::try_from(range.start).map_err(|_| IndexError::Damaged)?;
        let end = usize::try_from(range.end).map_err(|_| IndexError::Damaged)?;
        let bytes = bytes.get(start..end).ok_or(IndexError::Damaged)?;
        header.open(section, bytes.to_vec(), key)
    };
    Ok(Opened {
        meta: Meta::parse(&section(Section::Meta)?)?,
        keys: Keys::parse(section(Section::Keys)?)?,
        ids: Ids::parse(section(Section::Ids)?)?,
        replies: Replies::parse(&section(Section::Replies)?)?,
        header,
    })
}

fn seqs(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.place.seq).collect()
}

proptest! {
    #[test]
    fn a_filter_finds_what_a_plain_search_finds(
        models in messages(),
        subject in prop::option::of(prop::sample::select(vec!["a", "ab", "oUser", "用户", "nobody"])),
        since in prop::option::of(0..55_i64),
        until in prop::option::of(0..55_i64),
        type_name in prop::option::of(prop::sample::select(vec!["wechat.official.text", "other"])),
        account in prop::option::of(prop::sample::select(vec!["shop", "店", "x"])),
    ) {
        let index = open(&build(&models, &[])).unwrap();
        let filter = Filter {
            subject,
            since: since.map(UnixMillis),
            until: until.map(UnixMillis),
            type_name,
            account,
        };
        let wanted: Vec<u64> = models
            .iter()
            .filter(|model| subject.is_none_or(|subject| model.subject == subject))
            .filter(|model| since.is_none_or(|since| model.accepted >= since))
            .filter(|model| until.is_none_or(|until| model.accepted < until))
            .filter(|model| type_name.is_none_or(|name| model.type_name == name))
            .filter(|model| account.is_none_or(|name| model.account == name))
            .map(|model| model.seq)
            .collect();
        let found = index.keys.find(&index.meta, &filter);
        prop_assert_eq!(seqs(&found), wanted.clone());
        prop_assert!(found.iter().all(|row| row.place.offset == offset(row.place.seq)));
        if !wanted.is_empty() {
            prop_assert!(index.header.overlaps(filter.since, filter.until));
        }
    }

    #[test]
    fn an_id_finds_every_message_that_has_it(models in messages(), id in "[a-e]{1,2}") {
        let index = open(&build(&models, &[])).unwrap();
        let wanted: Vec<u64> =
            models.iter().filter(|model| model.id == id).map(|model| model.seq).collect();
        let found = index.ids.find(&digest(&id));
        prop_assert_eq!(found.iter().map(|place| place.seq).collect::<Vec<_>>(), wanted);
        prop_assert!(found.iter().all(|place| place.offset == offset(place.seq)));
    }

    #[test]
    fn rows_tell_the_names_that_went_in(models in messages()) {
        let index = open(&build(&models, &[])).unwrap();
        prop_assert_eq!(index.keys.len(), models.len());
        prop_assert_eq!(index.header.messages as usize, models.len());
        for row in index.keys.iter() {
            let model = &models[usize::try_from(row.place.seq - FIRST).unwrap()];
            prop_assert_eq!(&index.meta.types[usize::from(row.type_code)], &model.type_name);
            prop_assert_eq!(&index.meta.accounts[usize::from(row.account_code)], &model.account);
            prop_assert_eq!(index.meta.destinations(row.set).unwrap(), &model.sets[..]);
            prop_assert_eq!(row.accepted.0, model.accepted);
            prop_assert_eq!(index.keys.row_of(row.place.seq), Some(row));
        }
    }

    #[test]
    fn claims_are_those_that_live_on(models in messages(), now in 0..100_i64) {
        let index = open(&build(&models, &[])).unwrap();
        let wanted: Vec<u64> = models
            .iter()
            .filter(|model| model.accepted + model.lifetime > now)
            .map(|model| model.seq)
            .collect();
        let living = |ids: &Ids| {
            let mut seqs: Vec<u64> =
                ids.claims(UnixMillis(now)).map(|claim| claim.place.seq).collect();
            seqs.sort_unstable();
            seqs
        };
        prop_assert_eq!(living(&index.ids), wanted.clone());
        prop_assert_eq!(index.header.expires > UnixMillis(now), !wanted.is_empty());

        match claims_only(&index.header, (&index.ids, &index.replies), UnixMillis(now), None).unwrap() {
            Some(bytes) => {
                let rest = open(&bytes).unwrap();
                prop_assert_eq!(living(&rest.ids), wanted);
                prop_assert!(rest.keys.is_empty());
                prop_assert_eq!(rest.header.scanned, index.header.scanned);
            }
            None => prop_assert!(wanted.is_empty()),
        }
    }

    #[test]
    fn what_is_void_is_not_found(models in messages(), from in 0..60_u64, length in 0..9_u64) {
        let void = FIRST + from..FIRST + from + length;
        let index = open(&build(&models, std::slice::from_ref(&void))).unwrap();
        let wanted: Vec<u64> =
            models.iter().map(|model| model.seq).filter(|seq| !void.contains(seq)).collect();
        prop_assert_eq!(seqs(&index.keys.find(&index.meta, &Filter::default())), wanted.clone());
        prop_assert_eq!(index.ids.len(), wanted.len());
        prop_assert_eq!(index.meta.void, vec![void]);
    }

    #[test]
    fn a_flipped_bit_is_noticed(models in messages(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = build(&models, &[]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn a_cut_is_noticed(models in messages(), at in any::<prop::sample::Index>()) {
        let bytes = build(&models, &[]);
        prop_assert!(open(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn no_bytes_panic_even_under_a_fitting_checksum(
        sections in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..80)),
        numbers in prop::array::uniform3(any::<u64>()),
        queried in any::<i64>(),
    ) {
        let mut facts = Header::bare(Scanned { first_seq: numbers[0], ..Scanned::default() });
        facts.messages = 3;
        let header = facts.describe(&sections);
        prop_assert_eq!(Header::parse(&header.encode()), Ok(header.clone()));
        let [meta, keys, ids, replies] = sections;
        let meta = header.open(Section::Meta, meta, None).and_then(|plain| Meta::parse(&plain));
        let meta = meta.unwrap_or_default();
        let keys = header.open(Section::Keys, keys, None).unwrap();
        if let Ok(keys) = Keys::parse(keys) {
            let filter = Filter { subject: Some("a"), since: Some(UnixMillis(queried)), ..Filter::default() };
            keys.find(&meta, &filter);
            keys.find(&meta, &Filter::default());
            keys.row_of(numbers[1]);
        }
        let replies = header.open(Section::Replies, replies, None).unwrap();
        let replies = Replies::parse(&replies).unwrap_or_default();
        let ids = header.open(Section::Ids, ids, None).unwrap();
        if let Ok(ids) = Ids::parse(ids) {
            ids.find(&[7; 16]);
            claims_only(&header, (&ids, &replies), UnixMillis(queried), None).unwrap();
        }
    }

    #[test]
    fn a_table_of_subjects_that_lies_does_no_harm(
        bytes in prop::collection::vec(0..6_u8, 40..120),
        subjects in 0..6_u32,
    ) {
        // Small numbers with zeros between, so that offsets point inside, into each other, backwards.
        let mut keys = subjects.to_le_bytes().to_vec();
        for byte in bytes {
            keys.extend_from_slice(&u32::from(byte).to_le_bytes());
        }
        let header = Header::bare(Scanned::default()).describe(&[Vec::new(), keys.clone(), Vec::new(), Vec::new()]);
        if let Ok(keys) = Keys::parse(header.open(Section::Keys, keys, None).unwrap()) {
            for subject in ["", "\0", "\0\0\0\0", "a"] {
                let filter = Filter { subject: Some(subject), since: Some(UnixMillis(1)), ..Filter::default() };
                keys.find(&Meta::default(), &filter);
            }
        }
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let mut bytes = build(&[], &[]);
    bytes[8] = 2;
    let crc = layout::checksum(&bytes[..HEADER - 4]).to_le_bytes();
    bytes[HEADER - 4..HEADER].copy_from_slice(&crc);
    assert_eq!(open(&bytes).err(), Some(IndexError::Version(2)));
    assert_eq!(open(b"wxgindex").err(), Some(IndexError::Foreign));
    assert_eq!(open(&[0; 200]).err(), Some(IndexError::Foreign));
}

#[test]
fn a_name_beyond_those_listed_is_still_found() {
    let mut builder = Builder::new(&segment::Header {
        first_seq: 1,
        ..SEGMENT
    });
    for seq in 1..=65_600 {
        builder.push(&Fact {
            place: Place { seq, offset: seq },
            id: "x",
            account: "shop",
            type_name: &format!("t{seq}"),
            subject: "",
            accepted: UnixMillis(0),
            expires: UnixMillis(0),
            destinations: &[],
        });
    }
    let index = open(&builder.finish(0, None).unwrap()).unwrap();
    let found = |name| {
        let filter = Filter {
            type_name: Some(name),
            ..Filter::default()
        };
        seqs(&index.keys.find(&index.meta, &filter))
    };
    assert!(found("t65600").contains(&65_600));
    assert!(found("t1").contains(&1));
    assert!(
        found("t1").len() < 100,
        "a listed name is not confused with others that are"
    );
}

#[test]
fn the_index_of_a_sealed_segment_shows_nothing_without_its_key() {
    let key = SealKey::new([5; 32]);
    let (_, check) = key.segment(&[3; 16]).unwrap();
    let header = segment::Header {
        sealed: Some(([3; 16], check)),
        ..SEGMENT
    };
    let made = |subject| {
        let mut builder = Builder::new(&header);
        builder.push(&Fact {
            place: Place {
                seq: FIRST,
                offset: 4096,
            },
            id: "shop:m:1",
            account: "shop",
            type_name: "wechat.official.text",
            subject,
            accepted: UnixMillis(1),
            expires: UnixMillis(9),
            destinations: &["orders"],
        });
        builder
    };
    let bytes = made("oUser").finish(5000, Some(&key)).unwrap();
    for word in ["oUser", "shop", "orders"] {
        assert!(
            !bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        );
    }
    assert_eq!(open(&bytes).err(), Some(IndexError::Key));
    let other = SealKey::new([6; 32]);
    assert_eq!(open_with(&bytes, Some(&other)).err(), Some(IndexError::Key));
    assert_eq!(made("oUser").finish(5000, None), Err(IndexError::Key));

    let index = open_with(&bytes, Some(&key)).unwrap();
    let filter = Filter {
        subject: Some("oUser"),
        ..Filter::default()
    };
    assert_eq!(seqs(&index.keys.find(&index.meta, &filter)), [FIRST]);
    let rest = claims_only(
        &index.header,
        (&index.ids, &index.replies),
        UnixMillis(0),
        Some(&key),
    )
    .unwrap();
    let rest = open_with(&rest.unwrap(), Some(&key)).unwrap();
    assert_eq!(rest.ids.find(&digest("shop:m:1")).len(), 1);

    let again = made("oUser2").finish(5000, Some(&key)).unwrap();
    assert_ne!(
        nonce(&bytes),
        nonce(&again),
        "one nonce never covers two contents"
    );
}

fn nonce(bytes: &[u8]) -> &[u8] {
    let range = Header::parse(bytes).unwrap().range(Section::Keys);
    let start = usize::try_from(range.start).unwrap();
    &bytes[start..start + 12]
}

#[test]
fn answers_that_may_still_be_asked_for_are_kept() {
    let reply = |digest, expires| Reply {
        digest: [digest; 16],
        expires: UnixMillis(expires),
        answer: vec![digest; 3],
    };
    let mut builder = Builder::new(&SEGMENT);
    builder.push(&Fact {
        place: Place {
            seq: FIRST,
            offset: 4096,
        },
        id: "shop:m:1",
        account: "shop",
        type_name: "t",
        subject: "",
        accepted: UnixMillis(100),
        expires: UnixMillis(150),
        destinations: &[],
    });
    for one in [reply(1, 100), reply(2, 200), reply(3, 300)] {
        builder.reply(one);
    }
    let index = open(&builder.finish(0, None).unwrap()).unwrap();
    let living =
        |replies: &Replies, now| replies.living(UnixMillis(now)).cloned().collect::<Vec<_>>();
    assert_eq!(living(&index.replies, 0), [reply(2, 200), reply(3, 300)]);
    assert_eq!(index.header.expires, UnixMillis(300));
    let parts = (&index.ids, &index.replies);
    let rest = claims_only(&index.header, parts, UnixMillis(200), None)
        .unwrap()
        .unwrap();
    let rest = open(&rest).unwrap();
    assert!(rest.header.partial);
    assert_eq!(
        (rest.ids.len(), living(&rest.replies, 0)),
        (0, vec![reply(3, 300)])
    );
    assert_eq!(
        claims_only(&index.header, parts, UnixMillis(300), None),
        Ok(None)
    );
}
