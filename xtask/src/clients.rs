//! Generated clients as users: made from the committed documents, compiled, and used once against a started server.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::report::{Outcome, Report};
use crate::server::Server;
use crate::shell;

/// One kind of user of the document.
pub(crate) struct Client {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// Programs it needs; without one of them it is left out.
    needs: &'static [&'static str],
    /// Does it.
    check: fn(&Path) -> Result<()>,
}

/// All of them, the quick ones first.
pub(crate) const ALL: &[Client] = &[
    Client {
        name: "lint",
        needs: &["node", "npm"],
        check: lint,
    },
    Client {
        name: "typescript",
        needs: &["node", "npm"],
        check: typescript,
    },
    Client {
        name: "python",
        needs: &["python3"],
        check: python,
    },
    Client {
        name: "rust",
        needs: &["cargo"],
        check: rust,
    },
];

/// `cargo xtask clients [NAME]`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(unknown) = args
        .iter()
        .find(|name| ALL.iter().all(|client| client.name != **name))
    {
        let names: Vec<&str> = ALL.iter().map(|client| client.name).collect();
        bail!("no client `{unknown}`: {}", names.join(", "));
    }
    let binary = shell::build_binary("kith-server", "kith", "dev")?;
    let mut report = Report::default();
    for client in ALL
        .iter()
        .filter(|client| args.is_empty() || args.iter().any(|name| name == client.name))
    {
        report.step(&format!("clients: {}", client.name), || {
            check(client, &binary)
        });
    }
    report.finish()
}

/// One of them, left out where its tools are missing (which fails in CI).
pub(crate) fn check(client: &Client, binary: &Path) -> Result<Outcome> {
    if let Some(missing) = client.needs.iter().find(|program| !shell::found(program)) {
        let reason = format!("no `{missing}` on PATH");
        if shell::in_ci() {
            bail!("{reason}");
        }
        return Ok(Outcome::LeftOut(reason));
    }
    (client.check)(binary)?;
    Ok(Outcome::Done)
}

/// The linters of the document; no server needed.
fn lint(_binary: &Path) -> Result<()> {
    let folder = npm_folder()?;
    let document = shell::root().join("openapi/kith-v1.json");
    let rules = shell::root().join("openapi/redocly.yaml");
    let mut redocly = in_folder(&folder, "node_modules/.bin/redocly", &["lint", "--config"]);
    redocly.arg(rules).arg("--max-problems=1000").arg(&document);
    redocly
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    shell::run(&mut redocly)?;
    let mut spectral = in_folder(
        &folder,
        "node_modules/.bin/spectral",
        &["lint", "--fail-severity=hint", "--ruleset"],
    );
    shell::run(
        spectral
            .arg(shell::root().join("openapi/spectral.yaml"))
            .arg(&document),
    )
}

fn typescript(binary: &Path) -> Result<()> {
    let folder = npm_folder()?;
    let document = shell::root()
        .join("openapi/kith-v1.json")
        .display()
        .to_string();
    shell::quiet(&mut in_folder(
        &folder,
        "node_modules/.bin/openapi-typescript",
        &[&document, "--output", "kith.d.ts"],
    ))?;
    shell::run(&mut in_folder(
        &folder,
        "node_modules/.bin/tsc",
        &["--project", "."],
    ))?;
    let server = Server::start(binary)?;
    shell::run(&mut in_folder(
        &folder,
        "node",
        &["build/scenario.js", &server.url, &server.api_key],
    ))
}

fn python(binary: &Path) -> Result<()> {
    let folder = shell::target().join("clients/python");
    copy("tests/clients/python", &folder)?;
    let bin = folder.join("venv/bin");
    let program = |name: &str| bin.join(name).display().to_string();
    let requirements = folder.join("requirements.txt");
    when_changed(&requirements, &folder.join("venv/installed"), || {
        shell::quiet(&mut in_folder(
            &folder,
            "python3",
            &["-m", "venv", "--clear", "venv"],
        ))?;
        let pip = program("pip");
        shell::quiet(&mut in_folder(
            &folder,
            &pip,
            &["install", "--quiet", "--requirement", "requirements.txt"],
        ))
    })?;
    let document = shell::root()
        .join("openapi/kith-v1.json")
        .display()
        .to_string();
    let generated = shell::command(
        &program("openapi-python-client"),
        [
            "generate",
            "--path",
            &document,
            "--meta",
            "none",
            "--output-path",
            "kith_client",
            "--overwrite",
            "--fail-on-warning",
        ],
    )
    .current_dir(&folder)
    .env("PATH", search_path(&bin)?)
    .output()?;
    let said =
        String::from_utf8_lossy(&generated.stdout) + String::from_utf8_lossy(&generated.stderr);
    if !generated.status.success() {
        bail!(
            "openapi-python-client ended with {}\n{said}",
            generated.status
        );
    }
    shell::quiet(&mut in_folder(
        &folder,
        &program("python"),
        &["-m", "compileall", "-q", "kith_client"],
    ))?;
    let server = Server::start(binary)?;
    shell::run(&mut in_folder(
        &folder,
        &program("python"),
        &["scenario.py", &server.url, &server.api_key],
    ))
}

fn rust(binary: &Path) -> Result<()> {
    let manifest = shell::root()
        .join("tests/clients/rust/Cargo.toml")
        .display()
        .to_string();
    // Its own lock file and folder: what it needs does not slow the workspace down.
    let folder = shell::target().join("clients/rust");
    let cargo = |args: &[&str]| {
        let mut command = shell::cargo(args);
        command
            .args(["--locked", "--manifest-path", &manifest])
            .env("CARGO_TARGET_DIR", &folder);
        command
    };
    shell::run(&mut cargo(&["build", "--quiet"]))?;
    let server = Server::start(binary)?;
    shell::run(cargo(&["run", "--quiet"]).args(["--", &server.url, &server.api_key]))
}

/// The folder of the npm packages, installed from the lock file when that changed.
fn npm_folder() -> Result<PathBuf> {
    let folder = shell::target().join("clients/typescript");
    copy("tests/clients/typescript", &folder)?;
    let lock = folder.join("package-lock.json");
    when_changed(&lock, &folder.join("node_modules/installed"), || {
        shell::quiet(&mut in_folder(
            &folder,
            "npm",
            &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        ))
    })?;
    Ok(folder)
}

/// Runs `install` unless `mark` says that it ran for what `source` holds now.
fn when_changed(source: &Path, mark: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let now = std::fs::read(source)?;
    if std::fs::read(mark).is_ok_and(|before| before == now) {
        return Ok(());
    }
    install()?;
    Ok(std::fs::write(mark, now)?)
}

/// Copies the files of a folder of the repository, so that tools leave their results in the target folder.
fn copy(from: &str, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(shell::root().join(from))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn in_folder(folder: &Path, program: &str, args: &[&str]) -> std::process::Command {
    let program = if program.contains('/') {
        folder.join(program).display().to_string()
    } else {
        program.to_owned()
    };
    let mut command = shell::command(&program, args);
    command.current_dir(folder);
    command
}

/// `PATH` with `first` before it: the generator formats with a program that lies beside it.
fn search_path(first: &Path) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(
        std::iter::once(first.to_path_buf()).chain(std::env::split_paths(&path)),
    )?)
}
