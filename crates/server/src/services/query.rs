//! Finds assets.

use sensorium_api::convert::{asset_id, failure_of_error, filter};
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_types::{Cancel, Cursor, CurveRequest};
use tonic::{Request, Response, Status};

use super::planned::not_built;
use super::space::check_space;
use super::{Answers, watch};
use crate::context::Context;
use crate::convert::{Asked, query_request, query_response, score_asset_response, terms};
use crate::gate::{Place, enter};
use crate::trace::stage_times;

/// Assets of a page where a scroll does not say.
const DEFAULT_PAGE: usize = 100;
/// Most assets of a page.
const MAX_PAGE: usize = 1000;
/// Most queries of a batch.
const MAX_BATCH: usize = 64;

/// `QueryService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Answers a query; the call's place is free once nothing works for it any more.
    async fn answer(
        &self,
        message: v1::QueryRequest,
        place: Option<Place>,
    ) -> Result<v1::QueryResponse, Fault> {
        let Asked { collection_name, using, offset, without_payload, request } =
            query_request(message, (self.context.settings(), self.context.uploads()))?;
        let engine = self.context.reader(&collection_name).await?;
        check_space(&engine, using)?;
        let turn = self.context.queries().enter_now()?;
        let (cancel, times) = (Cancel::new().keeping((place, turn)), stage_times());
        let reply = self.context.within(engine.query_timed(request, cancel, &times)).await?;
        self.context.metrics().query(&reply.steps);
        Ok(query_response(reply, offset, without_payload))
    }
}

#[tonic::async_trait]
impl v1::query_service_server::QueryService for Service {
    type WatchStream = Answers<v1::WatchResponse>;

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let (place, message) = enter(request);
        Ok(Response::new(self.answer(message, place).await?))
    }

    async fn query_batch(
        &self,
        request: Request<v1::QueryBatchRequest>,
    ) -> Result<Response<v1::QueryBatchResponse>, Status> {
        use v1::query_outcome::Outcome;
        let (place, v1::QueryBatchRequest { queries }) = enter(request);
        if queries.len() > MAX_BATCH {
            let (limit, received) = (MAX_BATCH, queries.len());
            return Err(ConvertError::TooMany { field: "queries", limit, received }.into());
        }
        let mut outcomes = Vec::with_capacity(queries.len());
        for query in queries {
            let outcome = match self.answer(query, place.clone()).await {
                Ok(response) => Outcome::Response(response),
                Err(fault) => Outcome::Failure(failure_of_error(fault.kind, fault.message)),
            };
            outcomes.push(v1::QueryOutcome { outcome: Some(outcome) });
        }
        Ok(Response::new(v1::QueryBatchResponse { outcomes }))
    }

    async fn query_groups(
        &self,
        _: Request<v1::QueryGroupsRequest>,
    ) -> Result<Response<v1::QueryGroupsResponse>, Status> {
        Err(not_built("QueryGroups"))
    }

    async fn scroll(
        &self,
        request: Request<v1::ScrollRequest>,
    ) -> Result<Response<v1::ScrollResponse>, Status> {
        let (_place, message) = enter(request);
        let v1::ScrollRequest {
            collection_name,
            filter: tree,
            filter_text,
            limit,
            after,
            with_vectors,
            newest_first,
        } = message;
        let filter = filter(tree, &filter_text)?;
        if newest_first && filter.is_some() {
            return Err(ConvertError::NotTaken {
                field: "newest_first",
                instead: "the newest assets are listed without a filter",
            }
            .into());
        }
        let limit = limit.map_or(DEFAULT_PAGE, |limit| limit as usize);
        if !(1..=MAX_PAGE).contains(&limit) {
            let (expected, received) = ("from 1 to 1000", limit.to_string());
            return Err(ConvertError::Number { field: "limit", expected, received }.into());
        }
        let from = (!after.is_empty()).then(|| Cursor::new(after));
        let engine = self.context.reader(&collection_name).await?;
        let page = async {
            if newest_first {
                engine.newest(from.as_ref(), limit, with_vectors).await
            } else {
                engine.scroll(filter.as_ref(), from.as_ref(), limit, with_vectors).await
            }
        };
        let page = self.context.within(page).await?;
        Ok(Response::new(v1::ScrollResponse {
            assets: page.items.into_iter().map(v1::Asset::from).collect(),
            next_after: page.next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        }))
    }

    async fn count(&self, request: Request<v1::CountRequest>) -> Result<Response<v1::CountResponse>, Status> {
        let (_place, v1::CountRequest { collection_name, filter: tree, filter_text }) = enter(request);
        let filter = filter(tree, &filter_text)?;
        let engine = self.context.reader(&collection_name).await?;
        let count = self.context.within(engine.count(filter.as_ref())).await?;
        Ok(Response::new(v1::CountResponse { count }))
    }

    async fn facet(&self, _: Request<v1::FacetRequest>) -> Result<Response<v1::FacetResponse>, Status> {
        Err(not_built("Facet"))
    }

    async fn score_asset(
        &self,
        request: Request<v1::ScoreAssetRequest>,
    ) -> Result<Response<v1::ScoreAssetResponse>, Status> {
        let (place, v1::ScoreAssetRequest { collection_name, asset_id: id, terms: received, raw }) =
            enter(request);
        let asset = asset_id("asset_id", &id)?;
        let request = CurveRequest { terms: terms(received, self.context.uploads())?, raw };
        let engine = self.context.reader(&collection_name).await?;
        let turn = self.context.queries().enter_now()?;
        let cancel = Cancel::new().keeping((place, turn));
        let curve = self.context.within(engine.score_asset(&asset, request, cancel)).await?;
        Ok(Response::new(score_asset_response(&curve)))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (place, message) = enter(request);
        Ok(Response::new(watch::start(&self.context, place, message).await?))
    }
}
