//! `rollcall man`: the manual, made from the words of the commands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, print};
use crate::error::{Error, Result};

/// Prints the page of the manual, or writes a page for each command.
///
/// The packages bring all pages along: man rollcall, man rollcall-serve.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall man | man -l -
  rollcall man --dir /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Writes all pages into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes it.
    pub(super) fn run(self) -> Result<()> {
        match self.dir {
            None => print::whole(&page(&built())),
            Some(dir) => write(&built(), &dir),
        }
    }
}

/// The words, with what each command has from those above it.
fn built() -> Command {
    let mut words = Cli::command();
    words.build();
    words
}

fn write(words: &Command, dir: &Path) -> Result<()> {
    let unwritable = |path: &Path, error: std::io::Error| Error::bad_input(format!("{} cannot be written: {error}", path.display()));
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, error))?;
    let path = dir.join(Page::new(words.clone()).get_filename());
    fs::write(&path, page(words)).map_err(|error| unwritable(&path, error))?;
    words.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| write(command, dir))
}

/// One page. Examples are lines as they are typed, so they must not be filled as a paragraph.
fn page(words: &Command) -> Vec<u8> {
    let examples = words.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut body = Vec::new();
    // Writing into memory never fails.
    let _ = Page::new(words.clone().after_help(None)).render(&mut body);
    // Two breaks with an empty line between them are one.
    let body = String::from_utf8_lossy(&body).replace(".br\n\n.br\n", ".br\n");
    // Its own head has no quotation marks, so that an empty date would be filled with what comes after it. A date of ours would make each build another.
    let (before, rest) = body.split_once(".TH ").unwrap_or(("", &body));
    let after = rest.split_once('\n').map_or("", |(_, after)| after);
    let name = words.get_display_name().unwrap_or_else(|| words.get_name());
    let head = format!("{before}.TH {name} 1 \"\" \"Rollcall {}\" \"Rollcall\"\n", env!("CARGO_PKG_VERSION"));
    let mut page = (head + after).into_bytes();
    if let Some((_, lines)) = examples.split_once(":\n") {
        let mut roff = Roff::new();
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
        let text = roff.render();
        // What it begins with stands at the top of the page already.
        page.extend_from_slice(&text.as_bytes()[text.find(".SH").unwrap_or_default()..]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    fn names_in(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn there_is_a_page_for_each_command_and_readers_of_manuals_have_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man1");
        Man { dir: Some(dir.clone()) }.run().unwrap();
        let names = names_in(&dir);
        for wanted in ["rollcall.1", "rollcall-serve.1", "rollcall-token.1", "rollcall-token-create.1", "rollcall-man.1"] {
            assert!(names.iter().any(|name| name == wanted), "{wanted} is not among {names:?}");
        }
        // groff's own complaints, as Debian's checker of packages asks for them; then mandoc's.
        let readers: [(&str, &[&str]); 2] =
            [("man", &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]), ("mandoc", &["-T", "lint", "-W", "warning"])];
        for (reader, arguments) in readers {
            for name in &names {
                let read = std::process::Command::new(reader).args(arguments).arg(dir.join(name)).stdin(Stdio::null()).output();
                let Ok(read) = read else {
                    eprintln!("SKIPPED: {reader} is not installed");
                    break;
                };
                // man prints the page; mandoc prints what it complains about, and the date is left out on purpose.
                let said = if reader == "man" { &read.stderr } else { &read.stdout };
                let said = String::from_utf8_lossy(said);
                let said: Vec<_> = said.lines().filter(|line| !line.contains("missing date")).collect();
                assert!(said.is_empty(), "{reader} {name}: {said:#?}");
            }
        }
    }

    #[test]
    fn examples_stay_lines_of_their_own() {
        let token = String::from_utf8(page(built().find_subcommand("token").unwrap())).unwrap();
        let (_, examples) = token.split_once(".SH EXAMPLES\n.nf\n").unwrap();
        assert!(examples.contains("\nrollcall token list\n") && examples.ends_with(".fi\n"), "{examples}");
        assert!(!token.contains(".SH EXTRA"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refusal = Man { dir: Some(file.path().join("man1")) }.run().unwrap_err();
        assert!(refusal.to_string().contains("cannot be written"), "{refusal}");
    }
}
