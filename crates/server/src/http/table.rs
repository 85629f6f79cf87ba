//! Which route is which call.

/// A route that takes a message as JSON, or as parameters, and answers with one, or with a stream of them.
#[derive(Debug)]
pub(super) struct Route {
    /// The method of HTTP.
    pub(super) verb: &'static str,
    /// The path, with its parameters in braces.
    pub(super) path: &'static str,
    /// The call.
    pub(super) rpc: &'static str,
    /// Which field of the message the parameter of the path fills; a list takes it as its only item.
    pub(super) fills: Option<(&'static str, &'static str)>,
    /// Whether the message comes in the body; else its fields are parameters.
    pub(super) has_body: bool,
}

const fn get(path: &'static str, rpc: &'static str) -> Route {
    Route { verb: "GET", path, rpc, fills: None, has_body: false }
}

const fn post(path: &'static str, rpc: &'static str) -> Route {
    Route { verb: "POST", path, rpc, fills: None, has_body: true }
}

impl Route {
    const fn fills(self, parameter: &'static str, field: &'static str) -> Self {
        Self { fills: Some((parameter, field)), ..self }
    }

    const fn verb(self, verb: &'static str) -> Self {
        Self { verb, ..self }
    }
}

/// Every such route. What is not in it has a module of its own.
pub(super) const ROUTES: &[Route] = &[
    get("/v1/info", "AdminService/Info"),
    get("/v1/stats", "AdminService/Stats"),
    get("/v1/failures", "AdminService/ListFailures"),
    post("/v1/verify", "AdminService/Verify"),
    post("/v1/optimize", "AdminService/Optimize"),
    post("/v1/reembed", "AdminService/Reembed"),
    get("/v1/collections", "CollectionsService/ListCollections"),
    post("/v1/collections", "CollectionsService/CreateCollection"),
    get("/v1/collections/{name}", "CollectionsService/GetCollection").fills("name", "collection_name"),
    post("/v1/collections/{name}", "CollectionsService/UpdateCollection")
        .verb("PATCH")
        .fills("name", "collection_name"),
    get("/v1/collections/{name}", "CollectionsService/DeleteCollection")
        .verb("DELETE")
        .fills("name", "collection_name"),
    get("/v1/aliases", "CollectionsService/ListAliases"),
    post("/v1/aliases", "CollectionsService/UpdateAliases"),
    get("/v1/fields", "CollectionsService/ListFieldIndexes"),
    post("/v1/fields", "CollectionsService/CreateFieldIndex"),
    get("/v1/fields/{field}", "CollectionsService/DeleteFieldIndex").verb("DELETE").fills("field", "field"),
    get("/v1/keys", "KeysService/ListKeys"),
    post("/v1/keys", "KeysService/CreateKey"),
    get("/v1/keys/{id}", "KeysService/RevokeKey").verb("DELETE").fills("id", "id"),
    post("/v1/query", "QueryService/Query"),
    post("/v1/query/batch", "QueryService/QueryBatch"),
    post("/v1/scroll", "QueryService/Scroll"),
    post("/v1/count", "QueryService/Count"),
    post("/v1/score", "QueryService/ScoreAsset"),
    post("/v1/watch", "QueryService/Watch"),
    post("/v1/embed", "EmbedService/Embed"),
    post("/v1/upsert", "PointsService/Upsert"),
    post("/v1/payload/set", "PointsService/SetPayload"),
    post("/v1/payload/delete", "PointsService/DeletePayload"),
    get("/v1/assets/{id}/peaks", "PointsService/Peaks").fills("id", "asset_id"),
    get("/v1/assets/{id}", "PointsService/Get").fills("id", "asset_ids"),
    get("/v1/assets/{id}", "PointsService/Delete").verb("DELETE").fills("id", "selector.ids.asset_ids"),
    post("/v1/assets/get", "PointsService/Get"),
    post("/v1/assets/delete", "PointsService/Delete"),
    post("/v1/caption", "CaptionService/Caption"),
    post("/v1/summarize", "CaptionService/Summarize"),
    post("/v1/index_paths", "IngestService/IndexPaths"),
];

#[cfg(test)]
mod tests {
    use sensorium_api::reflect::{Kind, MessageDescriptor};

    use super::super::schema::method;
    use super::*;

    #[test]
    fn every_route_is_a_call_with_the_fields_that_it_fills() {
        for route in ROUTES {
            let method = method(route.rpc).expect("a call");
            assert!(!method.is_client_streaming(), "{}", route.path);
            if let Some((parameter, field)) = route.fills {
                assert!(route.path.contains(&format!("{{{parameter}}}")), "{}", route.path);
                assert!(has(&method.input(), field), "{}: {field}", route.path);
            }
        }
    }

    fn has(message: &MessageDescriptor, path: &str) -> bool {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        match (message.get_field_by_name(name), rest) {
            (Some(field), Some(rest)) => matches!(field.kind(), Kind::Message(inner) if has(&inner, rest)),
            (field, None) => field.is_some(),
            (None, Some(_)) => false,
        }
    }
}
