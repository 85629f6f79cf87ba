//! `keys`: by which a server knows its callers. With a server running they are changed through it, by an admin's key; without one in
//! the data folder, under its lock.

use sensorium_client::{Client, v1};
use sensorium_engine::Access;
use sensorium_server::{KeyInfo, Keys, NewKey, Scope};
use serde_json::json;

use super::Context;
use crate::args::high::Place;
use crate::args::serve::{CreateKey, KeyScope, Keys as Command};
use crate::backend::connect;
use crate::failure::Exit;
use crate::output::{note, words};

/// Makes, lists or revokes keys.
pub(super) async fn run(command: Command, context: &mut Context) -> anyhow::Result<Exit> {
    match context.setting.place() {
        Place::Server { url, .. } => {
            let client = connect(&context.setting, &url).await?;
            through(&client, command, context).await
        }
        Place::Folder => in_folder(command, context).await,
    }
}

async fn through(client: &Client, command: Command, context: &mut Context) -> anyhow::Result<Exit> {
    match command {
        Command::Create(CreateKey { scope, name, reach, expires_days, replace, grace_hours }) => {
            let scope = match scope {
                KeyScope::Read => v1::KeyScope::Read,
                KeyScope::Write => v1::KeyScope::Write,
                KeyScope::Admin => v1::KeyScope::Admin,
            };
            let request = v1::CreateKeyRequest {
                scope: scope.into(),
                name,
                collections: reach,
                expires_days,
                replaces: replace.unwrap_or_default(),
                grace_hours: Some(grace_hours),
            };
            let v1::CreateKeyResponse { id, key } = client.create_key(request).await?;
            show_new(context, &id, &key)?;
        }
        Command::List => {
            let listed = client.list_keys().await?.into_iter().map(|key| Row {
                scope: key.scope().as_str_name().trim_start_matches("KEY_SCOPE_").to_lowercase(),
                id: key.id,
                name: key.name,
                collections: key.collections,
                created: key.created,
                expires: (!key.expires.is_empty()).then_some(key.expires),
                last_used: (!key.last_used.is_empty()).then_some(key.last_used),
            });
            show(context, listed.collect())?;
        }
        Command::Revoke { id } => client.revoke_key(&id).await?,
    }
    Ok(Exit::Done)
}

async fn in_folder(command: Command, context: &mut Context) -> anyhow::Result<Exit> {
    if let Command::List = command {
        let listed = Keys::open(&context.setting.data_dir)?.list().into_iter().map(Row::from).collect();
        show(context, listed)?;
        return Ok(Exit::Done);
    }
    // The lock of the folder: a server that runs would not see the change.
    let engine = context.setting.open(Access::Write, None).await?;
    let keys = Keys::open(engine.data_dir())?;
    match command {
        Command::Create(CreateKey { scope, name, reach, expires_days, replace, grace_hours }) => {
            let scope = match scope {
                KeyScope::Read => Scope::Read,
                KeyScope::Write => Scope::Write,
                KeyScope::Admin => Scope::Admin,
            };
            let replaces = replace.map(|id| (id, Some(grace_hours)));
            let new = NewKey::of(scope, (name, reach), expires_days, replaces);
            let (info, key) = keys.create(new)?;
            show_new(context, &info.id, &key)?;
        }
        Command::Revoke { id } => keys.revoke(&id)?,
        Command::List => {}
    }
    Ok(Exit::Done)
}

/// A key as it is listed.
struct Row {
    id: String,
    scope: String,
    name: String,
    collections: Vec<String>,
    created: String,
    expires: Option<String>,
    last_used: Option<String>,
}

impl From<KeyInfo> for Row {
    fn from(info: KeyInfo) -> Self {
        let KeyInfo { id, name, scope, collections, created, expires, last_used } = info;
        let text = |time: Option<_>| time.map(|time: jiff::Timestamp| time.to_string());
        Self {
            id,
            scope: scope.name().to_owned(),
            name,
            collections,
            created: created.to_string(),
            expires: text(expires),
            last_used: text(last_used),
        }
    }
}

fn show_new(context: &mut Context, id: &str, key: &str) -> anyhow::Result<()> {
    if context.out.is_json() {
        context.out.object(&json!({ "id": id, "key": key }))?;
    } else {
        context.out.line(key)?;
        note(&format!("the key {id} is shown this once: keep it where only its user reads it"));
    }
    Ok(())
}

fn show(context: &mut Context, rows: Vec<Row>) -> anyhow::Result<()> {
    let out = &mut context.out;
    if rows.is_empty() {
        note("there are no keys");
    }
    for Row { id, scope, name, collections, created, expires, last_used } in rows {
        if out.is_json() {
            out.object(&json!({
                "id": id, "scope": scope, "name": name, "collections": collections, "created": created,
                "expires": expires, "last_used": last_used,
            }))?;
            continue;
        }
        let reach =
            if collections.is_empty() { "all collections".to_owned() } else { collections.join(", ") };
        let ends = expires.map(|expires| format!(", ends {expires}")).unwrap_or_default();
        let used = last_used.map_or_else(|| ", never used".to_owned(), |used| format!(", used {used}"));
        let name = words::printable(&name);
        out.line(&format!(
            "{id}  {scope:5}  {}  made {created}{ends}{used}  {name}",
            words::printable(&reach)
        ))?;
    }
    Ok(())
}
