//! The committed OpenAPI documents: written from the code, compared with it, and kept from breaking clients unsaid.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{breaking, shell};

/// The committed documents, and the arguments of `kith openapi` that print them.
const DOCUMENTS: [(&str, &[&str]); 2] = [
    ("openapi/kith-v1.json", &[]),
    ("openapi/kith-v1-3.0.json", &["--openapi-version", "3.0"]),
];

/// The breaking changes that were meant, one per line.
const ACCEPTED: &str = "openapi/accepted-breaking.txt";

/// `cargo xtask openapi`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut check_only = false;
    let mut accept = false;
    for arg in args {
        match arg.as_str() {
            "--check" => check_only = true,
            "--accept-breaking" => accept = true,
            other => bail!("no option `{other}`: --check, --accept-breaking"),
        }
    }
    let binary = shell::build_binary("kith-server", "kith", "dev")?;
    if check_only {
        return check(&binary);
    }
    for (file, text) in generate(&binary)? {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, text)?;
        println!("wrote {}", file.display());
    }
    if accept {
        let found = breaks_since_base()?;
        if !found.is_empty() {
            let mut lines = accepted();
            lines.extend(found);
            lines.sort();
            lines.dedup();
            std::fs::write(shell::root().join(ACCEPTED), lines.join("\n") + "\n")?;
            println!("wrote {ACCEPTED}: commit it with the reason");
        }
    }
    check_breaking()
}

/// Compares what the code says with what is committed, and that with what clients were promised before.
pub(crate) fn check(binary: &Path) -> Result<()> {
    let mut drifted = Vec::new();
    for (file, text) in generate(binary)? {
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        if committed != text {
            let first = committed
                .lines()
                .zip(text.lines())
                .position(|(a, b)| a != b);
            let line = first.unwrap_or_else(|| committed.lines().count().min(text.lines().count()));
            let shown = |text: &str| {
                text.lines()
                    .nth(line)
                    .unwrap_or("(ends here)")
                    .trim()
                    .to_owned()
            };
            println!("{}:{}: differs from the code", file.display(), line + 1);
            println!(
                "  committed: {}\n  code:      {}",
                shown(&committed),
                shown(&text)
            );
            drifted.push(file);
        }
    }
    if !drifted.is_empty() {
        bail!(
            "the committed OpenAPI document is not what the code serves: run `cargo xtask openapi` and commit what `git diff openapi` shows"
        );
    }
    check_breaking()
}

fn generate(binary: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut documents = Vec::new();
    for (file, args) in DOCUMENTS {
        let mut command = shell::command(&binary.display().to_string(), ["openapi"]);
        let text = String::from_utf8(shell::output(command.args(args))?)?;
        let _parsed: Value = serde_json::from_str(&text)
            .with_context(|| format!("`kith openapi` for {file} is not JSON"))?;
        documents.push((shell::root().join(file), text));
    }
    Ok(documents)
}

fn check_breaking() -> Result<()> {
    let accepted = accepted();
    let mut found = breaks_since_base()?;
    found.retain(|line| !accepted.contains(line));
    if found.is_empty() {
        println!("the OpenAPI document breaks no client");
        return Ok(());
    }
    for line in &found {
        println!("{line}");
    }
    bail!(
        "{} changes of the OpenAPI document break its clients; if they are meant, `cargo xtask openapi --accept-breaking` notes them in {ACCEPTED}",
        found.len()
    )
}

fn accepted() -> Vec<String> {
    let text = std::fs::read_to_string(shell::root().join(ACCEPTED)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Against the document where this branch left main; on main itself, against the last commit.
fn breaks_since_base() -> Result<Vec<String>> {
    let [(file, _), _] = DOCUMENTS;
    let Some(before) = committed_before(file) else {
        println!("no earlier {file} to compare with");
        return Ok(Vec::new());
    };
    let now = std::fs::read(shell::root().join(file))?;
    Ok(breaking::compare(&before, &serde_json::from_slice(&now)?))
}

fn committed_before(file: &str) -> Option<Value> {
    let git = |args: &[&str]| {
        let output = shell::command("git", args).output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    let base = ["origin/main", "main"]
        .iter()
        .find_map(|main| git(&["merge-base", "HEAD", main]));
    let base = String::from_utf8(base.unwrap_or_else(|| b"HEAD".to_vec())).ok()?;
    serde_json::from_slice(&git(&["show", &format!("{}:{file}", base.trim())])?).ok()
}
