//! `sklad`: the whole system on one machine, and each of its functions.

use std::process::ExitCode;

fn main() -> ExitCode {
    infra::cli::main()
}
