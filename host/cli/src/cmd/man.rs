//! `man`: pages for man(1), one a command.
//!
//! In: the words of a command, or a folder for all pages. Out: roff on stdout, or files
//! `loopchain-tx-send.1`. Deliberately not here: what the pages say, which is the help.

use super::{Context, Done};
use crate::args::Man;
use crate::definition::complete;
use crate::failure::Failure;
use crate::output::OK;
use clap::Command;
use host_types::fault::Code;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn man(man: &Man, context: &Context) -> Done {
    let mut root = complete();
    root.build();
    if let Some(folder) = &man.out {
        let pages = write(&root, folder)?;
        let shown = folder.display().to_string();
        let line = format!("{OK} {} pages in {shown}", pages.len());
        let document = json!({"schema": "loopchain.man.v1", "dir": shown, "pages": pages});
        context.out.either(&document, [line]);
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = &root;
    for word in &man.command {
        command = command.find_subcommand(word).ok_or_else(|| {
            let message = format!("there is no command `loopchain {}`", man.command.join(" "));
            Failure::new(Code::NotFound, message).with_help("`loopchain --help` lists the commands")
        })?;
    }
    let name = std::iter::once("loopchain").chain(man.command.iter().map(String::as_str));
    let text = page(command, &name.collect::<Vec<_>>().join("-"))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    if context.out.is_json() {
        context.out.json(&json!({"schema": "loopchain.man-page.v1", "page": text}));
    } else {
        context.out.raw(&text);
    }
    Ok(ExitCode::SUCCESS)
}

fn page(command: &Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let version = concat!("loopchain ", env!("CARGO_PKG_VERSION"));
    let page = clap_mangen::Man::new(command.clone()).title(name.to_uppercase());
    let page = page.source(version).manual("loopchain");
    let made = page.render(&mut text);
    made.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    // What stands behind the help is examples; the library cannot know that.
    Ok(String::from_utf8_lossy(&text).replace(".SH EXTRA", ".SH EXAMPLES").into_bytes())
}

/// Writes a page for each command; their names.
fn write(root: &Command, folder: &Path) -> Result<Vec<String>, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut written = Vec::new();
    let mut waiting = vec![("loopchain".to_owned(), root)];
    while let Some((name, command)) = waiting.pop() {
        let file = format!("{name}.1");
        let path = folder.join(&file);
        std::fs::write(&path, page(command, &name)?)
            .map_err(|error| Failure::file(&path, &error))?;
        written.push(file);
        let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        waiting.extend(shown.map(|sub| (format!("{name}-{}", sub.get_name()), sub)));
    }
    written.sort();
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command_and_it_shows_the_example() {
        let folder = tempfile::tempdir().unwrap();
        let mut root = complete();
        root.build();
        let pages = write(&root, folder.path()).unwrap();
        assert!(pages.len() > 60 && pages.contains(&"loopchain-tx-send.1".to_owned()), "{pages:?}");
        let page = std::fs::read_to_string(folder.path().join("loopchain-tx-send.1")).unwrap();
        assert!(page.contains("loopchain tx send token transfer"), "{page}");
        assert!(page.starts_with(".ie") && page.contains(".SH SYNOPSIS"), "{page}");
        assert!(page.contains(".SH EXAMPLES") && page.contains("\"loopchain 0."), "{page}");
    }
}
