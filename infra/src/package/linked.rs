//! Which crates are linked into the functions.

use super::PackageError;
use crate::cargo;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

/// TLS stacks and cryptography, of which a function has one each: `rustls` on `ring`, whose first handshake takes a
/// hundredth of the others'.
const FOREIGN: [&str; 7] = ["aws-lc-rs", "aws-lc-sys", "boring", "native-tls", "openssl", "openssl-sys", "s2n-tls"];
/// Crates of which one version is linked.
const SINGLE: [&str; 7] = ["aws-smithy-runtime", "hyper", "ring", "rustls", "rustls-webpki", "serde_json", "tokio"];

/// The crates that the functions link on their platform, as `name vX.Y.Z`.
pub(super) fn crates(root: &Path, functions: &[&str]) -> Result<BTreeSet<String>, PackageError> {
    let mut command = cargo::command(root);
    command.stderr(Stdio::inherit());
    command.args(["tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"]);
    for function in functions {
        command.args(["--package", function]);
    }
    let output = command.output().map_err(|source| PackageError::Io { what: "cargo".to_owned(), source })?;
    if !output.status.success() {
        return Err(PackageError::Cargo("tree"));
    }
    // A path, or the mark of a repetition, follows name and version.
    let named = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()).map(named).collect())
}

/// What must not be linked, or not twice.
pub(super) fn faults(crates: &BTreeSet<String>) -> Vec<String> {
    let versions = |name: &str| -> Vec<&str> {
        crates.iter().filter_map(|linked| linked.strip_prefix(name)?.strip_prefix(" v")).collect()
    };
    let mut faults = Vec::new();
    for name in FOREIGN {
        if !versions(name).is_empty() {
            faults.push(format!(
                "{name} is linked: one TLS stack is enough, `cargo tree --invert {name}` tells who asks for it"
            ));
        }
    }
    for name in SINGLE {
        match versions(name)[..] {
            [_] => {}
            [] => faults.push(format!("{name} is not linked any more: is there another of its kind?")),
            ref several => faults.push(format!("{name} is linked in versions {}", several.join(" and "))),
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(crates: &[&str]) -> BTreeSet<String> {
        let single = SINGLE.iter().map(|name| format!("{name} v1.0.0"));
        single.chain(crates.iter().map(|name| (*name).to_owned())).collect()
    }

    #[test]
    fn a_second_stack_or_version_is_a_fault() {
        let check = |crates: &[&str], faulty: &[&str]| {
            let got = faults(&set(crates));
            assert_eq!(got.len(), faulty.len(), "{got:?}");
            assert!(got.iter().zip(faulty).all(|(got, name)| got.starts_with(name)), "{got:?}");
        };
        check(&["rustls-pki-types v1.0.0", "hyper-util v0.1.0"], &[]);
        check(&["aws-lc-rs v1.2.3"], &["aws-lc-rs"]);
        check(&["hyper v0.14.1"], &["hyper"]);
        assert_eq!(faults(&BTreeSet::new()).len(), SINGLE.len());
    }
}
