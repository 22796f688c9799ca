//! Requests that a seeded generator spoils in one place each: the real server must name exactly what
//! is spoilt, answer in time, keep its memory, and answer a good request afterwards.

use crate::chain;
use crate::server::{Server, short, start};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::Encode;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Seeds; each makes one request of every kind.
const ROUNDS: u64 = 110;
/// Memory that the server may have taken more than before, bytes: what a request held is given back.
const GROWTH_MAX: u64 = 64 << 20;
/// Longest that one refusal may take on a machine that is shared, far from any hang.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// SplitMix64: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn word(&mut self, letters: &str, len: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..len).map(|_| letters[self.below(letters.len())]).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.next() & 0xff).unwrap()).collect()
    }
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";

/// One bad request and what it must be told: the status, and v2's code (empty: refused before there
/// is a form to answer in).
struct Bad {
    kind: &'static str,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
    /// The rest of the connection is not used.
    is_cut: bool,
}

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn json(path: &str, body: &[u8]) -> Vec<u8> {
    request("POST", path, "Content-Type: application/json\r\n", body)
}

fn bad(kind: &'static str, bytes: Vec<u8>, status: u16, code: &'static str) -> Bad {
    Bad { kind, bytes, status, code, is_cut: false }
}

const QUERY: &str = "/api/v2/channels/channel2/scores/token/query";
const SEND: &str = "/api/v2/channels/channel1/transactions";
const GOOD_QUERY: &str = r#"{"method":"balance_of","args":{"who":"alice"}}"#;

/// Paths that lead nowhere.
fn paths(dice: &mut Dice) -> Vec<Bad> {
    let len = 1 + dice.below(20);
    let name = format!("x{}", dice.word(LETTERS, len));
    let get = |path: String| request("GET", &path, "", b"");
    let rest = dice.of(&["", "/blocks", "/epochs", "/scores", "/events", "/evidence", "/members"]);
    let hash = dice.word(HEX, 64);
    let broken = dice.of(&["%ff", "%c3%28", "%80", "%ed%a0%80", "%fe%fe"]);
    vec![
        bad("no route", get(format!("/api/v2/{name}")), 404, "LC7104"),
        bad("no channel", get(format!("/api/v2/channels/{name}{rest}")), 404, "LC3205"),
        bad("no score", get(format!("/api/v2/channels/channel1/scores/{name}")), 404, "LC2106"),
        bad("no block", get(format!("/api/v2/channels/channel1/blocks/{hash}")), 404, "LC7104"),
        bad("no transaction", get(format!("{SEND}/{hash}")), 404, "LC7104"),
        bad("no utf-8", get(format!("/api/v2/channels/{broken}{name}")), 404, "LC7104"),
        bad("no page", get(format!("/{name}")), 404, "LC7104"),
    ]
}

/// Parameters of another form.
fn parameters(dice: &mut Dice) -> Vec<Bad> {
    let get = |path: String| request("GET", &path, "", b"");
    let number = dice.of(&[
        "-1",
        "x",
        "1.5",
        "0x10",
        "",
        "1e3",
        "%20",
        "99999999999999999999",
        "+1",
        "null",
    ]);
    let key = dice.of(&["limit", "before"]);
    let hash_len = dice.of(&[1, 2, 63, 65, 128]);
    let hash = dice.word(HEX, hash_len);
    let not_hex = dice.word("ghijklmnop", 64);
    let height = format!("{}{}", dice.below(1000), dice.of(&["x", ".5", "-", "%00", "e1"]));
    let proof = dice.word(LETTERS, 3);
    vec![
        bad(
            "limit",
            get(format!("/api/v2/channels/channel1/blocks?{key}={number}")),
            400,
            "LC7106",
        ),
        bad(
            "place",
            get(format!("/api/v2/channels/channel1/events?from=x{number}")),
            400,
            "LC7106",
        ),
        bad("short hash", get(format!("{SEND}/{hash}")), 400, "LC7106"),
        bad("no hash", get(format!("{SEND}/{not_hex}/receipt")), 400, "LC7106"),
        bad("height", get(format!("/api/v2/channels/channel1/blocks/{height}")), 400, "LC7106"),
        bad("proof", get(format!("{SEND}/{}?proof={proof}", dice.word(HEX, 64))), 400, "LC7106"),
    ]
}

