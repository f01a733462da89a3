//! Cargo, called by a program that it built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The cargo that runs this program, or the one of the search path; it works in `directory`, and has no input.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// Cargo's target directory of a program that it built: `target` of `target/<profile>/<program>`.
pub(crate) fn target_directory(program: &Path) -> &Path {
    program.ancestors().nth(2).unwrap_or(program)
}

/// That of this program.
///
/// # Errors
/// When the system does not say where this program is.
pub(crate) fn own_target_directory() -> std::io::Result<PathBuf> {
    std::env::current_exe().map(|program| target_directory(&program).to_owned())
}
