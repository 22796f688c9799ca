//! `libsolo.so` as a node meets it: found, checked, copied, loaded, run; and everything that is not
//! a whole and wanted rule is refused in one line.
#![expect(clippy::unwrap_used, reason = "what fails in the stage of a test fails the test")]

use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair, ProposalKind,
    Statement, Validator, VerifyItem,
    host::{Host, HostFns},
    input::Verdict,
    mirror::statement_message,
};
use plugin_api_loader::{
    LoadedRule, Refusal, Registry, RuleInstance, StepError, Wanted, check, final_claim, make,
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const KEY: [u8; 32] = [7; 32];
const PREFIX: &[u8] = b"test channel";

fn sign(message: &[u8]) -> Vec<u8> {
    check::digest(&[&KEY, message].concat()).repeat(2)
}

fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| item.public_key == KEY && item.signature == sign(&item.message))
}

struct TestHost;
impl Host for TestHost {
    fn verify_many(items: &[VerifyItem]) -> bool {
        verify(items)
    }
    fn log(_: u8, _: &str, _: &str) {}
}
const HOST: HostFns = HostFns::of::<TestHost>();

fn root() -> HeaderView {
    HeaderView {
        id: Hash([1; 32]),
        epoch: 1,
        view: 0,
        kind: ProposalKind::Norm,
        height: 0,
        parent: Pair::default(),
        parent_view: 0,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: true,
        is_sealing: false,
    }
}

fn result_of(block: Hash) -> Pair {
    Pair { block, state_root: Hash([5; 32]), receipts_root: Hash([6; 32]) }
}

fn validators() -> Vec<Validator> {
    vec![Validator {
        name: "a/0".into(),
        public_key: KEY,
        weight: 1,
        group: "a".into(),
        unit: None,
    }]
}

fn cfg() -> InitCfg {
    InitCfg {
        statement_prefix: PREFIX.to_vec(),
        epoch: 1,
        root: root(),
        root_pair: result_of(root().id),
        head: root(),
        head_pair: result_of(root().id),
        head_proof: Vec::new(),
        validators: validators(),
        me: Some(0),
        parameters: vec![("block_interval".into(), "0".into())],
        excluded: Vec::new(),
        rejoin: None,
    }
}

/// What the host answers to an output.
fn answer(output: &Output) -> Option<Input> {
    match output {
        Output::Build { request, view, parent, parent_view, .. } => {
            let header = HeaderView {
                id: Hash([*view as u8 + 1; 32]),
                view: *view,
                height: *view,
                parent: *parent,
                parent_view: *parent_view,
                ..root()
            };
            Some(Input::Built { request: *request, header: Some(header) })
        }
        Output::Validate { block } => Some(Input::Validity {
            block: *block,
            verdict: Verdict::Valid { pair: result_of(*block) },
        }),
        Output::Sign { sequence, slots, body, .. } => {
            let signature = sign(&statement_message(PREFIX, slots, body));
            let statement =
                Statement { signer: 0, slots: slots.clone(), body: body.clone(), signature };
            Some(Input::OwnSigned { sequence: *sequence, statement })
        }
        _ => None,
    }
}

/// Steps until `blocks` are final; all outputs in order.
fn run(mut step: impl FnMut(&Input) -> Vec<Output>, blocks: usize) -> Vec<Output> {
    let mut inputs = vec![Input::Start, Input::Pending { has_work: true }];
    let mut all = Vec::new();
    let finals =
        |all: &[Output]| all.iter().filter(|output| matches!(output, Output::Final { .. })).count();
    while finals(&all) < blocks {
        let outputs = step(&inputs.remove(0));
        inputs.extend(outputs.iter().filter_map(answer));
        all.extend(outputs);
    }
    all
}

fn libsolo() -> PathBuf {
    make::find_rule_so("solo", &mut |_| {}).unwrap()
}

struct Place {
    folder: TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let registry = Registry::at(&folder.path().join("store")).unwrap();
        Self { folder, registry }
    }

    fn drop_file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn open(&self, path: &Path) -> Result<LoadedRule, Refusal> {
        self.registry.open(path, Wanted::default())
    }

    fn refusal(&self, path: &Path) -> String {
        let line = self.open(path).unwrap_err().to_string();
        assert!(!line.contains('\n'), "{line}");
        line
    }
}

#[test]
fn a_loaded_rule_behaves_like_the_linked_one() {
    let place = Place::new();
    let rule = place.open(&libsolo()).unwrap();
    assert_eq!((rule.id(), rule.version()), ("solo", solo::Solo::VERSION));
    let (mut instance, first) = rule.create(&cfg(), &[], HOST).unwrap();
    assert!(first.is_empty());
    let loaded = run(|input| instance.step(5, input).unwrap(), 3);

    let (mut linked, _) = solo::Solo::init(cfg(), &[], verify).unwrap();
    let step = |input: &Input| {
        let mut out = Vec::new();
        linked.step(5, input.clone(), &mut out).unwrap();
        out
    };
    assert_eq!(loaded, run(step, 3));
    assert_eq!(instance.inspect().unwrap(), linked.inspect());
}

