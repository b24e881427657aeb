//! The axum router, made from the table of routes.

use super::api::{Api, Caller, Foreign};
use super::assets::{self, Assets};
use super::calling::{self, Call};
use super::openapi::openapi;
use super::problem::Refusal;
use super::routes::{Access, Operation, Route, served};
use super::surround::surround;
use super::{
    access, auditing, connecting, consents, erasing, eventing, marking, probing, publishing, rate_headers, reading,
    settings,
};
use crate::gateway::{Admission, ConnectionPlace, Gateway, Host};
use crate::proxied::Forwarded;
use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, on};
use axum::{Router, middleware};
use std::sync::Arc;
use tidings_engine::grant::Grant;
use tidings_engine::rejection::Rejection;

/// What the routes share.
struct Server<A, G> {
    api: Arc<A>,
    host: Host<G>,
    openapi: Bytes,
}

/// The router of the public listener. Requests need their peer's address as
/// [`ConnectInfo`](axum::extract::ConnectInfo), which [`tcp::serve`](crate::tcp::serve) gives.
///
/// # Panics
/// When two assets have the same path, or one has that of a route.
pub fn router<A: Api, G: Gateway>(api: Arc<A>, host: Host<G>, assets: Assets) -> Router {
    let dev = assets.is_dev();
    let openapi = serde_json::to_vec(&openapi(dev)).expect("a JSON value always has a JSON form").into();
    let server = Arc::new(Server { api: Arc::clone(&api), host, openapi });
    let mut router = Router::new();
    for route in served(dev) {
        let handler = move |State(server): State<Arc<Server<A, G>>>, parameters: Parameters, request: Request| {
            dispatch(server, route, parameters, request)
        };
        router = router.route(route.path, on(route.verb.filter(), handler));
    }
    for (path, content_type, bytes) in assets.files {
        router = router.route(path, get(move || async move { assets::file(content_type, bytes) }));
    }
    router.with_state(server).layer(middleware::from_fn_with_state(api, surround::<A>))
}

type Parameters = Result<RawPathParams, RawPathParamsRejection>;

async fn dispatch<A: Api, G: Gateway>(
    server: Arc<Server<A, G>>,
    route: &'static Route,
    parameters: Parameters,
    request: Request,
) -> Response {
    // An id that is not UTF-8 is the empty one, which no notification has.
    let id = parameters.ok().and_then(|found| found.iter().next().map(|(_, id)| id.to_owned()));
    let answer = answer(&server, route, id.unwrap_or_default(), request).await;
    answer.unwrap_or_else(Refusal::into_response)
}

async fn answer<A: Api, G: Gateway>(
    server: &Server<A, G>,
    route: &Route,
    id: String,
    mut request: Request,
) -> Result<Response, Refusal> {
    let api = server.api.as_ref();
    let caller = request.extensions_mut().remove::<Caller>().ok_or(Rejection::Internal)?;
    // Sessions take a place of their own.
    let brought = if route.access == Access::Session { None } else { brought(&server.host, &caller, &request)? };
    if !matches!(route.access, Access::Open | Access::Session) {
        let place = request.extensions_mut().remove::<ConnectionPlace<G::Ticket>>().or(brought);
        let known = api.authenticate(calling::token(request.headers()), route.work, &caller).await;
        if let Some(place) = place {
            let refusals_max = api.limits().protocol_errors_max;
            stands(&place, server.host.gateway.as_ref(), &known.verdict, refusals_max)?;
        }
        let answered = match known.verdict {
            Ok(grant) => {
                let answered = match Call::enter(api, Arc::clone(&grant), route, id, &caller, request).await {
                    Ok(call) => answer_call(call, route.operation).await,
                    Err(refusal) => Err(refusal),
                };
                answered.inspect_err(|refusal| {
                    if refusal.is_foreign {
                        api.foreign(Foreign::Cursor, &caller, &grant);
                    }
                })
            }
            Err(rejection) => Err(rejection.into()),
        };
        let mut response = answered.unwrap_or_else(Refusal::into_response);
        if let Some(allowance) = &known.allowance {
            rate_headers::set(response.headers_mut(), allowance);
        }
        return Ok(response);
    }
    match route.operation {
        Operation::Discovery => Ok(connecting::discovery(api, &request)),
        Operation::WebSocket => connecting::upgrade(&server.host, caller, request),
        Operation::Events => eventing::stream(api, &server.host, route, caller, request).await,
        Operation::Health => Ok(probing::health()),
        Operation::Ready => probing::readiness(api),
        Operation::AuditSchema => Ok(auditing::schema()),
        Operation::OpenApi => Ok(([(CONTENT_TYPE, "application/json")], server.openapi.clone()).into_response()),
        Operation::DevToken => probing::dev_token(api, &calling::open_body(api, route.payload, request).await?),
        _ => Err(Rejection::Internal.into()),
    }
}