/// Bodies that are spoilt.
fn bodies(dice: &mut Dice) -> Vec<Bad> {
    let cut = dice.below(GOOD_QUERY.len());
    let mut flipped = GOOD_QUERY.as_bytes().to_vec();
    let at = dice.below(flipped.len());
    flipped[at] = dice.of(&[0x00, 0x1f, 0x80, 0xc0, 0xff]);
    let noise_len = 1 + dice.below(2000);
    let noise = [vec![0xff], dice.bytes(noise_len)].concat();
    let depth = 33 + dice.below(5000);
    let key = dice.word(LETTERS, 4);
    let unknown = format!("{{\"method\":\"balance_of\",\"{key}\":1}}");
    let method = format!("{{\"method\":\"z{}\"}}", dice.word(LETTERS, 8));
    let args = dice.of(&[
        "1",
        "[]",
        "{}",
        "[1]",
        "\"x\"",
        "[\"nobody\"]",
        "{\"x\":1}",
        "[\"alice\",1]",
        "null",
    ]);
    let args = format!("{{\"method\":\"balance_of\",\"args\":{args}}}");
    let plain = dice.of(&[
        "text/plain",
        "application/xml",
        "image/png",
        "application/x-json",
        "json",
        "*/*",
    ]);
    let coding = dice.of(&["gzip", "br", "deflate", "zstd", "compress", "x-gzip"]);
    let twice = format!("{{\"{key}\":1,\"{key}\":2}}");
    let coded = format!("Content-Type: application/json\r\nContent-Encoding: {coding}\r\n");
    vec![
        bad("cut", json(QUERY, &GOOD_QUERY.as_bytes()[..cut]), 400, "LC7101"),
        bad("flipped", json(QUERY, &flipped), 400, "LC7101"),
        bad("noise", json(SEND, &noise), 400, "LC7101"),
        bad("deep", json(QUERY, "[".repeat(depth).as_bytes()), 400, "LC7101"),
        bad("twice", json(QUERY, twice.as_bytes()), 400, "LC7101"),
        bad("unknown key", json(QUERY, unknown.as_bytes()), 400, "LC7106"),
        bad("unknown method", json(QUERY, method.as_bytes()), 404, "LC2108"),
        bad("arguments", json(QUERY, args.as_bytes()), 400, "LC2107"),
        bad(
            "type",
            request("POST", QUERY, &format!("Content-Type: {plain}\r\n"), b"{}"),
            415,
            "LC7102",
        ),
        bad("no type", request("POST", SEND, "", b"{}"), 415, "LC7102"),
        bad("coding", request("POST", SEND, &coded, b"{}"), 415, "LC7102"),
        bad("large", json(SEND, &vec![b' '; 262_145 + dice.below(10_000)]), 413, "LC7113"),
    ]
}

/// Envelopes that are none.
fn envelopes(dice: &mut Dice) -> Vec<Bad> {
    let tx = &chain::transactions()[6].0;
    let raw = tx.raw().0;
    let cbor = |bytes: &[u8]| request("POST", SEND, "Content-Type: application/cbor\r\n", bytes);
    let extra_len = 1 + dice.below(64);
    let longer = [&raw[..], &dice.bytes(extra_len)].concat();
    let noise_len = dice.below(300);
    let noise = [vec![0xff], dice.bytes(noise_len)].concat();
    let text = STANDARD.encode(tx.transaction().to_bytes());
    let other = format!("{text}{}", dice.of(&["*", "-", "_", " ", "=", "\\u0000", "é"]));
    let base64 = format!("{{\"transaction\":\"{other}\",\"signature\":\"\"}}");
    let signature_len = dice.of(&[0, 1, 32, 63, 65, 66]);
    let signature = STANDARD.encode(dice.bytes(signature_len));
    let short = format!("{{\"transaction\":\"{text}\",\"signature\":\"{signature}\"}}");
    let kind = dice.of(&["1", "null", "[]", "{}", "true"]);
    let kind = format!("{{\"transaction\":{kind},\"signature\":\"\"}}");
    vec![
        bad("cut envelope", cbor(&raw[..dice.below(raw.len())]), 400, "LC2101"),
        bad("longer envelope", cbor(&longer), 400, "LC2101"),
        bad("no envelope", cbor(&noise), 400, "LC2101"),
        bad("no base64", json(SEND, base64.as_bytes()), 400, "LC7106"),
        bad("short signature", json(SEND, short.as_bytes()), 400, "LC2101"),
        bad("no text", json(SEND, kind.as_bytes()), 400, "LC7106"),
        bad(
            "wait",
            request("POST", SEND, "Content-Type: application/cbor\r\nPrefer: wait=x\r\n", &raw),
            400,
            "LC7106",
        ),
    ]
}

