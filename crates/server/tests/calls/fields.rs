//! Fields given to stored assets and taken from them.

use sensorium_api::v1::asset_selector::Selector;

use super::*;

fn of_ids(ids: &[&AssetId]) -> Option<v1::AssetSelector> {
    let asset_ids = ids.iter().map(ToString::to_string).collect();
    Some(v1::AssetSelector { selector: Some(Selector::Ids(v1::AssetIds { asset_ids })) })
}

fn of_text(filter: &str) -> Option<v1::AssetSelector> {
    Some(v1::AssetSelector { selector: Some(Selector::FilterText(filter.to_owned())) })
}

fn payload(json: serde_json::Value) -> std::collections::BTreeMap<String, v1::Value> {
    let serde_json::Value::Object(fields) = json else { panic!("no object: {json}") };
    fields.into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[tokio::test]
async fn fields_are_set_and_taken_away() {
    let (server, client, ids) = filled().await;
    let mut points = PointsServiceClient::new(server.channel().await);
    let nobody = AssetId::new("nobody").expect("an id");
    let before = client.stats().await.expect("stats").counts.change;
    let set = |selector, json| v1::SetPayloadRequest {
        selector,
        payload: payload(json),
        ..v1::SetPayloadRequest::default()
    };
    let request = set(of_ids(&[&ids[0], &nobody]), serde_json::json!({"words": "mine", "tags": ["a", 1]}));
    let answer = points.set_payload(request.clone()).await.expect("sets").into_inner();
    assert_eq!((answer.changed, answer.missing, answer.change), (1, vec![nobody.to_string()], before + 1));
    let again = points.set_payload(request).await.expect("sets").into_inner();
    assert_eq!((again.changed, again.change), (0, before + 1), "it was so already, and nothing is written");
    let fields = async |id: &AssetId| {
        let found = client.get(std::slice::from_ref(id), false).await.expect("gets");
        found.into_iter().next().flatten().expect("there").payload
    };
    let now = fields(&ids[0]).await;
    assert_eq!(now.get("words").and_then(|words| words.as_str()), Some("mine"));
    assert_eq!(now.get("year").and_then(|year| year.as_i64()), Some(2019), "other fields stay");
    assert_eq!(client.count(Some(&"tags = \"a\"".parse().expect("a filter"))).await.expect("counts"), 1);

    // A change may take an asset out of the filter that named it; each is met once all the same.
    let answer = points.set_payload(set(of_text("year > 2019"), serde_json::json!({"year": 1900}))).await;
    assert_eq!(answer.expect("sets").into_inner().changed, 3);
    assert_eq!(client.count(Some(&"year = 1900".parse().expect("a filter"))).await.expect("counts"), 3);

    let drop = |fields: &[&str]| v1::DeletePayloadRequest {
        selector: of_text("words exists"),
        fields: fields.iter().map(ToString::to_string).collect(),
        ..v1::DeletePayloadRequest::default()
    };
    let answer = points.delete_payload(drop(&["words", "absent"])).await.expect("drops").into_inner();
    assert_eq!(answer.changed, 1, "only one had a field of its own");
    let now = fields(&ids[0]).await;
    assert_eq!(now.get("words").and_then(|words| words.as_u64()), Some(1), "the fact shows again");
    assert!(now.get("tags").is_some());
    assert_eq!(points.delete_payload(drop(&["words"])).await.expect("drops").into_inner().changed, 0);
    server.end().await;
}

#[tokio::test]
async fn fields_that_break_the_rules_are_refused() {
    let (server, client, ids) = filled().await;
    let mut points = PointsServiceClient::new(server.channel().await);
    let before = client.stats().await.expect("stats").counts.change;
    let set = |selector, json| v1::SetPayloadRequest {
        selector,
        payload: payload(json),
        ..v1::SetPayloadRequest::default()
    };
    let half = || serde_json::json!("x".repeat(40_000));
    for (selector, json, field) in [
        (of_ids(&[&ids[0]]), serde_json::json!({"_warning": 1}), None),
        (of_ids(&[&ids[0]]), serde_json::json!({"long": "x".repeat(70_000)}), None),
        (of_ids(&[&ids[0]]), serde_json::json!({}), Some("payload")),
        (None, serde_json::json!({"a": 1}), Some("selector")),
        (of_text("year >"), serde_json::json!({"a": 1}), Some("filter")),
    ] {
        let status = points.set_payload(set(selector, json)).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(Fault::from_status(&status).field.as_deref().filter(|_| field.is_some()), field);
    }
    points.set_payload(set(of_ids(&[&ids[0]]), serde_json::json!({"a": half()}))).await.expect("fits");
    let status = points.set_payload(set(of_ids(&[&ids[0]]), serde_json::json!({"b": half()}))).await;
    assert_eq!(status.expect_err("together they are too long").code(), Code::InvalidArgument);
    for fields in [vec![], vec!["_captions".to_owned()]] {
        let request = v1::DeletePayloadRequest { selector: of_ids(&[&ids[0]]), fields, ..Default::default() };
        assert_eq!(points.delete_payload(request).await.expect_err("refused").code(), Code::InvalidArgument);
    }
    assert_eq!(client.stats().await.expect("stats").counts.change, before + 1);
    server.end().await;
}
