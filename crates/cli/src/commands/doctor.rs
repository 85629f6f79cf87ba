//! `doctor`: whether everything needed is here and works.

use sensorium_embed::{OnnxError, OnnxRuntime, onnx_runtime};
use sensorium_engine::Access;
use serde_json::json;

use super::Context;
use crate::args::high::Setting;
use crate::failure::{CliError, Exit};
use crate::output::words;

/// One finding.
struct Finding {
    name: String,
    ok: bool,
    detail: String,
}

/// Looks at programs, the bundle and the data folder; exit code 1 if something is not as it should be.
pub(super) async fn run(context: &mut Context) -> anyhow::Result<Exit> {
    let program = std::env::current_exe().map_err(|source| CliError::OwnProgram { source })?;
    let mut findings: Vec<Finding> = sensorium_media::doctor(&program)
        .into_iter()
        .map(|check| Finding { name: check.name, ok: check.ok, detail: check.detail })
        .collect();
    findings.push(bundle(&context.setting));
    findings.push(onnx());
    findings.push(data(&context.setting).await);
    let out = &mut context.out;
    for Finding { name, ok, detail } in &findings {
        if out.is_json() {
            out.object(&json!({ "check": name, "ok": ok, "detail": detail }))?;
        } else {
            let sign = if *ok { out.paint().green("ok    ") } else { out.paint().red("wrong ") };
            out.line(&format!("{sign} {name}: {}", words::printable(detail)))?;
        }
    }
    Ok(if findings.iter().all(|finding| finding.ok) { Exit::Done } else { Exit::Error })
}

fn bundle(setting: &Setting) -> Finding {
    let tested = setting.bundle().and_then(|bundle| {
        bundle.self_test()?;
        Ok(bundle.space().revision)
    });
    let name = "models".to_owned();
    match tested {
        Ok(revision) => Finding { name, ok: true, detail: format!("{revision}, its numbers are right") },
        Err(error) => Finding { name, ok: false, detail: format!("{error:#}") },
    }
}

/// The library that models of the family onnx are run by: nothing else needs it, so that it may be missing.
fn onnx() -> Finding {
    let name = "onnx runtime".to_owned();
    match onnx_runtime() {
        Ok(OnnxRuntime { path, version, providers, .. }) => {
            let detail = format!("{version} as {}, which offers {}", path.display(), providers.join(", "));
            Finding { name, ok: true, detail }
        }
        Err(error) => {
            // What is not there is missed by those alone who have such models, and their models say so.
            let ok = matches!(error, OnnxError::NoLibrary { .. } | OnnxError::TooOld { .. });
            Finding { name, ok, detail: format!("{error}; the models built in do without") }
        }
    }
}

async fn data(setting: &Setting) -> Finding {
    let name = "data folder".to_owned();
    let folder = setting.data_dir.display();
    if !setting.data_dir.exists() {
        return Finding { name, ok: true, detail: format!("{folder} does not exist yet") };
    }
    let opened = async {
        let engine = setting.open(Access::Read, None).await?;
        let stats = engine.stats().await?;
        anyhow::Ok((stats, engine.space_mismatch()))
    };
    match opened.await {
        Ok((_, Some(mismatch))) => {
            let detail = format!(
                "{folder} was made with {}, and this is {}: text and media cannot be asked",
                mismatch.stored.revision, mismatch.bundle.revision
            );
            Finding { name, ok: false, detail }
        }
        Ok((stats, None)) => {
            let server = match setting.server_here() {
                Some(server) => format!(", served at {} by process {}", server.address, server.pid),
                None => String::new(),
            };
            let assets = words::count(stats.counts.assets, "asset", "assets");
            Finding { name, ok: true, detail: format!("{folder}, {assets}{server}") }
        }
        Err(error) => Finding { name, ok: false, detail: format!("{error:#}") },
    }
}