#[test]
fn two_rules_are_loaded_side_by_side() {
    let place = Place::new();
    let lft = place.open(&make::find_rule_so("lft", &mut |_| {}).unwrap()).unwrap();
    let solo = place.open(&libsolo()).unwrap();
    assert_eq!((lft.id(), lft.version()), ("lft", lft::Lft::VERSION));
    assert_eq!(lft.parameters().unwrap(), lft::Lft::parameters());
    let parameters = Vec::new();
    let cfg = InitCfg { parameters, ..cfg() };
    let (mut first, outputs) = lft.create(&cfg, &[], HOST).unwrap();
    let (mut linked, of_linked) = lft::Lft::init(cfg.clone(), &[], verify).unwrap();
    assert_eq!(outputs, of_linked);
    let mut of_linked = Vec::new();
    linked.step(1, Input::Start, &mut of_linked).unwrap();
    assert_eq!(first.step(1, &Input::Start).unwrap(), of_linked);
    let (mut second, _) = solo.create(&cfg, &[], HOST).unwrap();
    assert!(second.step(1, &Input::Start).is_ok());
}

#[test]
fn a_final_proof_is_verified_and_described_through_the_plugin() {
    let place = Place::new();
    let rule = place.open(&libsolo()).unwrap();
    let (mut instance, _) = rule.create(&cfg(), &[], HOST).unwrap();
    let outputs = run(|input| instance.step(5, input).unwrap(), 1);
    let Some(Output::Final { blocks, proof }) =
        outputs.iter().find(|output| matches!(output, Output::Final { .. }))
    else {
        panic!("run() ends with one")
    };
    let header = HeaderView {
        id: blocks[0].pair.block,
        view: 1,
        height: 1,
        parent: result_of(root().id),
        ..root()
    };
    let claim = final_claim(PREFIX, &validators(), &header, &blocks[0].pair, proof, &[]);
    rule.verify_final(&claim, HOST).unwrap();
    let other = final_claim(b"other channel", &validators(), &header, &blocks[0].pair, proof, &[]);
    let error = rule.verify_final(&other, HOST).unwrap_err();
    assert_eq!(error.message, "the signature of the Final proof is wrong");
    assert_eq!(rule.describe_proof(&validators(), proof).unwrap(), [(0, 1)]);
    assert_eq!(rule.parameters().unwrap(), solo::Solo::parameters());
}

#[test]
fn errors_of_a_rule_arrive_as_they_were_said() {
    let rule = Place::new().open(&libsolo()).unwrap();
    let nobody = InitCfg { validators: Vec::new(), ..cfg() };
    let error = rule.create(&nobody, &[], HOST).unwrap_err();
    assert!(error.message.starts_with("rule `solo` takes exactly one validator"), "{error:?}");
    let damaged = [LogRecord::Rule { view: 1, record: vec![0xff] }];
    let error = rule.create(&cfg(), &damaged, HOST).unwrap_err();
    assert!(error.message.starts_with("a record of the log is damaged"), "{error:?}");
    let (mut instance, _) = rule.create(&cfg(), &[], HOST).unwrap();
    let helper = Input::Peer { from: None, node: 1, bytes: Vec::new() };
    let error = instance.step(0, &helper).unwrap_err();
    assert_eq!(error, StepError::Rejected("not a helper message of solo".into()));
}

#[test]
fn an_instance_may_move_to_another_thread() {
    let rule = Place::new().open(&libsolo()).unwrap();
    let (mut instance, _): (RuleInstance, _) = rule.create(&cfg(), &[], HOST).unwrap();
    let outputs = std::thread::spawn(move || run(|input| instance.step(5, input).unwrap(), 2));
    assert!(outputs.join().unwrap().len() > 2);
}

#[test]
fn what_is_loaded_is_a_private_read_only_copy_named_by_its_digest() {
    let place = Place::new();
    // Other bytes than any other test, so that this store gets its own copy.
    let bytes = [fs::read(libsolo()).unwrap(), b"copy".to_vec()].concat();
    let dropped = place.drop_file("dropped.so", &bytes);
    let rule = place.open(&dropped).unwrap();
    let name = format!("{}.so", rule.sha256_hex());
    assert_eq!(rule.path(), place.folder.path().join("store").canonicalize().unwrap().join(name));
    assert_eq!(fs::read(rule.path()).unwrap(), bytes);
    assert_eq!(fs::metadata(rule.path()).unwrap().permissions().mode() & 0o777, 0o444);
    let files = fs::read_dir(place.folder.path().join("store")).unwrap().count();
    assert_eq!(files, 1, "no draft is left");

    let (mut instance, _) = rule.create(&cfg(), &[], HOST).unwrap();
    fs::write(&dropped, b"overwritten while it runs").unwrap();
    assert!(!run(|input| instance.step(5, input).unwrap(), 1).is_empty());
}

#[test]
fn one_build_is_loaded_once_whatever_its_name() {
    let place = Place::new();
    let bytes = fs::read(libsolo()).unwrap();
    let first = place.open(&place.drop_file("one.so", &bytes)).unwrap();
    let second = Place::new().open(&place.drop_file("two.so", &bytes)).unwrap();
    assert_eq!((first.path(), first.sha256()), (second.path(), second.sha256()));
}

