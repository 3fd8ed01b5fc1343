//! `rollcall completions`: what a shell's Tab key knows of this program, made from its own words.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, print};
use crate::error::Result;

/// Prints the script by which a shell completes commands, flags and their values.
///
/// The packages bring those of bash, zsh and fish along.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall completions bash > /etc/bash_completion.d/rollcall
  rollcall completions zsh > \"${fpath[1]}/_rollcall\"
  rollcall completions fish > ~/.config/fish/completions/rollcall.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub(super) fn run(self) -> Result<()> {
        print::whole(&script(self.shell))
    }
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rollcall", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// Whether a shell takes the script; nothing where that shell is not installed.
    fn takes(shell: &str, arguments: &[&str], script: &[u8]) -> Option<bool> {
        let started = Command::new(shell).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let Ok(mut process) = started else {
            eprintln!("SKIPPED: {shell} is not installed");
            return None;
        };
        // A shell that does not take it may stop reading.
        let _ = process.stdin.take().unwrap().write_all(script);
        Some(process.wait().unwrap().success())
    }

    #[test]
    fn shells_take_their_scripts_and_nothing_that_is_cut_short() {
        for (name, shell, check) in [
            ("bash", Shell::Bash, &["-n"][..]),
            ("zsh", Shell::Zsh, &["-f", "-n"]),
            ("fish", Shell::Fish, &["--no-config", "--no-execute"]),
        ] {
            let script = script(shell);
            assert_ne!(takes(name, check, &script), Some(false), "{name}");
            let quote = [&script[..], b"\nif \"unfinished"].concat();
            assert_ne!(takes(name, check, &quote), Some(true), "{name}");
        }
    }

    #[test]
    fn bash_completes_commands_flags_and_values() {
        // Bash itself says what it would offer after these words.
        let script = String::from_utf8(script(Shell::Bash)).unwrap();
        let offered = |words: &str| {
            let last = words.split(' ').count() - 1;
            let ask = format!(
                "{script}\nCOMP_WORDS=({words} \"\"); COMP_CWORD={last}; COMP_WORDS=({words})\n_rollcall rollcall \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD-1))]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
            );
            let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(offered("rollcall serv"), ["serve"]);
        assert_eq!(offered("rollcall serve --device-l"), ["--device-listen"]);
        assert_eq!(offered("rollcall completions zs"), ["zsh"]);
        assert_eq!(offered("rollcall token cre"), ["create"]);
        assert_eq!(offered("rollcall bananas"), [""]);
    }
}
