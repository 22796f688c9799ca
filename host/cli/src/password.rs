//! Passwords of the command line: a file, the environment, or a question on a terminal.
//!
//! In: what the flags say. Out: a password, none when keys stay unencrypted, or the flag that would
//! answer the question. Nothing is asked where nobody sits. Deliberately not here: a node's own
//! password (`host_identity::password::of_node`).

use crate::args_pki::{CaPlace, Secrecy};
use crate::failure::Failure;
use host_identity::password::{self, CA_VARIABLE, Password};
use host_types::fault::Code;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Characters of a new password, at least.
const LENGTH_MIN: usize = 8;

/// The password of a new root key.
pub(crate) fn new_root(place: &CaPlace, is_plain: bool) -> Result<Option<Password>, Failure> {
    if is_plain {
        return Ok(None);
    }
    let given = root_given(place)?;
    new("the root key", given, "`--password-file FILE`, LOOPCHAIN_CA_PASSWORD or `--no-password`")
}

/// The password of a root key that exists; none when nothing says one.
pub(crate) fn root_given(place: &CaPlace) -> Result<Option<Password>, Failure> {
    match &place.password_file {
        Some(file) => Ok(Some(password::read(file)?)),
        None => Ok(std::env::var(CA_VARIABLE).ok().map(Password::new)),
    }
}

/// The password of new keys.
pub(crate) fn new_keys(secrecy: &Secrecy) -> Result<Option<Password>, Failure> {
    if secrecy.no_password {
        return Ok(None);
    }
    let given = keys_given(secrecy)?;
    new("the keys", given, "`--password-file FILE`, LOOPCHAIN_KEY_PASSWORD or `--no-password`")
}

/// The password of keys that exist; none when nothing says one.
pub(crate) fn keys_given(secrecy: &Secrecy) -> Result<Option<Password>, Failure> {
    match &secrecy.password_file {
        Some(file) => Ok(Some(password::read(file)?)),
        None => Ok(password::of_node()?),
    }
}

/// The password of an encrypted key file.
pub(crate) fn of_key(path: &Path) -> Result<Password, Failure> {
    if let Some(password) = password::of_node()? {
        return Ok(password);
    }
    ask(&format!("password of {}", path.display())).unwrap_or_else(|| {
        let message = format!("{} is encrypted, and no password is given", path.display());
        Err(Failure::new(Code::PasswordWrong, message))
    })
}

fn new(what: &str, given: Option<Password>, flags: &str) -> Result<Option<Password>, Failure> {
    let password = match given {
        Some(password) => password,
        None => asked_twice(what).unwrap_or_else(|| {
            let message = format!("{what} would be encrypted, and no password is given");
            Err(Failure::new(Code::PasswordWrong, message).with_help(format!("give {flags}")))
        })?,
    };
    if password.chars().count() < LENGTH_MIN {
        let message = format!("the password of {what} is shorter than {LENGTH_MIN} characters");
        return Err(Failure::new(Code::PasswordWrong, message).with_help("choose a longer one"));
    }
    Ok(Some(password))
}

fn asked_twice(what: &str) -> Option<Result<Password, Failure>> {
    let first = ask(&format!("new password of {what}"))?;
    let second = ask("again")?;
    Some(first.and_then(|first| {
        if second? == first {
            return Ok(first);
        }
        Err(Failure::new(Code::PasswordWrong, "the two passwords differ"))
    }))
}

/// Asks on the terminal; none when there is none.
pub(crate) fn ask(what: &str) -> Option<Result<Password, Failure>> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let terminal = Path::new("/dev/tty");
    let failed = |error: &std::io::Error| Failure::file(terminal, error);
    Some(read_quietly(terminal, what).map_err(|error| failed(&error)))
}

fn read_quietly(terminal: &Path, what: &str) -> std::io::Result<Password> {
    let mut output = std::fs::File::options().write(true).open(terminal)?;
    write!(output, "{what}: ")?;
    let echo = Echo::off()?;
    let mut line = Password::default();
    let read = BufReader::new(std::fs::File::open(terminal)?).read_line(&mut line);
    drop(echo);
    writeln!(output)?;
    read?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The terminal shows nothing that is typed, until this is dropped.
struct Echo;

impl Echo {
    fn off() -> std::io::Result<Self> {
        stty("-echo")?;
        Ok(Self)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        stty("echo").ok();
    }
}

fn stty(setting: &str) -> std::io::Result<()> {
    let status = Command::new("stty").arg(setting).stdin(Stdio::inherit()).status()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other("`stty` failed")) }
}