/// What hyper and the wire see.
fn framings(dice: &mut Dice) -> Vec<Bad> {
    let get =
        |more: &str| format!("GET /api/v2/channels HTTP/1.1\r\nHost: a\r\n{more}\r\n").into_bytes();
    let post = |more: &str, body: &str| {
        let head = "Host: a\r\nContent-Type: application/json\r\nConnection: close\r\n";
        format!("POST {QUERY} HTTP/1.1\r\n{head}{more}\r\n{body}").into_bytes()
    };
    let count = 101 + dice.below(300);
    let many: String = (0..count).map(|i| format!("X-{i}: a\r\n")).collect();
    let long_len = 17_000 + dice.below(40_000);
    let long = format!("X-Long: {}\r\n", dice.word(LETTERS, long_len));
    let length = dice.of(&["+1", "-1", "1,1", "0x1", "", "1 1", "9999999999999999999999", "1e1"]);
    let both = dice.of(&[
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 4\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
    ]);
    let chunk = format!(
        "{}\r\n{{}}\r\n0\r\n\r\n",
        dice.of(&["g", "-1", "zz", "2 2", "", "1ffffffffffffffff", "0x2"])
    );
    let method = dice.word("()<>@,;:{}[]", 4);
    let token = dice.word("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 12);
    let version = dice.of(&["HTTP/1.9", "HTTP/3.0", "HTTP/11", "http/1.1", "HTTPS/1.1", "FTP/1.1"]);
    let header = dice.of(&["a b: c", ": x", "a\u{0}: b", "(a): b", "a: \u{0}", "no colon"]);
    let cut = |bad: Bad| Bad { is_cut: true, ..bad };
    vec![
        cut(bad("many headers", get(&many), 431, "")),
        cut(bad("long header", get(&long), 431, "")),
        cut(bad("length", post(&format!("Content-Length: {length}\r\n"), "{}"), 400, "")),
        cut(bad("two framings", post(both, "0\r\n\r\n"), 400, "")),
        cut(bad("chunk", post("Transfer-Encoding: chunked\r\n", &chunk), 400, "LC7106")),
        cut(bad("method", format!("{method} / HTTP/1.1\r\n\r\n").into_bytes(), 400, "")),
        bad("other method", request(&token, "/api/v2/channels", "", b""), 405, "LC7105"),
        cut(bad("version", format!("GET / {version}\r\n\r\n").into_bytes(), 400, "")),
        cut(bad("header", get(&format!("{header}\r\n")), 400, "")),
        cut(bad("gigabyte", post(&format!("Content-Length: {}\r\n", 1 << 30), "{"), 413, "LC7113")),
    ]
}

async fn told(server: &Server, case: &Bad) -> (u16, String) {
    let mut stream = server.connect().await;
    // A server that has refused need not take the rest.
    stream.write_all(&case.bytes).await.ok();
    if case.is_cut {
        stream.shutdown().await.ok();
    }
    let answer = crate::server::read_to_end(&mut stream).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    if case.code.is_empty() {
        return (status, String::new());
    }
    assert!(head.contains("content-type: application/problem+json"), "{}: {answer}", case.kind);
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    (status, json["code"].as_str().unwrap_or_default().to_owned())
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Set where the requests are sent: memory is counted for a whole process, so they have one of their own.
const ALONE: &str = "LOOPCHAIN_TEST_ALONE";

#[test]
fn thousands_of_spoilt_requests_are_each_told_what_is_wrong() {
    if std::env::var_os(ALONE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(send_spoilt_requests());
    }
    let this = "generated::thousands_of_spoilt_requests_are_each_told_what_is_wrong";
    let program = std::env::current_exe().unwrap();
    let mut alone = std::process::Command::new(program);
    let ended = alone.args(["--exact", this]).env(ALONE, "1").output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && told.contains("1 passed"), "{told}");
}

async fn send_spoilt_requests() {
    let server = start(short()).await;
    let good = json(QUERY, GOOD_QUERY.as_bytes());
    let before = resident();
    let (mut count, mut most, mut slowest) = (0, 0, Duration::ZERO);
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let made = [paths, parameters, bodies, envelopes, framings];
        for case in made.into_iter().flat_map(|make| make(&mut dice)) {
            let since = Instant::now();
            let answer = told(&server, &case).await;
            let shown: String = String::from_utf8_lossy(&case.bytes).chars().take(300).collect();
            assert_eq!(
                (answer.0, answer.1.as_str()),
                (case.status, case.code),
                "seed {seed}, {}: {shown}",
                case.kind
            );
            slowest = slowest.max(since.elapsed());
            count += 1;
        }
        most = most.max(resident().saturating_sub(before));
    }
    assert!(count >= 2_000, "{count}");
    assert!(most < GROWTH_MAX, "{most} bytes more than before");
    assert!(slowest < ANSWER_MAX, "{slowest:?}");
    let answer = server.exchange(&good).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "and it goes on: {answer}");
}
