//! Mutations of valid files of settings: exit code 2 with a line, or read as it is; never a panic, never a
//! secret.
//!
//! In: a valid peer.toml and channels.toml, a fixed seed. Out: a failure with the file that did it.
//! Deliberately not here: which mistake has which code (`tests.rs`).

use super::{ChannelsFile, ConfigError, Overrides, PeerConfig};
use std::path::Path;

/// Mutations of each file.
const MUTATIONS: u64 = 1_000;
/// A value that no message may repeat: the settings name files of secrets, never secrets.
const SECRET: &str = "hunter2-is-no-setting";

const PEER: &str = r#"name = "peer0"
org = "bank-a"
data_dir = "data"

[network]
id = "0000000000000000000000000000000000000000000000000000000000000007"
organisations = { bank-a = "SHA256:0000000000000000000000000000000000000000000000000000000000000007" }

[rpc]
listen = "127.0.0.1:7100"
advertise = "peer0.bank-a.example:7100"

[rest]
listen = "127.0.0.1:9000"
v1_default_channel = "loopchain_default"
response_code = "int"
body_limit = "256 KiB"
trusted_proxies = ["10.0.0.1"]

[ops]
listen = "127.0.0.1:9050"

[tls]
certificate = "pki/tls.crt"
key = "pki/tls.key"
trust = ["pki/ca"]

[channels]
dir = "channels"
join = ["*"]

[scores]
sandbox = "strict"

[storage]
durability = "full"
cache = "128 MiB"

[log]
level = "info"
format = "json"
"#;
const CHANNELS: &str = include_str!("../../../../channels.toml");

/// xorshift64*: the same mutations in every run.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }
}

/// One mistake in a text.
fn mutated(text: &str, seed: &mut Seed) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let at = seed.below(lines.len());
    let other = seed.below(lines.len());
    match seed.below(9) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, other),
        3 => lines[at] = lines[at].replace('=', ""),
        4 => lines[at] = lines[at].replace('"', ""),
        5 => lines[at].push_str("\u{0}\u{1b}[31m"),
        6 => lines[at] = lines[at].replace(['1', '2', '7', '9'], "99999999999999999999"),
        7 => lines.insert(at, format!("db_password = \"{SECRET}\" # \u{d55c}\u{ae00}")),
        _ => {
            let cut = lines[at].char_indices().map(|(index, _)| index).collect::<Vec<_>>();
            let cut = cut.get(seed.below(cut.len())).copied().unwrap_or_default();
            lines[at].truncate(cut);
        }
    }
    lines.join("\n") + "\n"
}

/// What an error must be like.
fn judged(error: &ConfigError, file: &str, text: &str) {
    assert_eq!(error.code.exit(), 2, "{error}\n{text}");
    let said = format!("{error}");
    assert!(!said.contains(SECRET), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains('\u{0}'), "control characters: {said:?}");
    if error.code.number() == 1102 || error.code.number() == 1104 {
        let line = said.split_once(&format!("{file}:")).map(|(_, rest)| rest);
        let line = line.unwrap_or_else(|| panic!("no line in:\n{said}\n{text}"));
        assert!(line.starts_with(|c: char| c.is_ascii_digit()), "{said}");
    }
}

#[test]
fn any_mutation_of_a_peer_toml_is_refused_with_its_line_or_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("peer.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        PeerConfig::load(home.path(), &Overrides::default())
    };
    load(PEER).unwrap();
    let (mut seed, mut refused) = (Seed(0x5eed), 0);
    for _ in 0..MUTATIONS {
        let text = mutated(PEER, &mut seed);
        if let Err(error) = load(&text) {
            judged(&error, "peer.toml", &text);
            refused += 1;
        }
    }
    assert!(refused > MUTATIONS / 4, "mutations are mistakes: {refused} of {MUTATIONS}");
}

#[test]
fn any_mutation_of_a_channels_toml_is_refused_with_its_line_or_read() {
    let path = Path::new("channels.toml");
    let read = |text: String| ChannelsFile::parse(path, text);
    read(CHANNELS.to_owned()).unwrap();
    let (mut seed, mut refused) = (Seed(0xc4a2), 0);
    for _ in 0..MUTATIONS {
        let text = mutated(CHANNELS, &mut seed);
        if let Err(error) = read(text.clone()) {
            judged(&error, "channels.toml", &text);
            refused += 1;
        }
    }
    assert!(refused > MUTATIONS / 10, "mutations are mistakes: {refused} of {MUTATIONS}");
}
