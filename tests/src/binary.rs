//! Where the program under test is: `KITH_BIN`, or built beside the running test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The program `kith`; without `KITH_BIN` it is built once, in the profile and folder of the program that asks.
///
/// # Errors
/// When it cannot be built.
pub fn kith() -> Result<&'static Path> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND
        .get_or_init(|| find().map_err(|error| format!("{error:#}")))
        .as_deref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn find() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("KITH_BIN") {
        let binary = PathBuf::from(binary);
        if !binary.is_file() {
            bail!("KITH_BIN names {}, which is no file", binary.display());
        }
        return Ok(binary);
    }
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .skip(1)
        .find(|folder| folder.file_name() != Some(OsStr::new("deps")))
        .context("this program lies in no folder of cargo")?;
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().context("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "kith-server",
            "--bin",
            "kith",
        ])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()
        .context("cargo cannot be started; set KITH_BIN to the program `kith`")?;
    if !status.success() {
        bail!("kith cannot be built: cargo ended with {status}");
    }
    Ok(folder.join("kith"))
}

/// A command of the program on a database, with no setting from outside.
///
/// # Errors
/// When the program is not there.
pub fn command(database_url: &str, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(kith()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KITH_") {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .env("KITH_DATABASE_URL", database_url)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a command of the program to its end; what it printed.
///
/// # Errors
/// When it fails, with what it said.
pub fn run(database_url: &str, args: &[&str]) -> Result<String> {
    let output = command(database_url, args)?.output()?;
    if !output.status.success() {
        bail!(
            "kith {} ended with {}\n{}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
