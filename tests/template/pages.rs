//! Pages for people: the runbook has what to do for each alarm, the threat model names tests that exist.

use super::declared;
use super::production::alarms;
use super::root;
use std::collections::BTreeSet;
use std::path::Path;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"))
}

#[test]
fn the_runbook_has_a_heading_for_each_alarm_and_says_what_to_do() {
    let page = page("runbook.md");
    let sections: Vec<(&str, &str)> =
        page.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    // What is handled alike has one heading.
    let headings: BTreeSet<&str> = sections
        .iter()
        .flat_map(|(heading, _)| heading.split(", "))
        .filter(|heading| heading.ends_with("Alarm"))
        .collect();
    let declared = declared();
    let alarms: BTreeSet<&str> = alarms(&declared).into_iter().map(|(id, _)| id).collect();
    assert_eq!(headings, alarms);
    for (heading, body) in sections.iter().filter(|(heading, _)| heading.ends_with("Alarm")) {
        for part in ["**Means**", "**Look**", "**Do**"] {
            assert!(body.contains(part), "{heading}: {part}");
        }
    }
}

/// The source of all tests and of the scripts of CI.
pub(super) fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | ".git" | ".local") {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn each_test_that_the_threat_model_names_exists() {
    let page = page("threat-model.md");
    let mut all = String::new();
    for folder in ["functions", "shared", "infra", "tests"] {
        sources(&root().join(folder), &mut all);
    }
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| T")) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let mut names = shown_by.split('`').skip(1).step_by(2).peekable();
        assert!(names.peek().is_some(), "nothing shows it: {row}");
        for name in names {
            named += 1;
            let is_there = all.contains(&format!("fn {name}(")) || root().join(name).exists();
            assert!(is_there, "no test or script is called {name}: {row}");
        }
    }
    assert!(named > 20, "{named} tests are named");
}
