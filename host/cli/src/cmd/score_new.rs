//! `score new`: a folder with a SCORE that builds, passes its tests and the check as it is.
//!
//! In: a name, a template or the package.json of a SCORE of the old edition. Out: Cargo.toml,
//! Cargo.lock, `src/lib.rs`, one test, example requests. The templates are packages of the source
//! tree (`score-native/templates`), so that its tests run them; here their names are replaced.
//! Deliberately not here: building it (`score build`), reading package.json ([`package_json`]).

mod package_json;
mod stubs;

use super::{Context, Done};
use crate::failure::Failure;
use crate::output::OK;
use host_types::fault::Code;
use host_types::ids::ScoreName;
use package_json::PackageJson;
use score_native_link::build::source_tree;
use serde_json::json;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Where an installed program has the author's packages, seen from its own folder.
const RELEASED_SDK: &str = "../lib/loopchain/sdk";
/// Longest package.json that is read: descriptions of methods, no data.
const PACKAGE_JSON_BYTES_MAX: u64 = 1 << 20;
/// Words that cannot name a package: Rust's own, and crates that every SCORE sees.
const TAKEN: [&str; 57] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "export",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "score-native",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "system",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "virtual",
    "where",
    "yield",
];

/// A template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Template {
    /// A number that everybody may add to.
    Counter,
    /// Balances, transfers, an owner who mints.
    Token,
    /// Documents with a holder.
    Registry,
}

impl Template {
    /// Its name in the source tree, its library and its test.
    const fn source(self) -> (&'static str, &'static str, &'static str) {
        macro_rules! text {
            ($name:literal) => {
                (
                    $name,
                    include_str!(concat!(
                        "../../../../score-native/templates/",
                        $name,
                        "/src/lib.rs"
                    )),
                    include_str!(concat!(
                        "../../../../score-native/templates/",
                        $name,
                        "/tests/template_",
                        $name,
                        ".rs"
                    )),
                )
            };
        }
        match self {
            Self::Counter => text!("counter"),
            Self::Token => text!("token"),
            Self::Registry => text!("registry"),
        }
    }

    /// A transaction with its arguments and a query, for the example requests.
    const fn example(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Counter => ("add", "by=2", "total"),
            Self::Token => ("mint", "to=alice amount=1000", "total_supply"),
            Self::Registry => {
                ("register", "id=deed-7 hash=$(sha256sum deed.pdf | cut -c1-64)", "find")
            }
        }
    }
}

/// What is written.
struct Files {
    library: String,
    test: String,
    example: String,
    /// What the reader is told besides.
    notes: Vec<String>,
}

/// Runs it.
pub(crate) fn new(
    path: &Path,
    template: Template,
    package: Option<&Path>,
    sdk: Option<&Path>,
    context: &Context,
) -> Done {
    let name = name_of(path)?;
    let sdk = find_sdk(sdk)?;
    let files = match package {
        Some(file) => ported(file, &name)?,
        None => from_template(template, &name),
    };
    let list = write_all(path, &name, &sdk, &files)?;
    format(path, &list);
    let shown = path.display();
    let document = json!({
        "schema": "loopchain.score-new.v1",
        "name": name.as_str(),
        "folder": shown.to_string(),
        "files": list,
        "sdk": sdk.display().to_string(),
        "notes": files.notes,
    });
    let files_line = list.iter().filter(|file| !file.starts_with('.')).cloned();
    let files_line: Vec<_> = files_line.collect();
    let mut lines = vec![format!("{OK} {shown}/  {}", files_line.join("  "))];
    lines.extend(files.notes.iter().map(|note| format!("  note: {note}")));
    lines.push(format!("  next: cd {shown} && loopchain score watch"));
    context.out.either(&document, lines);
    Ok(ExitCode::SUCCESS)
}

/// The last part of the path is the name of the SCORE.
fn name_of(path: &Path) -> Result<ScoreName, Failure> {
    let text = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let wrong = |why: String| {
        Failure::new(Code::UsageWrong, format!("`{text}` cannot name a SCORE: {why}")).with_help(
            "a name begins with a letter and has lower-case letters, digits and `-`, at most 64: \
             `rent-contract`",
        )
    };
    let name = ScoreName::new(&text.replace('_', "-"))
        .ok_or_else(|| wrong("it is no name of that form".into()))?;
    if TAKEN.contains(&name.as_str()) {
        return Err(wrong("the word is taken".into()));
    }
    if name.as_str().ends_with('-') || name.as_str().contains("--") {
        return Err(wrong("a `-` stands between two words".into()));
    }
    Ok(name)
}

