//! `cargo local package`: the functions as they are deployed, one zip each, the same bytes for the same source.
//!
//! A zip holds `bootstrap` alone, as `provided.al2023` wants it. What would not run on AWS, or start slowly there, is
//! refused: a zip over [`ZIP_BYTES_MAX`], a symbol of a newer C library than Amazon Linux 2023 has, a second TLS stack, more
//! than [`INSTRUCTIONS_MAX`] instructions before the first poll.

mod archive;
mod elf;
pub(crate) mod first_poll;
mod instructions;
mod linked;

use crate::cargo;
use crate::host::functions;
use clap::Args;
use elf::Version;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Most bytes of a zip.
pub const ZIP_BYTES_MAX: usize = 4_000_000;
/// Most instructions from a function's start to its first poll, TLS set up: a twentieth more than they are now.
pub const INSTRUCTIONS_MAX: u64 = 4_500_000;
/// The C library of Amazon Linux 2023.
const GLIBC_MAX: Version = Version(2, 34);

/// Options of the command.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Where the zips are written; `package` in cargo's target directory unless said.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Also count each function's instructions before its first poll, by valgrind.
    #[arg(long)]
    instructions: bool,
}

/// Why there are no artefacts, or none to deploy.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Cargo cannot be started, or a file not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Cargo failed; its own words are above.
    #[error("`cargo {0}` failed: see above")]
    Cargo(&'static str),
    /// Cargo built no such program.
    #[error("cargo built no program named `{0}`: its package needs a binary of the same name")]
    Missing(String),
    /// The program is none that Linux runs.
    #[error("{program}: {reason}")]
    Unreadable {
        /// Its path.
        program: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What must not be deployed.
    #[error("not fit to be deployed:\n{}", .0.join("\n"))]
    Unfit(Vec<String>),
}

/// One function's artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Artefact {
    function: String,
    program_bytes: usize,
    zip_bytes: usize,
    /// The newest version of the C library that it needs.
    glibc: Option<Version>,
    /// From its start to its first poll, if they were counted.
    instructions: Option<u64>,
}

impl Artefact {
    /// What speaks against deploying it.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.zip_bytes > ZIP_BYTES_MAX {
            faults.push(format!(
                "{}: its zip has {} bytes, at most {ZIP_BYTES_MAX} are wanted",
                self.function, self.zip_bytes
            ));
        }
        if let Some(version) = self.glibc
            && version > GLIBC_MAX
        {
            faults.push(format!(
                "{}: it needs GLIBC_{version}, Amazon Linux 2023 has {GLIBC_MAX}: build it on an older system",
                self.function
            ));
        }
        if let Some(instructions) = self.instructions
            && instructions > INSTRUCTIONS_MAX
        {
            faults.push(format!(
                "{}: {instructions} instructions before its first poll, at most {INSTRUCTIONS_MAX} are wanted",
                self.function
            ));
        }
        faults
    }
}

impl fmt::Display for Artefact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let glibc = self.glibc.map_or_else(|| "none".to_owned(), |version| version.to_string());
        let instructions = self.instructions.map_or_else(|| "-".to_owned(), |counted| counted.to_string());
        write!(
            f,
            "{:<20} {:>10} {:>13} {glibc:>6} {instructions:>13}",
            self.function, self.zip_bytes, self.program_bytes
        )
    }
}

/// Builds, packs and judges; prints a line for each function. The template at `template` tells where the workspace is.
///
/// # Errors
/// [`PackageError`].
pub fn run(template: &Path, arguments: &Arguments) -> Result<(), PackageError> {
    let root = template.parent().unwrap_or(template);
    let names: Vec<&str> = functions::ALL.iter().map(|function| function.name).collect();
    let programs = build(root, &names)?;
    let mut artefacts = Vec::new();
    println!("{:<20} {:>10} {:>13} {:>6} {:>13}", "function", "zip bytes", "program bytes", "GLIBC", "instructions");
    for name in &names {
        let program = programs.get(*name).ok_or_else(|| PackageError::Missing((*name).to_owned()))?;
        let output = arguments.output.clone().unwrap_or_else(|| beside(program));
        let mut artefact = pack(name, program, &output)?;
        if arguments.instructions {
            let io = |source| PackageError::Io { what: format!("valgrind {}", program.display()), source };
            artefact.instructions = Some(instructions::counted(program).map_err(io)?);
        }
        println!("{artefact}");
        artefacts.push(artefact);
    }
    let mut faults: Vec<String> = artefacts.iter().flat_map(Artefact::faults).collect();
    faults.extend(linked::faults(&linked::crates(root, &names)?));
    if faults.is_empty() { Ok(()) } else { Err(PackageError::Unfit(faults)) }
}

