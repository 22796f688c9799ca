//! Who a request of v2 sees the node as.
//!
//! In: what the node is to everybody, and in a signed request what it is to its signer. Out: the one of
//! them that the handlers get. Handlers of v2 are routed with [`ToAll`] as their state and cannot look
//! into it: they take [`Seen`], so none of them can pass the signer over.

use crate::router::PeerApi;
use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

/// The node as everybody sees it.
#[derive(Clone)]
pub(crate) struct ToAll(Arc<PeerApi>);

/// The node as the signer of a request sees it; in the request's extensions.
#[derive(Clone)]
struct ToSigner(Arc<PeerApi>);

/// What a handler is given.
pub(crate) struct Seen(pub(crate) Arc<PeerApi>);

impl ToAll {
    pub(crate) const fn new(api: Arc<PeerApi>) -> Self {
        Self(api)
    }
}

/// From now on the request is its signer's.
pub(crate) fn by_signer(request: &mut Extensions, api: PeerApi) {
    request.insert(ToSigner(Arc::new(api)));
}

impl FromRequestParts<ToAll> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, all: &ToAll) -> Result<Self, Infallible> {
        let signer = parts.extensions.get::<ToSigner>();
        Ok(Self(Arc::clone(signer.map_or(&all.0, |signer| &signer.0))))
    }
}
