//! Keys: makes, lists and revokes them.

use std::sync::Arc;

use sensorium_api::{ConvertError, Fault, v1};
use tonic::{Request, Response, Status};

use crate::access::{KeyInfo, Keys, KeysError, NewKey};
use crate::calls::Scope;
use crate::context::Context;
use crate::gate::enter;

/// `KeysService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Work on the keys, which writes a file.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keys) -> Result<T, KeysError> + Send + 'static,
    ) -> Result<T, Status> {
        let keys = Arc::clone(&self.context.access().keys);
        let done = tokio::task::spawn_blocking(move || work(&keys)).await;
        let done = done.map_err(|error| Status::internal(error.to_string()))?;
        done.map_err(|error| Fault::new(error.kind(), error.to_string()).into())
    }
}

fn scope(number: i32) -> Result<Scope, ConvertError> {
    use v1::KeyScope as Asked;
    let field = "scope";
    match Asked::try_from(number) {
        Ok(Asked::Read) => Ok(Scope::Read),
        Ok(Asked::Write) => Ok(Scope::Write),
        Ok(Asked::Admin) => Ok(Scope::Admin),
        Ok(Asked::Unspecified) => Err(ConvertError::Missing { field }),
        Err(_) => Err(ConvertError::UnknownEnum { field, received: number }),
    }
}

fn shown(info: KeyInfo) -> v1::Key {
    let KeyInfo { id, name, scope, collections, created, expires, last_used } = info;
    let scope = match scope {
        Scope::Read => v1::KeyScope::Read,
        Scope::Write => v1::KeyScope::Write,
        Scope::Admin => v1::KeyScope::Admin,
    };
    let text = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    v1::Key {
        id,
        name,
        scope: scope.into(),
        collections,
        created: created.to_string(),
        expires: text(expires),
        last_used: text(last_used),
    }
}

#[tonic::async_trait]
impl v1::keys_service_server::KeysService for Service {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let (_place, message) = enter(request);
        let v1::CreateKeyRequest { scope: asked, name, collections, expires_days, replaces, grace_hours } =
            message;
        let replaces = (!replaces.is_empty()).then_some((replaces, grace_hours));
        let new = NewKey::of(scope(asked)?, (name, collections), expires_days, replaces);
        let (info, key) = self.change(move |keys| keys.create(new)).await?;
        tracing::info!(target: "audit", key = %info.id, scope = info.scope.name(), "a key was made");
        Ok(Response::new(v1::CreateKeyResponse { id: info.id, key }))
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let (_place, v1::ListKeysRequest {}) = enter(request);
        let keys = self.context.access().keys.list();
        Ok(Response::new(v1::ListKeysResponse { keys: keys.into_iter().map(shown).collect() }))
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::RevokeKeyResponse>, Status> {
        let (_place, v1::RevokeKeyRequest { id }) = enter(request);
        let revoked = id.clone();
        self.change(move |keys| keys.revoke(&id)).await?;
        tracing::info!(target: "audit", key = %revoked, "a key was revoked");
        Ok(Response::new(v1::RevokeKeyResponse {}))
    }
}
