//! Arguments of REST and the command line against a manifest: what is taken, what is refused and how.

use super::*;
use crate::json::{Duplicates, parse};

const ALICE: Address = Address::new([0xaa; 20]);

fn field(name: &str, kind: &str) -> Field {
    Field { name: name.into(), kind: kind.into() }
}

fn method(args: &[(&str, &str)]) -> Method {
    let args = args.iter().map(|(name, kind)| field(name, kind)).collect();
    Method { name: "transfer".into(), kind: "invoke".into(), args, returns: "()".into() }
}

fn resolve(name: &str) -> Option<Address> {
    (name == "alice").then_some(ALICE)
}

fn json(text: &str) -> Json {
    parse(text.as_bytes(), Duplicates::Refuse).unwrap()
}

fn try_encode(args: &[(&str, &str)], text: &str) -> Result<Vec<u8>, CallError> {
    encode("token", &method(args), &json(text), &resolve)
}

/// JSON in, JSON out again by the same types.
fn round_trip(kind: &str, text: &str) -> String {
    let bytes = try_encode(&[("a", kind)], &format!("[{text}]")).unwrap();
    decode_fields(&[field("a", kind)], &bytes).unwrap().get("a").unwrap().to_string()
}

const TRANSFER: &[(&str, &str)] = &[("to", "address"), ("amount", "u128")];

