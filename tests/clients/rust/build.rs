//! Generates the client from the committed OpenAPI 3.0 document into cargo's build folder.

use std::path::Path;

const DOCUMENT: &str = "../../../openapi/kith-v1-3.0.json";

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let document: openapiv3::OpenAPI = serde_json::from_str(&std::fs::read_to_string(DOCUMENT)?)?;
    let mut settings = progenitor::GenerationSettings::default();
    settings.with_interface(progenitor::InterfaceStyle::Builder);
    let tokens = progenitor::Generator::new(&settings).generate_tokens(&document)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?);
    std::fs::write(
        Path::new(&std::env::var("OUT_DIR")?).join("client.rs"),
        code,
    )?;
    Ok(())
}
