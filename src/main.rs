//! The `rollcall` command: hands over to `cli`, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::cli::main()
}