#[test]
fn a_damaged_copy_in_the_store_is_made_anew() {
    let place = Place::new();
    let bytes = [fs::read(libsolo()).unwrap(), b"damaged".to_vec()].concat();
    let name = format!("{}.so", check::hex(&check::digest(&bytes)));
    let copy = place.drop_file(&format!("store/{name}"), &bytes[..10_000]);
    let inode = fs::metadata(&copy).unwrap().ino();
    let rule = place.open(&place.drop_file("dropped.so", &bytes)).unwrap();
    assert_eq!(fs::read(rule.path()).unwrap(), bytes);
    assert_ne!(fs::metadata(rule.path()).unwrap().ino(), inode, "it is replaced, not rewritten");
}

#[test]
fn a_store_that_others_may_write_to_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o775)).unwrap();
    let line = Registry::at(folder.path()).unwrap_err().to_string();
    assert!(line.contains("others may write to the folder"), "{line}");
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused_before_it_is_loaded() {
    let place = Place::new();
    let bytes = fs::read(libsolo()).unwrap();
    let cuts = (0..300).map(|i| bytes.len() * i / 300).chain([bytes.len() - 1]);
    for cut in cuts {
        let line = place.refusal(&place.drop_file("cut.so", &bytes[..cut]));
        assert!(line.contains("cut.so is not a whole plugin: "), "{cut}: {line}");
    }
    assert_eq!(fs::read_dir(place.folder.path().join("store")).unwrap().count(), 0);
}

#[test]
fn damaged_headers_are_refused_or_named_never_a_panic() {
    let bytes = fs::read(libsolo()).unwrap();
    // Only looked at, not loaded: what passes here is stopped by the digest.
    for position in 0..1_024 {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        if let Err(refusal) = check::rule_symbol(Path::new("x.so"), &damaged) {
            assert!(!refusal.to_string().contains('\n'), "{refusal}");
        }
    }
}

#[test]
fn what_is_not_a_plugin_file_is_refused_by_kind() {
    let place = Place::new();
    let folder = place.folder.path();
    let link = folder.join("link.so");
    symlink(libsolo(), &link).unwrap();
    for (path, says) in [
        (folder.join("absent.so"), "cannot be read"),
        (folder.to_path_buf(), "is not a regular file"),
        (link, "is not a regular file"),
        (PathBuf::from("/dev/zero"), "is not a regular file"),
        (place.drop_file("empty.so", b""), "not an ELF file"),
        (place.drop_file("text.so", &[b'x'; 5_000]), "not an ELF file"),
        (std::env::current_exe().unwrap(), "is not a consensus rule: 0 symbols"),
        (place.drop_file("a\nb.so", b""), "a b.so is not a whole plugin"),
    ] {
        let line = place.refusal(&path);
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let place = Place::new();
    let path = place.drop_file("large.so", b"");
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(check::PLUGIN_BYTES_MAX + 1).unwrap();
    assert!(place.refusal(&path).contains("has more than 64 MiB"));
}

#[test]
fn a_library_of_another_machine_is_refused() {
    let place = Place::new();
    let mut bytes = fs::read(libsolo()).unwrap();
    bytes[18] = 183; // e_machine: aarch64
    let line = place.refusal(&place.drop_file("arm.so", &bytes));
    assert!(line.contains("not a shared library for x86_64"), "{line}");
}

#[test]
fn a_library_without_the_header_of_a_rule_is_refused() {
    let place = Place::new();
    let mut bytes = fs::read(libsolo()).unwrap();
    let name = b"loopchain_rule_solo\0";
    let places: Vec<usize> = bytes
        .windows(name.len())
        .enumerate()
        .filter_map(|(at, window)| (window == name).then_some(at))
        .collect();
    for at in places {
        bytes[at] = b'X';
    }
    let line = place.refusal(&place.drop_file("foreign.so", &bytes));
    assert!(line.contains("is not a consensus rule: 0 symbols"), "{line}");
}

#[test]
fn only_an_accepted_build_of_the_wanted_rule_is_loaded() {
    let place = Place::new();
    let path = libsolo();
    let digest = check::digest(&fs::read(&path).unwrap());
    let open = |id, accepted: &[[u8; 32]]| place.registry.open(&path, Wanted { id, accepted });
    assert!(open(Some("solo"), &[[0; 32], digest]).is_ok());
    let line = open(Some("solo"), &[[0; 32], [1; 32]]).unwrap_err().to_string();
    assert!(line.contains(&check::hex(&digest)), "{line}");
    assert!(line.contains("not among the 2 builds in `rule_sha256`"), "{line}");
    let line = open(Some("lft"), &[]).unwrap_err().to_string();
    assert!(line.ends_with("holds rule `solo`, the channel wants `lft`; install a `lft` plugin"));
}

#[test]
fn a_rule_is_found_by_name_only() {
    for name in ["", "../solo", "Solo", "so lo", "solo\n"] {
        let error = make::find_rule_so(name, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("is not the name of a rule"), "{error}");
    }
}
