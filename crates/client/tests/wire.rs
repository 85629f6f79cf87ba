//! What the client sends, and what it makes of answers that fail or are lost, with a server of a few lines.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sensorium_api::{Fault, v1};
use sensorium_client::{ApiKey, Client, ClientError, Options, Retry};
use sensorium_types::{AssetId, DeleteSelector, ErrorKind, PointKey, Track};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use v1::points_service_server::{PointsService, PointsServiceServer};

/// What a server was asked, and what it holds.
#[derive(Debug, Default)]
struct Seen {
    authorizations: Vec<Option<String>>,
    assets: BTreeSet<String>,
    /// Calls of `Delete`.
    deletes: u32,
    /// Answers of `Delete` that are lost, though what was asked is done.
    lost: u32,
    /// Calls of `Get`, each of which is answered by this fault.
    gets: u32,
    fault: Option<Fault>,
}

#[derive(Debug, Clone, Default)]
struct Points(Arc<Mutex<Seen>>);

impl Points {
    fn with(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().expect("nobody panicked"));
    }
}

fn planned<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl PointsService for Points {
    type GetMediaStream = tokio_stream::Empty<Result<v1::GetMediaResponse, Status>>;

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::GetResponse>, Status> {
        let mut seen = self.0.lock().expect("nobody panicked");
        seen.gets += 1;
        if let Some(fault) = seen.fault.clone() {
            return Err(fault.into());
        }
        let (found, missing): (Vec<_>, Vec<_>) =
            request.into_inner().asset_ids.into_iter().partition(|id| seen.assets.contains(id));
        let asset = |asset_id| v1::Asset {
            asset_id,
            modality: v1::Modality::Text.into(),
            media: v1::MediaPolicy::None.into(),
            ..v1::Asset::default()
        };
        Ok(Response::new(v1::GetResponse { assets: found.into_iter().map(asset).collect(), missing }))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        use v1::asset_selector::Selector;
        let mut seen = self.0.lock().expect("nobody panicked");
        seen.deletes += 1;
        let Some(Selector::Ids(ids)) = request.into_inner().selector.and_then(|selector| selector.selector)
        else {
            return Err(Status::invalid_argument("ids are asked for"));
        };
        let (deleted, missing) = ids.asset_ids.into_iter().partition(|id| seen.assets.remove(id));
        if seen.lost > 0 {
            seen.lost -= 1;
            return Err(Status::unavailable("the connection is lost"));
        }
        Ok(Response::new(v1::DeleteResponse { deleted, missing, ..v1::DeleteResponse::default() }))
    }

    async fn get_thumbnail(
        &self,
        request: Request<v1::GetThumbnailRequest>,
    ) -> Result<Response<v1::GetThumbnailResponse>, Status> {
        let value = request.metadata().get("authorization");
        let told = value.map(|value| value.to_str().expect("ASCII").to_owned());
        self.with(|seen| seen.authorizations.push(told));
        Ok(Response::new(v1::GetThumbnailResponse { jpeg: vec![1] }))
    }

    async fn set_payload(
        &self,
        _: Request<v1::SetPayloadRequest>,
    ) -> Result<Response<v1::SetPayloadResponse>, Status> {
        planned()
    }

    async fn delete_payload(
        &self,
        _: Request<v1::DeletePayloadRequest>,
    ) -> Result<Response<v1::DeletePayloadResponse>, Status> {
        planned()
    }

    async fn get_media(
        &self,
        _: Request<v1::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        planned()
    }

    async fn upsert(&self, _: Request<v1::UpsertRequest>) -> Result<Response<v1::UpsertResponse>, Status> {
        planned()
    }

    async fn peaks(&self, _: Request<v1::PeaksRequest>) -> Result<Response<v1::PeaksResponse>, Status> {
        planned()
    }
}

/// A server on a free port, until the test ends.
async fn serve(points: Points, tls: Option<ServerTlsConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).expect("TLS");
    }
    let router = server.add_service(PointsServiceServer::new(points));
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