/// `target/package` for `target/release/<function>`.
fn beside(program: &Path) -> PathBuf {
    cargo::target_directory(program).join("package")
}

fn pack(function: &str, path: &Path, output: &Path) -> Result<Artefact, PackageError> {
    let io = |path: &Path| {
        let what = path.display().to_string();
        move |source| PackageError::Io { what, source }
    };
    let program = std::fs::read(path).map_err(io(path))?;
    let glibc = elf::newest_glibc(&program)
        .map_err(|reason| PackageError::Unreadable { program: path.to_owned(), reason: reason.to_string() })?;
    let zip = archive::of("bootstrap", &program).map_err(io(path))?;
    std::fs::create_dir_all(output).map_err(io(output))?;
    let file = output.join(format!("{function}.zip"));
    std::fs::write(&file, &zip).map_err(io(&file))?;
    Ok(Artefact {
        function: function.to_owned(),
        program_bytes: program.len(),
        zip_bytes: zip.len(),
        glibc,
        instructions: None,
    })
}

/// Builds all functions by one call, so that what they share is built once. Answers the programs by name.
fn build(root: &Path, names: &[&str]) -> Result<BTreeMap<String, PathBuf>, PackageError> {
    let mut command = cargo::command(root);
    command.stderr(Stdio::inherit());
    command.args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"]);
    for name in names {
        command.args(["--package", name]);
    }
    command.arg("--config").arg(format!("build.rustflags = {:?}", flags(root)));
    let output = command.output().map_err(|source| PackageError::Io { what: "cargo".to_owned(), source })?;
    if !output.status.success() {
        return Err(PackageError::Cargo("build"));
    }
    Ok(programs(&String::from_utf8_lossy(&output.stdout)))
}

/// What makes the bytes independent of where they were built, and smaller.
fn flags(root: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut flags: Vec<String> =
        home.iter().map(|home| format!("--remap-path-prefix={}=/cargo", home.display())).collect();
    flags.push(format!("--remap-path-prefix={}=/sklad", root.display()));
    // One copy of functions that came out alike: generic code is full of them.
    flags.push("-Clink-arg=-Wl,--icf=all".to_owned());
    flags
}

/// The programs in cargo's messages, by name.
fn programs(messages: &str) -> BTreeMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let name = message.pointer("/target/name")?.as_str()?.to_owned();
            Some((name, PathBuf::from(message.get("executable")?.as_str()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefact(zip_bytes: usize, glibc: Option<Version>) -> Artefact {
        Artefact { function: "relay".to_owned(), program_bytes: 1, zip_bytes, glibc, instructions: None }
    }

    #[test]
    fn what_does_not_fit_the_platform_is_named() {
        let check = |artefact: Artefact, faults: usize| assert_eq!(artefact.faults().len(), faults, "{artefact:?}");
        check(artefact(ZIP_BYTES_MAX, Some(GLIBC_MAX)), 0);
        check(artefact(1, None), 0);
        check(artefact(ZIP_BYTES_MAX + 1, Some(Version(2, 35))), 2);
        check(artefact(1, Some(Version(3, 0))), 1);
        check(artefact(1, Some(Version(2, 4))), 0);
        let counted = |instructions: u64| Artefact { instructions: Some(instructions), ..artefact(1, None) };
        check(counted(INSTRUCTIONS_MAX), 0);
        check(counted(INSTRUCTIONS_MAX + 1), 1);
    }

    #[test]
    fn programs_are_found_among_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"relay"},"executable":null}
not JSON
{"reason":"compiler-artifact","target":{"name":"relay"},"executable":"/t/release/relay"}
{"reason":"build-finished","success":true}"#;
        let expected = BTreeMap::from([("relay".to_owned(), PathBuf::from("/t/release/relay"))]);
        assert_eq!(programs(messages), expected);
        assert_eq!(beside(&expected["relay"]), Path::new("/t/package"));
    }

    #[test]
    fn a_program_is_packed_the_same_way_twice() {
        let directory = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let first = pack("one", &program, directory.path()).unwrap();
        let second = pack("two", &program, directory.path()).unwrap();
        assert_eq!((first.zip_bytes, first.glibc), (second.zip_bytes, second.glibc));
        let bytes = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        assert!(bytes("one.zip") == bytes("two.zip"));
        assert!(first.zip_bytes < first.program_bytes);
    }
}
