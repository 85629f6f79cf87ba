//! Terms to hits.

mod hit;
mod request;

pub use hit::{Explain, ExplainedHit, ExplainedSearch, ExplainedStep, Fusion, Hit, QueryReply, WEAK_SCORE};
pub use request::{DEFAULT_LIMIT, QueryRequest, Term, TermInput};
