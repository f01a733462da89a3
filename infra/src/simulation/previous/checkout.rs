//! The program of an older commit: its files are taken out of the repository, and built once.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Previous, PreviousError, WORKER};
use crate::cargo;

/// Characters of a commit's hash that name its directory.
const HASH_CHARS: usize = 12;

/// The previous version that a commit of the template's repository is. Everything is kept in `target/previous`: the first
/// commit's build makes all its crates anew, the next ones share what their lock files agree on. It is no part of cargo's own
/// target directory, where crates of two commits would take each other's place.
///
/// # Errors
/// [`PreviousError`] says what of it cannot be had.
pub(crate) fn prepare(template: &Path, commit: &str) -> Result<Previous, PreviousError> {
    let root = template.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let top =
        git(root, &["rev-parse", "--show-toplevel"], None).map_err(|_| PreviousError::NoRepository(root.to_owned()))?;
    let top = PathBuf::from(top);
    let revision = format!("{commit}^{{commit}}");
    let hash = git(&top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &revision], None)
        .map_err(|_| PreviousError::UnknownCommit(commit.to_owned()))?;
    git(&top, &["grep", "--quiet", "--fixed-strings", WORKER, &hash, "--", "*.rs"], None)
        .map_err(|_| PreviousError::NoWorker(commit.to_owned()))?;

    let kept = cargo::own_target_directory().map_err(PreviousError::io("the path of this program"))?.join("previous");
    let of_commit = kept.join(&hash[..HASH_CHARS.min(hash.len())]);
    let (source, program) = (of_commit.join("source"), of_commit.join("sklad"));
    if !source.is_dir() {
        check_out(&top, &hash, &of_commit, &source)?;
    }
    if !program.is_file() {
        build(commit, &source, &kept.join("build"), &program)?;
    }
    let template = source.join(template.file_name().unwrap_or(OsStr::new("template.yaml")));
    Ok(Previous { program, template, commit: commit.to_owned(), renamed: None })
}

/// Its files, all or none of them.
fn check_out(top: &Path, hash: &str, of_commit: &Path, source: &Path) -> Result<(), PreviousError> {
    let io = |path: &Path| PreviousError::io(path.display().to_string());
    let partial = of_commit.join("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(io(&partial))?;
    }
    std::fs::create_dir_all(&partial).map_err(io(&partial))?;
    // An index of its own: the repository's stays as it is, and no work tree is registered.
    let index = of_commit.join("index");
    git(top, &["read-tree", hash], Some(&index))?;
    let prefix = format!("--prefix={}/", partial.display());
    git(top, &["checkout-index", "--all", &prefix], Some(&index))?;
    std::fs::remove_file(&index).map_err(io(&index))?;
    std::fs::rename(&partial, source).map_err(io(source))
}

fn build(commit: &str, source: &Path, target: &Path, program: &Path) -> Result<(), PreviousError> {
    eprintln!("Building the program of {commit}; the first build in {} takes minutes.", target.display());
    let mut cargo = cargo::command(source);
    cargo.args(["build", "--quiet", "--locked", "--package", "infra", "--bin", "sklad"]);
    let status = cargo.arg("--target-dir").arg(target).status().map_err(PreviousError::io("cargo"))?;
    if !status.success() {
        return Err(PreviousError::Cargo(commit.to_owned()));
    }
    let (built, partial) = (target.join("debug/sklad"), program.with_extension("partial"));
    std::fs::copy(&built, &partial).map_err(PreviousError::io(built.display().to_string()))?;
    std::fs::rename(&partial, program).map_err(PreviousError::io(program.display().to_string()))
}

/// What git says, or its complaint.
fn git(directory: &Path, arguments: &[&str], index: Option<&Path>) -> Result<String, PreviousError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(arguments).stdin(Stdio::null());
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output = command.output().map_err(PreviousError::io("git cannot be started"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PreviousError::Git { command: arguments.first().copied().unwrap_or_default().to_owned(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        git(path, &["init", "--quiet"], None).unwrap();
        std::fs::write(path.join("template.yaml"), "").unwrap();
        std::fs::write(path.join("main.rs"), "fn main() {}").unwrap();
        git(path, &["add", "."], None).unwrap();
        let name = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
        git(path, &[&name[..], &["commit", "--quiet", "--message", "one"]].concat(), None).unwrap();
        directory
    }

    #[test]
    fn what_is_no_previous_version_is_said() {
        let nowhere = tempfile::tempdir().unwrap();
        let error = prepare(&nowhere.path().join("template.yaml"), "HEAD").unwrap_err();
        assert!(matches!(error, PreviousError::NoRepository(_)), "{error}");
        let repository = repository();
        let template = repository.path().join("template.yaml");
        let error = prepare(&template, "--all").unwrap_err();
        assert!(matches!(error, PreviousError::UnknownCommit(_)), "{error}");
        let error = prepare(&template, "HEAD").unwrap_err();
        assert_eq!(
            error.to_string(),
            "HEAD cannot be simulated as a previous version: its program has no `sim-environments`"
        );
    }

    #[test]
    fn a_commits_files_are_taken_out_beside_the_repository() {
        let (repository, elsewhere) = (repository(), tempfile::tempdir().unwrap());
        std::fs::write(repository.path().join("main.rs"), "changed").unwrap();
        let source = elsewhere.path().join("source");
        check_out(repository.path(), "HEAD", elsewhere.path(), &source).unwrap();
        assert_eq!(std::fs::read_to_string(source.join("main.rs")).unwrap(), "fn main() {}");
        assert_eq!(std::fs::read_to_string(repository.path().join("main.rs")).unwrap(), "changed");
    }
}
