//! One file a service of `proto/sensorium/v1`.

mod admin;
mod answers;
mod arrival;
mod captions;
mod collections;
mod embed;
mod ingest;
mod keys;
mod planned;
mod points;
mod query;
mod reembed;
mod space;
mod telling;
mod watch;

use sensorium_api::v1;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;

use self::answers::Answers;
use self::arrival::Arrival;
pub(crate) use self::arrival::STREAMS;
use crate::context::Context;

/// Every service, behind its gate and its limit on messages.
pub(crate) fn routes(context: &Context) -> Routes {
    let settings = context.settings();
    let (large, small) = (settings.max_message_bytes, settings.max_small_message_bytes);
    let (calls, streams) = context.gates();
    let arrival = settings.request_timeout;

    macro_rules! add {
        ($routes:expr, $module:ident :: $server:ident, $service:expr, $bytes:expr, $gate:expr) => {
            $routes.add_service(Arrival::new(
                InterceptedService::new(
                    // What a message is unpacked to counts for its limit; answers are packed for those who ask for it.
                    v1::$module::$server::new($service)
                        .max_decoding_message_size($bytes)
                        .accept_compressed(CompressionEncoding::Gzip)
                        .accept_compressed(CompressionEncoding::Zstd)
                        .send_compressed(CompressionEncoding::Gzip)
                        .send_compressed(CompressionEncoding::Zstd),
                    $gate.clone(),
                ),
                arrival,
            ))
        };
    }

    let shared = || context.clone();
    let planned = || planned::Planned;
    let routes = Routes::default();
    let routes = add!(
        routes,
        ingest_service_server::IngestServiceServer,
        ingest::Service::new(shared()),
        large,
        streams
    );
    let routes =
        add!(routes, query_service_server::QueryServiceServer, query::Service::new(shared()), large, calls);
    let routes = add!(
        routes,
        points_service_server::PointsServiceServer,
        points::Service::new(shared()),
        small,
        calls
    );
    let routes = add!(
        routes,
        collections_service_server::CollectionsServiceServer,
        collections::Service::new(shared()),
        small,
        calls
    );
    let routes =
        add!(routes, admin_service_server::AdminServiceServer, admin::Service::new(shared()), small, calls);
    let routes =
        add!(routes, keys_service_server::KeysServiceServer, keys::Service::new(shared()), small, calls);
    let routes =
        add!(routes, embed_service_server::EmbedServiceServer, embed::Service::new(shared()), large, calls);
    let routes = add!(
        routes,
        caption_service_server::CaptionServiceServer,
        captions::Service::new(shared()),
        large,
        calls
    );
    let routes = add!(routes, snapshots_service_server::SnapshotsServiceServer, planned(), small, calls);
    add!(routes, jobs_service_server::JobsServiceServer, planned(), small, calls)
}

/// Full names of the services, for health.
pub(crate) const NAMES: [&str; 10] = [
    v1::ingest_service_server::SERVICE_NAME,
    v1::query_service_server::SERVICE_NAME,
    v1::points_service_server::SERVICE_NAME,
    v1::collections_service_server::SERVICE_NAME,
    v1::admin_service_server::SERVICE_NAME,
    v1::embed_service_server::SERVICE_NAME,
    v1::caption_service_server::SERVICE_NAME,
    v1::snapshots_service_server::SERVICE_NAME,
    v1::jobs_service_server::SERVICE_NAME,
    v1::keys_service_server::SERVICE_NAME,
];
