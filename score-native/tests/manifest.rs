//! The manifest that `#[score]` makes, and the dispatch behind it.
#![expect(missing_docs, reason = "the test's own SCORE")]

use score_native::{
    Answer, Contract, Event as _, Fault as _,
    args::{self, Malformed},
    manifest::TypeName,
    prelude::*,
};

type Amount = u64;

#[derive(Debug, State)]
pub struct Everything {
    owner: Item<Address>,
    by_pair: Map<(String, u64), Vec<Row>>,
}

#[derive(Debug, Clone, PartialEq, Value)]
pub struct Row {
    pub at: u64,
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Value)]
pub enum Mood {
    Fine,
    Busy { until: u64, with: Option<Row> },
    Away(Address, u8),
}

#[derive(Debug, Clone, PartialEq, Value)]
pub struct Id(pub Option<u64>);

#[derive(Debug, Clone, PartialEq, Value)]
pub struct Pair(pub Id, pub Mood);

#[derive(Debug, Event)]
pub struct RowAdded {
    pub pair: (String, u64),
}

#[derive(Debug, Event)]
pub struct Elsewhere {}

#[derive(Debug, Fault)]
pub enum Error {
    #[msg("a \"quoted\" {reason:?}")]
    Quoted { reason: String, unused: u8 },
    #[code(9)]
    Nameless,
}

#[score(name = "every_thing", events(Elsewhere))]
impl Everything {
    pub fn deploy(&mut self, owner: Address) {
        self.owner.set(owner);
    }
    pub fn add(&mut self, pair: (String, u64), row: Row, cx: &Cx) -> Result<Amount, Error> {
        ensure!(row.at < 10, Error::Quoted { reason: "late".into(), unused: 1 });
        ensure!(row.at > 0, Error::Nameless);
        let at = row.at;
        self.by_pair.update(&pair, |mut rows| {
            rows.push(row);
            rows
        });
        cx.emit(RowAdded { pair });
        Ok(at)
    }
    pub fn rows(&self, pair: (String, u64)) -> Option<Vec<Row>> {
        self.by_pair.try_get(&pair)
    }
    #[score(any)]
    pub fn other(&self, method: String, _body: Vec<u8>) -> String {
        method
    }
    pub fn helper() -> u8 {
        Self::hidden()
    }
    fn hidden() -> u8 {
        1
    }
}

const LEN: usize = Everything::MANIFEST.json_len();
const JSON: [u8; LEN] = Everything::MANIFEST.json();

#[test]
fn the_manifest_says_what_the_source_says() {
    let wanted = concat!(
        r#"{"abi":"1.0","name":"every-thing","version":"VERSION","sdk":"VERSION","methods":["#,
        r#"{"name":"deploy","kind":"deploy","args":[{"name":"owner","type":"address"}],"#,
        r#""returns":"()"},"#,
        r#"{"name":"add","kind":"invoke","args":[{"name":"pair","type":"(text,u64)"},"#,
        r#"{"name":"row","type":"{at:u64,tags:[text]}"}],"returns":"u64"},"#,
        r#"{"name":"rows","kind":"query","args":[{"name":"pair","type":"(text,u64)"}],"#,
        r#""returns":"[{at:u64,tags:[text]}]?"}],"#,
        r#""events":[{"name":"elsewhere","fields":[]},"#,
        r#"{"name":"row_added","fields":[{"name":"pair","type":"(text,u64)"}]}],"#,
        r#""faults":[{"code":1,"name":"Quoted","message":"a \"quoted\" {reason:?}"},"#,
        r#"{"code":9,"name":"Nameless","message":"Nameless"}],"#,
        r#""prefixes":["owner","by_pair/"],"any":{"invoke":false,"query":true}}"#,
    );
    let json = str::from_utf8(&JSON).unwrap();
    assert_eq!(json, wanted.replace("VERSION", env!("CARGO_PKG_VERSION")));
}