async fn connect(url: &str, options: Options) -> Result<Client, ClientError> {
    let retry = Retry { first_wait: Duration::from_millis(1), ..Retry::default() };
    Client::connect_with(url, Options { retry, ..options }).await
}

fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("an id")
}

async fn ask(client: &Client) {
    let point = PointKey { asset: id("a"), track: Track::Image, ordinal: 0 };
    assert_eq!(client.thumbnail(&point).await.expect("answers"), Some(vec![1]));
}

#[tokio::test]
async fn a_key_goes_with_every_call() {
    let points = Points::default();
    let address = serve(points.clone(), None).await.to_string();
    let key = ApiKey::new("sk_1").ok();
    ask(&connect(&address, Options::default()).await.expect("connects")).await;
    let client = connect(&address, Options { key, ..Options::default() }).await.expect("connects");
    ask(&client).await;
    ask(&client.with_collection("other")).await;
    let bearer = Some("Bearer sk_1".to_owned());
    points.with(|seen| assert_eq!(seen.authorizations, [None, bearer.clone(), bearer]));
}

#[tokio::test]
async fn a_server_is_who_its_certificate_says() {
    let made = || {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let ((certificate, key), (other, _)) = (made(), made());
    let identity = Identity::from_pem(&certificate, key);
    let points = Points::default();
    let address = serve(points.clone(), Some(ServerTlsConfig::new().identity(identity))).await;
    let with = |ca: Option<String>| {
        let ca = ca.map(String::into_bytes);
        let options = Options { ca, key: ApiKey::new("sk_1").ok(), ..Options::default() };
        async move { connect(&format!("https://{address}"), options).await }
    };
    ask(&with(Some(certificate)).await.expect("connects")).await;
    points.with(|seen| assert_eq!(seen.authorizations, [Some("Bearer sk_1".to_owned())]));
    // Neither another's certificate nor those that the machine trusts say who this is, and clear text is not TLS.
    for ca in [Some(other), None] {
        let error = with(ca).await.expect_err("another");
        assert!(matches!(error, ClientError::Connect { .. } | ClientError::Tls { .. }), "{error:?}");
    }
    let clear = connect(&format!("http://{address}"), Options::default()).await.expect("TCP alone");
    let point = PointKey { asset: id("a"), track: Track::Image, ordinal: 0 };
    assert!(clear.thumbnail(&point).await.is_err());
    points.with(|seen| assert_eq!(seen.authorizations.len(), 1));
}

#[tokio::test]
async fn a_delete_whose_answer_is_lost_reports_the_truth() {
    let points = Points::default();
    points.with(|seen| {
        seen.assets = ["a", "b"].map(str::to_owned).into();
        seen.lost = 2;
    });
    let address = serve(points.clone(), None).await.to_string();
    let client = connect(&address, Options::default()).await.expect("connects");
    let asked = vec![id("a"), id("nobody"), id("b")];
    let outcome = client.delete(DeleteSelector::Ids(asked.clone())).await.expect("deletes");
    assert_eq!((outcome.deleted, outcome.missing), (vec![id("a"), id("b")], vec![id("nobody")]));
    points.with(|seen| assert_eq!((seen.deletes, seen.assets.len()), (3, 0)));
    let again = client.delete(DeleteSelector::Ids(asked.clone())).await.expect("deletes");
    assert_eq!((again.deleted, again.missing), (Vec::new(), asked));
}

#[tokio::test]
async fn a_call_is_repeated_only_where_that_is_safe() {
    for (kind, expected) in
        [(ErrorKind::DeadlineExceeded, 1), (ErrorKind::InvalidArgument, 1), (ErrorKind::Unavailable, 4)]
    {
        let points = Points::default();
        points.with(|seen| seen.fault = Some(Fault::new(kind, "no")));
        let address = serve(points.clone(), None).await.to_string();
        let client = connect(&address, Options::default()).await.expect("connects");
        assert_eq!(client.get(&[id("a")], false).await.expect_err("refused").kind(), kind);
        points.with(|seen| assert_eq!(seen.gets, expected, "{kind:?}"));
    }
}
