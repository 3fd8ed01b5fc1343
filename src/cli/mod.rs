//! The command line: wires and words.

mod admin;
mod api;
mod backup;
mod completions;
mod damaged;
mod demo;
mod doctor;
mod ending;
mod export;
mod full;
mod health;
mod import;
mod log;
mod man;
mod open;
mod packages;
mod practice;
mod print;
mod releases;
mod restore;
mod roots;
pub mod serve;
pub mod simulate;
mod token;
mod webhook;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::error::{Error, Kind, Result};

/// Everything was done.
const DONE: u8 = 0;
/// It could not be done.
const FAILED: u8 = 1;
/// The words of the command, a setting or a file were wrong.
const WRONG_WORDS: u8 = 2;

/// Apple device management in one binary: managed apps and OS updates for a classroom, a small business or a tester.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Demo(demo::Demo),
    Admin(admin::Admin),
    Token(token::Token),
    Webhook(webhook::Webhook),
    Packages(packages::Packages),
    Releases(releases::Releases),
    Roots(roots::Roots),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Import(import::Import),
    Export(export::Export),
    Health(health::Health),
    Doctor(doctor::Doctor),
    Simulate(Box<simulate::Simulate>),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(self) -> Result<()> {
        match self {
            Self::Serve(serve) => serve.run(),
            Self::Demo(demo) => demo.run(),
            Self::Admin(admin) => admin.run(),
            Self::Token(token) => token.run(),
            Self::Webhook(webhook) => webhook.run(),
            Self::Packages(packages) => packages.run(),
            Self::Releases(releases) => releases.run(),
            Self::Roots(roots) => roots.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Health(health) => health.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Simulate(simulate) => simulate.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
    }
}

/// Runs the command that the arguments name; the exit code is 0 for done, 1 for failed, 2 for wrong words.
pub fn main() -> ExitCode {
    let code = match Cli::try_parse() {
        Err(words) => explain(&words),
        Ok(cli) => match cli.command.run() {
            Ok(()) => DONE,
            Err(error) => complain(&error),
        },
    };
    ExitCode::from(code)
}

/// Prints what the parser has to say: help that was asked for, or what is wrong with the words.
fn explain(words: &clap::Error) -> u8 {
    if matches!(words.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed pipe (`rollcall --help | head`) is nobody's fault.
        let _ = words.print();
        return DONE;
    }
    let text = words.render().to_string();
    eprint!("{}", text.strip_prefix("error: ").map_or_else(|| text.clone(), |rest| format!("rollcall: {rest}")));
    WRONG_WORDS
}

/// Prints what happened and what to do.
fn complain(error: &Error) -> u8 {
    eprintln!("rollcall: {error}");
    if error.kind == Kind::Internal {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            eprintln!("  because: {cause}");
            source = cause.source();
        }
    }
    if error.kind == Kind::BadInput { WRONG_WORDS } else { FAILED }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_of_every_command_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn failures_have_their_exit_codes() {
        assert_eq!(complain(&Error::bad_input("x")), WRONG_WORDS);
        assert_eq!(complain(&Error::conflict("x")), FAILED);
        assert_eq!(explain(&Cli::try_parse_from(["rollcall", "serve", "--bananas"]).unwrap_err()), WRONG_WORDS);
        assert_eq!(explain(&Cli::try_parse_from(["rollcall"]).unwrap_err()), WRONG_WORDS);
        assert_eq!(explain(&Cli::try_parse_from(["rollcall", "serve", "--help"]).unwrap_err()), DONE);
    }
}
