//! Services that are planned: their shape is fixed, and every call answers UNIMPLEMENTED.

use sensorium_api::{Fault, v1};
use tonic::{Request, Response, Status};

use super::Answers;

/// The answer of what is planned.
type Later<T> = Result<Response<T>, Status>;

/// Answers every call of these services alike.
#[derive(Debug)]
pub(super) struct Planned;

/// What is planned, as a status.
pub(super) fn not_built(what: &'static str) -> Status {
    Fault::not_built(what).into()
}

#[tonic::async_trait]
impl v1::snapshots_service_server::SnapshotsService for Planned {
    async fn create_snapshot(
        &self,
        _: Request<v1::CreateSnapshotRequest>,
    ) -> Later<v1::CreateSnapshotResponse> {
        Err(not_built("CreateSnapshot"))
    }

    async fn list_snapshots(&self, _: Request<v1::ListSnapshotsRequest>) -> Later<v1::ListSnapshotsResponse> {
        Err(not_built("ListSnapshots"))
    }

    async fn delete_snapshot(
        &self,
        _: Request<v1::DeleteSnapshotRequest>,
    ) -> Later<v1::DeleteSnapshotResponse> {
        Err(not_built("DeleteSnapshot"))
    }

    async fn restore_snapshot(
        &self,
        _: Request<v1::RestoreSnapshotRequest>,
    ) -> Later<v1::RestoreSnapshotResponse> {
        Err(not_built("RestoreSnapshot"))
    }
}

#[tonic::async_trait]
impl v1::jobs_service_server::JobsService for Planned {
    type WatchJobStream = Answers<v1::WatchJobResponse>;

    async fn get_job(&self, _: Request<v1::GetJobRequest>) -> Later<v1::GetJobResponse> {
        Err(not_built("GetJob"))
    }

    async fn list_jobs(&self, _: Request<v1::ListJobsRequest>) -> Later<v1::ListJobsResponse> {
        Err(not_built("ListJobs"))
    }

    async fn watch_job(&self, _: Request<v1::WatchJobRequest>) -> Later<Self::WatchJobStream> {
        Err(not_built("WatchJob"))
    }

    async fn cancel_job(&self, _: Request<v1::CancelJobRequest>) -> Later<v1::CancelJobResponse> {
        Err(not_built("CancelJob"))
    }
}
