//! Everything that may lie in the drop-in folder, and that none of it keeps the rest from being taken.

use super::*;
use score_native_link::Sandbox;
use std::os::unix::fs::{PermissionsExt, symlink};

struct Bench {
    _dir: tempfile::TempDir,
    drop: PathBuf,
    scores: Arc<Scores>,
    folder: Folder,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let drop = dir.path().join("plugins");
        std::fs::create_dir(&drop).unwrap();
        std::fs::set_permissions(&drop, PermissionsExt::from_mode(0o755)).unwrap();
        let store = dir.path().join("scores");
        let scores = Arc::new(Scores::open(&store, "/bin/true".into(), Sandbox::Strict).unwrap());
        Self { _dir: dir, drop, scores, folder: Folder::default() }
    }

    async fn look(&mut self) -> u64 {
        self.folder.look(&self.drop, &self.scores, false).await
    }

    fn refused(&self) -> Vec<(String, String)> {
        self.scores.refused().into_iter().map(|(name, why)| (name, why.message)).collect()
    }
}

/// The head of an ELF file of 64 bits for a machine, with one empty segment and nothing behind it.
fn elf(machine: u16, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0; 120];
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    bytes[16..18].copy_from_slice(&kind.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20..24].copy_from_slice(&1u32.to_le_bytes());
    bytes[52..54].copy_from_slice(&64u16.to_le_bytes());
    bytes
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// How one of the things below comes into being.
type Make = fn(&Path);

#[tokio::test]
async fn whatever_lies_in_the_folder_is_refused_with_a_reason_of_its_own() {
    const X86_64: u16 = 62;
    const AARCH64: u16 = 183;
    let table: [(&str, Make, &str); 10] = [
        ("empty.so", |path| std::fs::write(path, b"").unwrap(), "ELF"),
        ("text.so", |path| std::fs::write(path, b"no ELF file").unwrap(), "ELF"),
        ("cut.so", |path| std::fs::write(path, &elf(X86_64, 3)[..40]).unwrap(), "cut off"),
        ("damaged.so", |path| std::fs::write(path, elf(X86_64, 3)).unwrap(), ""),
        ("arm.so", |path| std::fs::write(path, elf(AARCH64, 3)).unwrap(), "another machine"),
        ("program.so", |path| std::fs::write(path, elf(X86_64, 2)).unwrap(), "no shared library"),
        ("folder.so", |path| std::fs::create_dir(path).unwrap(), "regular file"),
        ("link.so", |path| symlink("/etc/passwd", path).unwrap(), "regular file"),
        ("gone.so", |path| symlink("/nowhere/at/all", path).unwrap(), "regular file"),
        ("fifo.so", fifo, "regular file"),
    ];
    let mut bench = Bench::new();
    for (name, make, _) in table {
        make(&bench.drop.join(name));
    }
    // Sparse: it takes no room on the disk.
    let large = std::fs::File::create(bench.drop.join("large.so")).unwrap();
    large.set_len(SCORE_BYTES_MAX as u64 + 1).unwrap();
    let huge = std::fs::File::create(bench.drop.join("huge.so")).unwrap();
    huge.set_len(8 << 30).unwrap();
    // Not looked at: other endings, and names that begin with a dot.
    std::fs::write(bench.drop.join(".half.so"), b"x").unwrap();
    std::fs::write(bench.drop.join("notes.txt"), b"x").unwrap();
    assert_eq!(bench.look().await, 0);
    let refused: BTreeMap<String, String> = bench.refused().into_iter().collect();
    assert_eq!(refused.len(), table.len() + 2, "{refused:?}");
    for (name, _, words) in table {
        let why = &refused[name];
        assert!(why.contains(words) && !why.contains('\n') && !why.is_empty(), "{name}: {why}");
    }
    assert!(refused["large.so"].contains("33554433 bytes"), "{}", refused["large.so"]);
    assert!(refused["huge.so"].contains("64 MiB"), "{}", refused["huge.so"]);
    assert_eq!(bench.scores.held().len(), 0);
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_one_is_refused_no_more_or_anew() {
    let mut bench = Bench::new();
    let file = bench.drop.join("one.so");
    std::fs::write(&file, b"first").unwrap();
    bench.look().await;
    let first = bench.refused();
    assert_eq!(first.len(), 1);
    // Another look at the same file reads nothing.
    bench.folder.refused.clear();
    bench.look().await;
    assert_eq!(bench.refused(), []);
    let arm = elf(183, 3);
    let staged = bench.drop.join(".one.so.tmp");
    std::fs::write(&staged, arm).unwrap();
    std::fs::rename(&staged, &file).unwrap();
    bench.look().await;
    let second = bench.refused();
    assert!(second.len() == 1 && second != first, "{second:?}");
    std::fs::remove_file(&file).unwrap();
    bench.look().await;
    assert_eq!(bench.refused(), []);
}

#[tokio::test]
async fn many_files_at_once_are_one_look_and_a_full_folder_is_bounded() {
    let mut bench = Bench::new();
    for n in 0..FILES_MAX + 50 {
        std::fs::write(bench.drop.join(format!("f{n:04}.so")), n.to_string()).unwrap();
    }
    bench.look().await;
    assert_eq!(bench.refused().len(), FILES_MAX);
}

#[tokio::test]
async fn nothing_is_taken_from_a_folder_that_others_can_write() {
    let mut bench = Bench::new();
    std::fs::write(bench.drop.join("one.so"), b"x").unwrap();
    for (mode, is_open) in [(0o777, false), (0o775, false), (0o757, false), (0o755, true)] {
        std::fs::set_permissions(&bench.drop, PermissionsExt::from_mode(mode)).unwrap();
        bench.look().await;
        let names: Vec<_> = bench.refused().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [if is_open { "one.so" } else { "plugins" }], "{mode:o}");
    }
    let exposed = exposed(&bench.drop, own_user() + 1);
    let is_root = own_user() == 0;
    assert_eq!(exposed.is_none(), is_root, "root may own everybody's folder: {exposed:?}");
}

#[test]
fn a_name_cannot_break_a_line() {
    assert_eq!(name_of(Path::new("/x/a\nERROR forged.so")), "a\\nERROR forged.so");
}