/// The folder with `score-native` that the new package depends on.
fn find_sdk(told: Option<&Path>) -> Result<PathBuf, Failure> {
    let has_sdk = |folder: &PathBuf| folder.join("score-native/testkit/Cargo.toml").is_file();
    let beside = || {
        let exe = std::env::current_exe().ok()?;
        Some(exe.parent()?.join(RELEASED_SDK))
    };
    let found = match told {
        Some(folder) => Some(folder.to_path_buf()).filter(has_sdk),
        None => [source_tree(), beside()].into_iter().flatten().find(has_sdk),
    };
    let folder = found.ok_or_else(|| {
        let message = told.map_or_else(
            || "the packages that a SCORE is written with are not beside this program".to_owned(),
            |folder| format!("{} has no folder score-native with a testkit", folder.display()),
        );
        Failure::new(Code::ConfigUnreadable, message)
            .with_help("`--sdk DIR` names a checkout of loopchain")
    })?;
    std::fs::canonicalize(&folder).map_err(|error| Failure::file(&folder, &error))
}

fn from_template(template: Template, name: &ScoreName) -> Files {
    let (source, library, test) = template.source();
    let renamed = |text: &str| rename(text, source, name);
    let (method, arguments, query) = template.example();
    let example = example(name, (method, arguments), Some((query, query_params(template))));
    Files { library: renamed(library), test: renamed(test), example, notes: Vec::new() }
}

const fn query_params(template: Template) -> &'static str {
    match template {
        Template::Counter | Template::Token => "{}",
        Template::Registry => r#"{"id": "deed-7"}"#,
    }
}

/// The template's names in a text become those of the SCORE.
fn rename(text: &str, template: &str, name: &ScoreName) -> String {
    let camel = camel(name.as_str());
    text.replace(&format!("Template{}", self::camel(template)), &camel)
        .replace(&format!("template_{template}"), &snake(name))
}

fn snake(name: &ScoreName) -> String {
    name.as_str().replace('-', "_")
}

/// `rent-contract` as `RentContract`.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    name.split(['-', '_']).map(word).collect()
}

fn ported(file: &Path, name: &ScoreName) -> Result<Files, Failure> {
    let about = file.metadata().map_err(|error| Failure::file(file, &error))?;
    if about.len() > PACKAGE_JSON_BYTES_MAX {
        let message = format!(
            "{} has {} bytes, at most {PACKAGE_JSON_BYTES_MAX} are read",
            file.display(),
            about.len()
        );
        return Err(Failure::new(Code::ConfigUnreadable, message));
    }
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    let package = PackageJson::parse(&text)
        .map_err(|why| Failure::new(Code::ConfigSyntax, format!("{}: {why}", file.display())))?;
    let (library, test) = stubs::write(&package, &camel(name.as_str()), &snake(name));
    let first = |list: &[package_json::Method]| list.first().map(|method| method.name.clone());
    let invoke = first(&package.invoke).unwrap_or_else(|| "none".to_owned());
    let query = first(&package.query);
    let query = query.as_deref().map(|query| (query, "{}"));
    let example = example(name, (&invoke, ""), query);
    Ok(Files { library, test, example, notes: package.notes })
}

/// Requests for an editor's HTTP client, or to read.
fn example(name: &ScoreName, invoke: (&str, &str), query: Option<(&str, &str)>) -> String {
    let (method, arguments) = invoke;
    let mut text = format!(
        "# A transaction is signed, so the command line sends it:\n\
         #   loopchain tx send {name} {method} {arguments}\n"
    );
    if let Some((query, params)) = query {
        text.push_str(&format!(
            "\n### A query, to the first peer of `loopchain up`.\n\
             POST http://127.0.0.1:9000/api/v2/channels/demo/scores/{name}/query\n\
             Content-Type: application/json\n\n{{\"method\": \"{query}\", \"args\": {params}}}\n"
        ));
    }
    text
}

