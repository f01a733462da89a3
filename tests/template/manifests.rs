//! Cargo's manifests: nothing is built that nobody runs, and nothing twice.

use super::pages::sources;
use super::root;
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn no_test_lies_in_a_library_whose_tests_are_not_built() {
    let packages =
        ["functions", "shared"].into_iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let mut checked = 0;
    for package in packages.map(|entry| entry.unwrap().path()) {
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let library = manifest.split("\n[").find_map(|section| section.strip_prefix("lib]")).unwrap_or_default();
        if library.lines().any(|line| line == "test = false") {
            checked += 1;
            let mut source = String::new();
            sources(&package.join("src"), &mut source);
            assert!(!source.contains("cfg(test)"), "{}: nobody runs its tests", package.display());
        }
    }
    assert!(checked > 0);
}

/// The packages that a cargo command would build, with their features.
fn built(arguments: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn what_cargo_test_has_built_serves_cargo_local_too() {
    let tests = built(&["--edges", "normal,build,dev"]);
    let local = built(&["--edges", "normal,build", "--package", "infra"]);
    assert!(local.len() > 100, "{} packages", local.len());
    let twice: Vec<&String> = local.difference(&tests).collect();
    assert!(twice.is_empty(), "built twice, since tests ask for other features of it: {twice:#?}");
}
