//! House rules that no lint knows.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::shell;

/// Lines after which a file is named, and after which it is refused.
const LONG: usize = 500;
const TOO_LONG: usize = 700;

/// Bytes after which a file is refused.
const LARGE: u64 = 2 << 20;

/// Where a pattern over the entity types may stand: the types' own files, and the one arm per table.
const MAY_MATCH_ON_TYPES: [&str; 4] = [
    "crates/kith-domain/src/entity.rs",
    "crates/kith-domain/src/entity/",
    "crates/kith-api-types/src/entity/",
    "crates/kith-persistence/src/table.rs",
];

/// `cargo xtask tidy`.
pub(crate) fn run() -> Result<()> {
    let root = shell::root();
    let mut findings = Vec::new();
    let files = tracked(&root)?;
    for file in &files {
        findings.extend(built_or_large(file, &root));
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            continue; // not text, or deleted and not yet committed
        };
        let name = file.to_string_lossy();
        findings.extend(any_file(&name, &text, &root));
        if name.ends_with(".rs") {
            findings.extend(rust_file(&name, &text));
        }
        if name.ends_with("package-lock.json") && text.contains("\"resolved\"") {
            findings.push(format!("{name}: has `resolved` addresses; set omit-lockfile-registry-resolved=true and write it again"));
        }
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("{} files are tidy", files.len());
    Ok(())
}

/// What git knows, plus what is new and not ignored.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = shell::output(
        shell::command(
            "git",
            [
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                "-z",
            ],
        )
        .current_dir(root),
    )?;
    Ok(String::from_utf8_lossy(&listed)
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect())
}

/// What a build leaves behind, or anything else that is too large for a history that everyone downloads.
fn built_or_large(file: &Path, root: &Path) -> Option<String> {
    let name = file.display();
    if file
        .components()
        .any(|part| part.as_os_str() == "target" || part.as_os_str() == "node_modules")
    {
        return Some(format!(
            "{name}: was built or installed, and does not belong in the repository"
        ));
    }
    let size = std::fs::metadata(root.join(file)).map_or(0, |found| found.len());
    (size > LARGE)
        .then(|| format!("{name}: {size} bytes; more than {LARGE} is too large for the repository"))
}

fn any_file(name: &str, text: &str, root: &Path) -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let mut findings = Vec::new();
    for place in [root.to_string_lossy().as_ref(), home.as_str()]
        .iter()
        .filter(|place| place.len() > 4)
    {
        for (number, line) in numbered(text) {
            if names_place(line, place) {
                findings.push(format!(
                    "{name}:{number}: names a path of this machine ({place})"
                ));
            }
        }
    }
    findings
}

/// Whether a line holds the path `place/…` from its beginning, and not only as the end of another path.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line
            .get(at + place.len()..)
            .and_then(|tail| tail.chars().next());
        after == Some('/') && before.is_none_or(|c| !c.is_alphanumeric() && !"._-}/".contains(c))
    })
}

fn rust_file(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if Path::new(name)
        .file_name()
        .is_some_and(|file| file == "mod.rs")
    {
        findings.push(format!(
            "{name}: use {}.rs beside the folder",
            name.trim_end_matches("/mod.rs")
        ));
    }
    if !text.trim_start().starts_with("//!") {
        findings.push(format!(
            "{name}:1: begin with one `//!` sentence that says what the module is for"
        ));
    }
    let lines = text.lines().count();
    if lines > TOO_LONG {
        findings.push(format!(
            "{name}: {lines} lines; more than {TOO_LONG} is too long, divide it by meaning"
        ));
    } else if lines > LONG {
        println!("note: {name} has {lines} lines, more than {LONG}");
    }
    let own = name.starts_with("xtask/");
    // A test may know what is special about each type; the code it tests may not.
    let may_match = own
        || name.contains("/tests/")
        || MAY_MATCH_ON_TYPES
            .iter()
            .any(|allowed| name.starts_with(allowed));
    for (number, line) in numbered(text) {
        let code = line.split("//").next().unwrap_or_default();
        if !own && (code.contains("#[allow") || code.contains("#![allow")) {
            findings.push(format!("{name}:{number}: `#[expect(lint, reason = \"…\")]` instead of allow: exceptions end by themselves"));
        }
        if !may_match && matches_on_type(code) {
            findings.push(format!(
                "{name}:{number}: a pattern over `EntityType::` outside its own files; put what differs into the type's table"
            ));
        }
    }
    findings
}

/// Whether a line holds `EntityType::Contact` (or another variant) as a pattern: before `=>`, after `let`, or in `matches!`.
fn matches_on_type(code: &str) -> bool {
    let variant_in = |part: &str| {
        part.split("EntityType::").skip(1).any(|rest| {
            let word: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            word.chars().next().is_some_and(char::is_uppercase)
                && word.chars().any(char::is_lowercase)
        })
    };
    let arm = code
        .split_once("=>")
        .is_some_and(|(pattern, _)| variant_in(pattern.split(" if ").next().unwrap_or_default()));
    let bare_arm = code.trim_start().starts_with("| EntityType::") && variant_in(code);
    let tested = code
        .split_once("matches!(")
        .is_some_and(|(_, rest)| variant_in(rest));
    let bound = code.split_once("let EntityType::").is_some();
    arm || bare_arm || tested || bound
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    //! Each rule finds its offence and leaves the innocent alone.

    use super::*;

    #[test]
    fn patterns_over_entity_types_are_found() {
        assert!(matches_on_type("        EntityType::Contact => 1,"));
        assert!(matches_on_type(
            "EntityType::Contact | EntityType::Deal => {"
        ));
        assert!(matches_on_type("if matches!(kind, EntityType::Deal) {"));
        assert!(matches_on_type("if let EntityType::Deal = kind {"));
        assert!(!matches_on_type("\"contact\" => EntityType::Contact,"));
        assert!(!matches_on_type("for kind in EntityType::ALL {"));
        assert!(!matches_on_type("kind if kind == EntityType::Deal => 1,"));
    }

    #[test]
    fn a_module_without_a_sentence_and_an_allow_are_found() {
        let found = rust_file("crates/a/src/b/mod.rs", "#[allow(dead_code)]\nfn a() {}\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(rust_file("crates/a/src/b.rs", "//! Says it.\n").is_empty());
    }

    #[test]
    fn what_was_built_is_found() {
        let root = Path::new(".");
        assert!(built_or_large(Path::new("tests/clients/rust/target/debug/x"), root).is_some());
        assert!(built_or_large(Path::new("xtask/src/targets.rs"), root).is_none());
    }

    #[test]
    fn a_path_of_this_machine_is_found() {
        assert!(names_place("see \"/home/me/kith/Cargo.toml\"", "/home/me"));
        assert!(!names_place("see target/home/me/x", "/home/me"));
        assert!(!names_place("see /home/mexico/", "/home/me"));
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let text = format!("//! Says it.\n{}", "\n".repeat(TOO_LONG));
        assert_eq!(rust_file("crates/a/src/b.rs", &text).len(), 1);
    }
}