#[test]
fn names_of_types_are_those_of_the_manifest() {
    fn name<V: Value>() -> String {
        V::TYPE.as_str().to_owned()
    }
    assert_eq!(name::<Vec<u8>>(), "bytes");
    assert_eq!(name::<Vec<Vec<u8>>>(), "[bytes]");
    assert_eq!(name::<Option<[u8; 32]>>(), "hash?");
    assert_eq!(name::<(bool, i128, String)>(), "(bool,i128,text)");
    assert_eq!(name::<BTreeMap<u8, String>>(), "[(u8,text)]");
    assert_eq!(name::<Id>(), "u64?");
    let mood = "<Fine|Busy{until:u64,with:{at:u64,tags:[text]}?}|Away{0:address,1:u8}>";
    assert_eq!(name::<Mood>(), mood);
    assert_eq!(name::<Pair>(), format!("(u64?,{mood})"));
    assert_eq!(<Result<(), Error> as Answer>::TYPE.as_str(), "()");
    assert_eq!(TypeName::of("x").as_str(), "x");
}

#[test]
fn an_enum_is_the_number_of_its_variant_and_the_fields() {
    let row = Row { at: 1, tags: vec!["x".into()] };
    let busy = Mood::Busy { until: 9, with: Some(row) };
    for (mood, bytes) in [
        (Mood::Fine, &[0x81, 0][..]),
        (busy, &[0x83, 1, 9, 0x82, 1, 0x81, 0x61, b'x']),
        (Mood::Away(Address([7; 20]), 3), &[&[0x83, 2, 0x54][..], &[7; 20], &[3]].concat()),
    ] {
        assert_eq!(args::encode(&mood), bytes);
        assert_eq!(args::decode(bytes), Ok(mood.clone()));
        let pair = Pair(Id(None), mood);
        assert_eq!(args::decode(&args::encode(&pair)), Ok(pair));
    }
    for (bytes, reason) in [
        (&[0x81, 3][..], Malformed::OutOfRange),
        (&[0x82, 0, 0], Malformed::OutOfRange),
        (&[0x80], Malformed::WrongLength),
        (&[0x81, 0x20], Malformed::WrongType),
    ] {
        assert_eq!(args::decode::<Mood>(bytes), Err(reason), "{bytes:?}");
    }
}

#[test]
fn maps_and_sets_are_ascending() {
    let map = BTreeMap::from([(2u8, true), (1, false)]);
    assert_eq!(args::encode(&map), [0x82, 0x82, 1, 0xf4, 0x82, 2, 0xf5]);
    assert_eq!(args::decode(&args::encode(&map)), Ok(map));
    let set = BTreeSet::from([2u8, 1]);
    assert_eq!(args::decode(&[0x82, 1, 2]), Ok(set));
    assert_eq!(args::decode::<BTreeSet<u8>>(&[0x82, 2, 1]), Err(Malformed::NotCanonical));
    assert_eq!(args::decode::<BTreeSet<u8>>(&[0x82, 1, 1]), Err(Malformed::NotCanonical));
}

#[test]
fn an_event_is_read_back() {
    let mut out = Vec::new();
    RowAdded { pair: ("a".into(), 1) }.encode(&mut out);
    let read = RowAdded::decode(&mut args::Reader::new(&out)).map(|event| event.pair);
    assert_eq!(read, Ok(("a".into(), 1)));
}

#[test]
fn faults_carry_their_code_and_message() {
    assert_eq!(Error::Quoted { reason: "x".into(), unused: 0 }.code(), 1);
    assert_eq!(Error::Nameless.code(), 9);
    let message = Error::Quoted { reason: "x".into(), unused: 0 }.message();
    assert_eq!(message, "a \"quoted\" \"x\"");
}

#[test]
fn typed_calls_are_the_arrays_that_dispatch_reads() {
    let call = tx::rows((String::from("a"), 1));
    assert_eq!((call.kind, call.method.as_str()), (2, "rows"));
    assert_eq!(call.args, [0x81, 0x82, 0x61, b'a', 0x01]);
    assert_eq!(Everything::helper(), 1);
}