/// The place of a request that a trusted proxy brings, for as long as it is being answered: on such a connection nobody has one.
fn brought<G: Gateway>(
    host: &Host<G>,
    caller: &Caller,
    request: &Request,
) -> Result<Option<ConnectionPlace<G::Ticket>>, Refusal> {
    if !request.extensions().get::<Forwarded>().is_some_and(|said| said.is_of_client) {
        return Ok(None);
    }
    let admitted = host.gateway.admit(&Admission::of_request(caller.address));
    admitted.map(|ticket| Some(ConnectionPlace::new(ticket))).map_err(connecting::no_place)
}

/// Tells the connection what its request has shown. Who is over a rate is known all the same, and nobody is blamed for a token
/// that could not be judged.
fn stands<G: Gateway>(
    place: &ConnectionPlace<G::Ticket>,
    gateway: &G,
    verdict: &Result<Arc<Grant>, Rejection>,
    refusals_max: u32,
) -> Result<(), Refusal> {
    match verdict {
        Ok(_) | Err(Rejection::RateLimited { .. }) => place.known(gateway).map_err(connecting::no_place),
        Err(Rejection::Unauthenticated | Rejection::Forbidden) => {
            place.refused(refusals_max);
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

async fn answer_call<A: Api>(call: Call<'_, A>, operation: Operation) -> Result<Response, Refusal> {
    match operation {
        Operation::Ticket => eventing::ticket(&call),
        Operation::Publish => publishing::published(call).await,
        Operation::Retract => publishing::retracted(call).await,
        Operation::Erase => erasing::erased(call).await,
        Operation::Receipt => erasing::receipt(call).await,
        Operation::List => reading::page(call).await,
        Operation::Count => reading::counts(call).await,
        Operation::AuditEvents => auditing::events(call).await,
        Operation::AuditState => auditing::state(call).await,
        Operation::AuditReplay => auditing::replay(call).await,
        Operation::AuditVerify => auditing::verify(call).await,
        Operation::Revoke => access::revoked(call).await,
        Operation::Revocations => access::revocations(call).await,
        Operation::CreateKey => access::key_created(call).await,
        Operation::Keys => access::keys(call).await,
        Operation::RevokeKey => access::key_revoked(call).await,
        Operation::Sessions => access::sessions(call).await,
        Operation::EndSessions => access::sessions_ended(call).await,
        Operation::EndSession => access::session_ended(call).await,
        Operation::RecordConsent => consents::recorded(call).await,
        Operation::WithdrawConsent => consents::withdrawn(call).await,
        Operation::Consents => consents::listed(call).await,
        Operation::Settings => settings::shown(call).await,
        Operation::ChangeSettings => settings::changed(call).await,
        Operation::MarkOne(mark) => marking::one(call, mark).await,
        Operation::MarkMany(marking) => marking::many(call, marking).await,
        _ => Err(Rejection::Internal.into()),
    }
}
