//! Who asks, and whether it may.
//!
//! The edge says who asks ([`scoped`]); whatever opens a collection asks whether it may ([`check_collection`]), in the same task or in
//! one that the caller is carried to ([`carry`]). Work that nobody asked for opens collections by another way.

use std::future::Future;

use sensorium_api::Fault;
use sensorium_types::ErrorKind;

use super::keys::KeyFacts;
use crate::calls::Scope;

tokio::task_local! {
    static CALLER: Caller;
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Somebody, where no key is asked for.
    Anyone,
    /// Nobody known, and why.
    Nobody(&'static str),
    /// Who has this key.
    Key(std::sync::Arc<KeyFacts>),
}

impl Caller {
    /// That it may make calls of this scope.
    ///
    /// # Errors
    /// UNAUTHENTICATED for nobody, PERMISSION_DENIED for a key that does not reach so far.
    pub(crate) fn check(&self, scope: Scope) -> Result<(), Fault> {
        match self {
            Self::Anyone => Ok(()),
            Self::Nobody(why) => Err(Fault::new(ErrorKind::Unauthenticated, *why)),
            Self::Key(key) if key.scope >= scope => Ok(()),
            Self::Key(key) => {
                let (wanted, has) = (scope.name(), key.scope.name());
                let message = format!("this needs a key of scope {wanted}; the key {} has {has}", key.id);
                Err(Fault::new(ErrorKind::PermissionDenied, message))
            }
        }
    }

    /// Whether it reaches a collection.
    pub(crate) fn reaches(&self, collection: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Nobody(_) => false,
            Self::Key(key) => {
                key.collections.is_empty() || key.collections.iter().any(|name| name == collection)
            }
        }
    }
}

/// Work that this caller asked for.
pub(crate) async fn scoped<T>(caller: Caller, work: impl Future<Output = T>) -> T {
    CALLER.scope(caller, work).await
}

/// Work for the caller of this task, to be done in another one.
pub(crate) fn carry<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = CALLER.try_with(Clone::clone).unwrap_or(Caller::Nobody("the call has no caller"));
    CALLER.scope(caller, work)
}

/// That the caller of this task reaches a collection.
///
/// # Errors
/// PERMISSION_DENIED otherwise, also where there is no caller.
pub(crate) fn check_collection(collection: &str) -> Result<(), Fault> {
    match CALLER.try_with(|caller| caller.reaches(collection)) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => {
            let message = format!("the key does not reach the collection {collection:?}");
            Err(Fault::new(ErrorKind::PermissionDenied, message))
        }
    }
}

/// That the caller of this task may make calls of this scope.
///
/// # Errors
/// Those of [`Caller::check`]; UNAUTHENTICATED where there is no caller.
pub(crate) fn check_scope(scope: Scope) -> Result<(), Fault> {
    let nobody = Caller::Nobody("the call has no caller");
    CALLER.try_with(|caller| caller.check(scope)).unwrap_or_else(|_| nobody.check(scope))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key(scope: Scope, collections: &[&str]) -> Caller {
        let collections = collections.iter().map(|name| (*name).to_owned()).collect();
        Caller::Key(Arc::new(KeyFacts { id: "id".to_owned(), scope, collections }))
    }

    #[test]
    fn a_scope_includes_those_before_it() {
        for has in Scope::ALL {
            for wanted in Scope::ALL {
                assert_eq!(key(has, &[]).check(wanted).is_ok(), has >= wanted, "{has:?} {wanted:?}");
            }
        }
        assert!(Caller::Anyone.check(Scope::Admin).is_ok());
        let refused = Caller::Nobody("say who").check(Scope::Read).expect_err("nobody");
        assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::Unauthenticated, "say who"));
    }

    #[tokio::test]
    async fn a_collection_is_reached_where_the_caller_is_known_and_may() {
        assert!(check_collection("films").is_err(), "nobody asked");
        let allowed = |caller: Caller, name: &'static str| {
            scoped(caller, async move { check_collection(name).is_ok() })
        };
        assert!(allowed(Caller::Anyone, "films").await);
        assert!(allowed(key(Scope::Read, &[]), "films").await);
        assert!(allowed(key(Scope::Read, &["films"]), "films").await);
        assert!(!allowed(key(Scope::Admin, &["films"]), "photos").await);
        let check = || async { check_collection("films").is_ok() };
        let carried = scoped(Caller::Anyone, async { tokio::spawn(carry(check())).await });
        assert!(carried.await.expect("runs"));
        let lost = scoped(Caller::Anyone, async { tokio::spawn(check()).await });
        assert!(!lost.await.expect("runs"));
    }
}