fn cargo_toml(name: &ScoreName, sdk: &Path) -> String {
    let path = |folder: &str| toml::Value::String(sdk.join(folder).display().to_string());
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         # `loopchain score build` asks for it; tests run without.\n\
         [features]\nexport = [\"score-native/export\"]\n\n\
         [dependencies]\nscore-native = {{ path = {}, default-features = false }}\n\n\
         [dev-dependencies]\nscore-native-testkit = {{ path = {} }}\n\n\
         # A workspace of its own, wherever the folder stands.\n[workspace]\n",
        path("score-native"),
        path("score-native/testkit"),
    )
}

/// Writes all files into a folder that must not hold any of them.
fn write_all(
    folder: &Path,
    name: &ScoreName,
    sdk: &Path,
    files: &Files,
) -> Result<Vec<String>, Failure> {
    let lock = std::fs::read_to_string(sdk.join("Cargo.lock")).ok();
    let test = format!("tests/{}.rs", snake(name));
    let list = [
        ("Cargo.toml".to_owned(), Some(cargo_toml(name, sdk))),
        // The versions that the checkout was tested with; cargo drops what is not needed.
        ("Cargo.lock".to_owned(), lock),
        ("src/lib.rs".to_owned(), Some(files.library.clone())),
        (test, Some(files.test.clone())),
        ("calls.http".to_owned(), Some(files.example.clone())),
        (".gitignore".to_owned(), Some("/target\n".to_owned())),
    ];
    if let Some((there, _)) = list.iter().find(|(file, _)| folder.join(file).exists()) {
        let message = format!("{} is there already", folder.join(there).display());
        return Err(Failure::new(Code::UsageWrong, message)
            .with_help("nothing was written; take another name, or another folder"));
    }
    let mut written = Vec::new();
    for (file, text) in list {
        let Some(text) = text else { continue };
        write_new(&folder.join(&file), &text)?;
        written.push(file);
    }
    Ok(written)
}

/// Lays out what was made from package.json; without rustfmt it stays as it is, which compiles too.
fn format(folder: &Path, files: &[String]) {
    let sources = files.iter().filter(|file| file.ends_with(".rs")).map(|file| folder.join(file));
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--quiet", "--edition", "2024"]).args(sources);
    rustfmt.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file(path, error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    let file = std::fs::File::options().write(true).create_new(true).open(path);
    match file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(failed(&error)),
        other => other.map_err(|error| failed(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_names_the_score() {
        for (path, name) in [("guestbook", "guestbook"), ("/x/rent_contract", "rent-contract")] {
            assert_eq!(name_of(Path::new(path)).unwrap().as_str(), name);
        }
        for path in ["", "..", "Token", "9lives", "match", "system", "std", "a--b", "a-", "a b"] {
            assert_eq!(name_of(Path::new(path)).unwrap_err().code(), Code::UsageWrong, "{path}");
        }
    }

    #[test]
    fn no_name_of_a_template_is_left_in_what_it_writes() {
        let name = ScoreName::new("rent-contract").unwrap();
        for template in [Template::Counter, Template::Token, Template::Registry] {
            let files = from_template(template, &name);
            for text in [&files.library, &files.test, &files.example] {
                assert!(!text.to_lowercase().contains("template"), "{text}");
            }
            assert!(files.library.contains("impl RentContract {"), "{}", files.library);
            assert!(files.test.contains("use rent_contract::"), "{}", files.test);
        }
    }

    #[test]
    fn what_is_there_is_never_written_over() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mine");
        write_new(&folder.join("src/lib.rs"), "// precious").unwrap();
        let name = ScoreName::new("mine").unwrap();
        let files = from_template(Template::Counter, &name);
        let failure = write_all(&folder, &name, Path::new("/sdk"), &files).unwrap_err();
        assert!(failure.message().ends_with("src/lib.rs is there already"), "{failure:?}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing was written");
        let kept = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert_eq!(kept, "// precious");
    }

    #[test]
    fn a_path_with_odd_letters_stays_one_string_of_the_manifest() {
        let name = ScoreName::new("a").unwrap();
        let text = cargo_toml(&name, Path::new("/with \"quote\" and \\"));
        let table: toml::Table = text.parse().unwrap();
        let path = table["dependencies"]["score-native"]["path"].as_str().unwrap();
        assert_eq!(path, "/with \"quote\" and \\/score-native");
    }
}