#[test]
fn names_and_positions_give_the_same_bytes() {
    let by_name = try_encode(TRANSFER, r#"{"amount": "30", "to": "alice"}"#).unwrap();
    let by_position = try_encode(TRANSFER, &format!(r#"["{ALICE}", 30]"#)).unwrap();
    assert_eq!(by_name, by_position);
    let mut expected = vec![0x82, 0x54];
    expected.extend([0xaa; 20]);
    expected.extend([0x18, 30]);
    assert_eq!(by_name, expected);
}

#[test]
fn a_variant_is_its_name_or_an_object_of_one_member() {
    let kind = "<Open|Shut{at:u64,by:address}|Moved{0:text}>";
    let bytes = try_encode(&[("a", kind)], r#"["Open"]"#).unwrap();
    assert_eq!(bytes, [0x81, 0x81, 0]);
    assert_eq!(round_trip(kind, "\"Open\""), "\"Open\"");
    let shut = format!(r#"{{"Shut":{{"at":7,"by":"{ALICE}"}}}}"#);
    assert_eq!(round_trip(kind, r#"{"Shut": {"by": "alice", "at": "7"}}"#), shut);
    assert_eq!(round_trip(kind, r#"{"Moved": ["x"]}"#), r#"{"Moved":{"0":"x"}}"#);
    for wrong in [r#""open""#, r#""Shut""#, r#"{"Open":{"x":1}}"#, "1", r#"{"Shut":{"at":7}}"#] {
        assert!(try_encode(&[("a", kind)], &format!("[{wrong}]")).is_err(), "{wrong}");
    }
    let error = try_encode(&[("a", kind)], "[1]").unwrap_err();
    let wanted =
        r#"token.transfer: `a` must be one of "Open", {"Shut": {…}}, {"Moved": {…}}, not 1"#;
    assert_eq!(error.message, wanted);
}

#[test]
fn every_type_comes_back_as_it_went_in() {
    let wide = "\"340282366920938463463374607431768211455\"";
    let lowest = "\"-170141183460469231731687303715884105728\"";
    let hash = format!("\"{}\"", "ab".repeat(32));
    let cases = [
        ("u8", "255", "255"),
        ("u16", "\"65535\"", "65535"),
        ("u64", "18446744073709551615", "18446744073709551615"),
        ("u128", "18446744073709551616", "\"18446744073709551616\""),
        ("u128", wide, wide),
        ("u128", "7", "\"7\""),
        ("i64", "-9223372036854775808", "-9223372036854775808"),
        ("i128", lowest, lowest),
        ("i128", "-18446744073709551616", "\"-18446744073709551616\""),
        ("i128", "-18446744073709551617", "\"-18446744073709551617\""),
        ("bool", "\"true\"", "true"),
        ("text", "\"민수\"", "\"민수\""),
        ("bytes", "\"0x00FF\"", "\"00ff\""),
        ("bytes", "\"\"", "\"\""),
        ("hash", &hash, &hash),
        ("address", "\"alice\"", "\"hxaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
        ("[u8?]", "[1,null]", "[1,null]"),
        ("(u8,text)", "[1,\"a\"]", "[1,\"a\"]"),
        ("{at:u64,by:text?}", "{\"at\":5}", "{\"at\":5,\"by\":null}"),
    ];
    for (kind, given, back) in cases {
        assert_eq!(round_trip(kind, given), back, "{kind} {given}");
    }
}

#[test]
fn wide_integers_are_sixteen_bytes_only_when_they_must_be() {
    let narrow = try_encode(&[("a", "u128")], "[\"18446744073709551615\"]").unwrap();
    assert_eq!(narrow, [0x81, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255]);
    let wide = try_encode(&[("a", "u128")], "[\"18446744073709551616\"]").unwrap();
    assert_eq!(wide, [0x81, 0x50, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let negative = try_encode(&[("a", "i128")], "[-1]").unwrap();
    assert_eq!(negative, [0x81, 0x20]);
}

#[test]
fn an_unknown_parameter_is_named_with_the_ones_there_are() {
    let error = try_encode(TRANSFER, r#"{"tp": "alice", "amount": 1}"#).unwrap_err();
    assert_eq!(error.code, Code::ArgumentsWrong);
    assert_eq!(error.message, "token.transfer has no parameter `tp`");
    assert_eq!(error.help, ["parameters are to: address, amount: u128. Did you mean `to`?"]);
}

#[test]
fn what_does_not_fit_says_where_and_why() {
    let list: &[(&str, &str)] = &[("list", "[{n:u8}]")];
    let cases = [
        (TRANSFER, r#"{"to": "alice"}"#, "token.transfer needs `amount`"),
        (TRANSFER, "null", "token.transfer needs `to`"),
        (TRANSFER, "[1]", "token.transfer takes 2 arguments, not 1"),
        (TRANSFER, "7", "token.transfer: arguments are an object or array, not a number"),
        (TRANSFER, r#"["bob", 1]"#, "token.transfer: `to`: nobody on this channel is called `bob`"),
        (
            TRANSFER,
            r#"["alice", -1]"#,
            "token.transfer: `amount` must be a u128 (a whole number, not negative), not -1",
        ),
        (
            TRANSFER,
            r#"["alice", 1.0]"#,
            "token.transfer: `amount` must be a u128 (a whole number, not negative), not 1.0",
        ),
        (list, r#"[[{"n": 256}]]"#, "token.transfer: `list[0].n` must be a u8 (0 to 255), not 256"),
        (list, r#"[[{"m": 1}]]"#, "token.transfer: `list[0]` has no field `m`"),
    ];
    for (args, text, message) in cases {
        assert_eq!(try_encode(args, text).unwrap_err().message, message);
    }
}

#[test]
fn values_out_of_range_or_of_another_type_are_refused() {
    let cases = [
        ("u8", "256"),
        ("u8", "\"\""),
        ("u8", "\"+1\""),
        ("u64", "18446744073709551616"),
        ("u128", "\"340282366920938463463374607431768211456\""),
        ("i64", "9223372036854775808"),
        ("i64", "-9223372036854775809"),
        ("i128", "\"170141183460469231731687303715884105728\""),
        ("bool", "1"),
        ("bool", "\"yes\""),
        ("text", "1"),
        ("bytes", "\"abc\""),
        ("bytes", "[1,2]"),
        ("hash", "\"abcd\""),
        ("address", "\"hx00\""),
        ("address", "1"),
        ("[u8]", "1"),
        ("(u8,u8)", "[1]"),
        ("text", "null"),
        ("float", "1"),
    ];
    for (kind, text) in cases {
        let error = try_encode(&[("a", kind)], &format!("[{text}]")).unwrap_err();
        assert_eq!(error.code, Code::ArgumentsWrong, "{kind} {text}");
    }
}

#[test]
fn an_unknown_method_is_named_with_the_ones_there_are() {
    let manifest: Manifest = serde_json::from_value(serde_json::json!({
        "abi": "1.0", "name": "token", "version": "0.1.0",
        "methods": [
            {"name": "transfer", "kind": "invoke", "args": [], "returns": "()"},
            {"name": "balance_of", "kind": "query", "args": [], "returns": "u128"},
        ],
    }))
    .unwrap();
    assert!(find(&manifest, CallKind::Transaction, "transfer").is_ok());
    let error = find(&manifest, CallKind::Query, "balanceof").unwrap_err();
    assert_eq!(error.message, "token has no query `balanceof`");
    assert_eq!(error.help, ["its queries are balance_of. Did you mean `balance_of`?"]);
}

#[test]
fn a_catch_all_gets_its_body_as_one_byte_string() {
    let args = catch_all(r#"{"data": "hello"}"#);
    assert_eq!(catch_all_text(&args).as_deref(), Some(r#"{"data": "hello"}"#));
    assert_eq!(catch_all_text(&[0x80]), None);
    assert_eq!(decode_generic(&[]), Json::Null);
    assert_eq!(decode_generic(&[0xff]), Json::from("ff"));
    assert_eq!(decode_generic(&[0x82, 0x20, 0x41, 7]).to_string(), r#"[-1,"07"]"#);
}
