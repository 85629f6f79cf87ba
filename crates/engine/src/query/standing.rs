//! A query that was made ready once, to be asked of assets by name: one asset's curve, and assets as they come in.

use sensorium_types::{AssetId, Cancel, Curve, CurvePoint, Hit, Modality, Term};

use super::part::{Make, QueryPart, QueryParts};
use super::rows::{Shape, hits, of_asset, rows_of};
use super::run::{Sources, check};
use super::terms::Asker;
use crate::EngineError;

/// The sum of some terms, ready to be asked.
#[derive(Debug)]
pub(crate) struct Standing {
    sources: Sources,
    part: QueryPart,
    /// Stored assets that were asked by.
    exclude: Vec<AssetId>,
}

impl Standing {
    /// Encodes the terms. A caller that goes away drops this future, and with it the work of other threads ends.
    pub(crate) async fn new(sources: Sources, terms: Vec<Term>, cancel: Cancel) -> Result<Self, EngineError> {
        check(&terms)?;
        let ends_with_the_call = cancel.on_drop();
        let (store, encode, decode) = (sources.store.clone(), sources.encode.clone(), sources.decode.clone());
        let keeps_captions = store.keeps_captions();
        let asked = Asker { store, encode, decode, cancel }.ask_all(terms).await;
        ends_with_the_call.disarm();
        let space = sources.store.space();
        let make = Make { late: false, keeps_captions, corrects: sources.corrects };
        let QueryParts { parts, exclude } =
            QueryParts::new(asked?, make, (&space, sources.calibration.as_ref()))?;
        let part = parts.into_iter().next().ok_or(EngineError::NoPositiveTerm)?;
        Ok(Self { sources, part, exclude })
    }

    /// The score at every point of an asset.
    pub(crate) async fn curve(&self, asset: &AssetId) -> Result<Curve, EngineError> {
        let (store, part) = (&self.sources.store, &self.part);
        let scored = store.score_assets(&part.sub_queries(), std::slice::from_ref(asset)).await?;
        let scored = scored.into_iter().next().unwrap_or_default();
        if scored.is_empty()
            && store.get(std::slice::from_ref(asset), false).await?.iter().all(Option::is_none)
        {
            return Err(EngineError::UnknownAsset { asset: asset.clone() });
        }
        let moments = of_asset(part, &scored, true).into_iter().filter_map(|(_, moment)| moment).collect();
        let points = scored.iter().filter(|scored| part.asks(scored.point.track)).map(|scored| CurvePoint {
            point: scored.point,
            cosine: scored.cosine,
            score: part.score(scored.point.track, scored.corrected),
        });
        Ok(Curve { points: points.collect(), moments })
    }

    /// What matches among some assets, best first in each.
    pub(crate) async fn hits(
        &self,
        mut assets: Vec<(AssetId, Modality)>,
        shape: Shape,
    ) -> Result<Vec<Hit>, EngineError> {
        assets.retain(|(asset, _)| !self.exclude.contains(asset));
        let store = &self.sources.store;
        hits(store, rows_of(store, &self.part, assets, shape).await?).await
    }
}
