//! The dependency rule between the crates as a table, and the packages that must not come in at all.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Which crates of ours each of our crates may use. The composition root, tests and xtask are below in the code.
const OURS: [(&str, &[&str]); 9] = [
    ("kith-domain", &[]),
    ("kith-application", &["kith-domain"]),
    ("kith-api-types", &["kith-domain"]),
    (
        "kith-http",
        &["kith-application", "kith-api-types", "kith-domain"],
    ),
    (
        "kith-mcp",
        &["kith-application", "kith-api-types", "kith-domain"],
    ),
    ("kith-persistence", &["kith-domain", "kith-migrations"]),
    ("kith-webhooks", &["kith-domain"]),
    ("kith-migrations", &[]),
    ("xtask", &[]),
];

/// Crates that may use everything of ours: one composes, the other looks from outside.
const COMPOSE: [&str; 2] = ["kith-server", "kith-tests"];

/// Everything foreign that the domain may use: pure code, no runtime, no input or output.
const DOMAIN_MAY_USE: [&str; 15] = [
    "async-trait",
    "chrono",
    "email_address",
    "ipnet",
    "iso_currency",
    "phonenumber",
    "pulldown-cmark",
    "rust_decimal",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "unicode-normalization",
    "url",
    "uuid",
];

/// Foreign packages that belong to some crates only.
const OWNED: [(&str, &[&str]); 11] = [
    ("sea-orm", &["kith-persistence"]),
    ("sea-query", &["kith-persistence", "kith-migrations"]),
    ("sea-orm-migration", &["kith-migrations"]),
    ("sqlx", &["kith-persistence", "kith-tests"]),
    ("poem", &["kith-http", "kith-mcp", "kith-tests"]),
    ("poem-openapi", &["kith-http", "kith-api-types"]),
    ("reqwest", &["kith-webhooks", "kith-tests"]),
    (
        "tokio",
        &[
            "kith-http",
            "kith-mcp",
            "kith-persistence",
            "kith-webhooks",
            "kith-server",
            "kith-tests",
        ],
    ),
    ("clap", &["kith-server", "kith-tests"]),
    ("anyhow", &["kith-server", "kith-tests", "xtask"]),
    ("toml", &["kith-server"]),
];

/// Packages that must not be in what we build, and what stands in their place.
const BANNED: [(&str, &str); 5] = [
    ("aws-lc-rs", "ring"),
    ("aws-lc-sys", "ring"),
    ("openssl-sys", "rustls with ring"),
    ("native-tls", "rustls with ring"),
    ("openssl", "rustls with ring"),
];

/// Packages of which there must be one version only: two of them would not understand each other's types.
const ONCE: [&str; 5] = ["sqlx", "sqlx-core", "sea-orm", "poem", "rustls"];

/// `cargo xtask check-deps`.
pub(crate) fn run() -> Result<()> {
    let own = metadata(&["--no-deps"])?;
    let mut findings = check_table(&own)?;
    findings.extend(check_graph(&metadata(&[])?)?);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!(
            "{} dependencies that the table does not allow",
            findings.len()
        );
    }
    println!("the dependency table holds");
    Ok(())
}

fn metadata(args: &[&str]) -> Result<Value> {
    let all = [&["metadata", "--format-version", "1", "--locked"], args].concat();
    serde_json::from_slice(&shell::output(&mut shell::cargo(&all))?)
        .context("cargo metadata is not JSON")
}

/// Our crates against the table. What only tests use is free, save that the layers stay apart even there.
fn check_table(metadata: &Value) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let packages = metadata["packages"].as_array().context("no packages")?;
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let table: BTreeMap<&str, &[&str]> = OURS.into_iter().collect();
    for package in packages {
        let name = package["name"]
            .as_str()
            .context("a package without a name")?;
        let composes = COMPOSE.contains(&name);
        let Some(may) = table.get(name).copied().or(composes.then_some(&[])) else {
            findings.push(format!("{name}: not in the table of xtask/src/deps.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let in_tests = dependency["kind"].as_str() == Some("dev");
            if ours.contains(used) {
                if !composes && used != name && !may.contains(&used) {
                    findings.push(format!("{name} → {used}: may use {}", list(may)));
                }
            } else if !in_tests {
                if name == "kith-domain" && !DOMAIN_MAY_USE.contains(&used) {
                    findings.push(format!(
                        "{name} → {used}: the domain is pure; may use {}",
                        list(&DOMAIN_MAY_USE)
                    ));
                }
                if let Some((_, owners)) = OWNED.iter().find(|(owned, _)| *owned == used)
                    && !owners.contains(&name)
                {
                    findings.push(format!("{name} → {used}: belongs to {}", list(owners)));
                }
            }
        }
    }
    Ok(findings)
}

/// The whole graph: nothing banned, nothing twice that must be one.
fn check_graph(metadata: &Value) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        versions
            .entry(name)
            .or_default()
            .insert(package["version"].as_str().unwrap_or_default());
    }
    for (banned, instead) in BANNED {
        if versions.contains_key(banned) {
            findings.push(format!(
                "{banned} is in the graph (cargo tree -i {banned}): {instead} instead"
            ));
        }
    }
    for name in ONCE {
        if let Some(found) = versions.get(name).filter(|found| found.len() > 1) {
            let found: Vec<&str> = found.iter().copied().collect();
            findings.push(format!(
                "{name} is there more than once: {}",
                found.join(", ")
            ));
        }
    }
    Ok(findings)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none of our crates".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    //! The table refuses what it must.
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn workspace(name: &str, used: &str, kind: Option<&str>) -> Value {
        json!({"packages": [
            {"name": name, "dependencies": [{"name": used, "kind": kind}]},
            {"name": "kith-persistence", "dependencies": []},
        ]})
    }

    #[test]
    fn a_driving_adapter_never_sees_persistence() {
        assert_eq!(
            check_table(&workspace("kith-http", "kith-persistence", None))
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            check_table(&workspace("kith-http", "kith-persistence", Some("dev")))
                .unwrap()
                .len(),
            1
        );
        assert!(
            check_table(&workspace("kith-server", "kith-persistence", None))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_domain_stays_pure_except_in_its_tests() {
        assert_eq!(
            check_table(&workspace("kith-domain", "tokio", None))
                .unwrap()
                .len(),
            2
        );
        assert!(
            check_table(&workspace("kith-domain", "tokio", Some("dev")))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn an_unknown_crate_asks_for_its_line() {
        assert_eq!(
            check_table(&workspace("kith-new", "serde", None))
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn banned_and_doubled_packages_are_found() {
        let graph = json!({"packages": [
            {"name": "native-tls", "version": "1.0.0"},
            {"name": "sqlx-core", "version": "0.8.0"},
            {"name": "sqlx-core", "version": "0.9.0"},
        ]});
        assert_eq!(check_graph(&graph).unwrap().len(), 2);
    }
}
