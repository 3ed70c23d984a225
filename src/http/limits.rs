//! What a caller may cost: seconds for the head, seconds and bytes for the body, and no panic that
//! goes unanswered. How often somebody may call is counted in `rates`.
//!
//! actix-web itself times only the head. A body that trickles in would hold its connection for
//! ever, so here the whole request is read before any route sees it.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PayloadError};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage};
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use super::rates::Allowances;
use super::refusals::{Audience, Refusal};
use super::routes::Headers;

/// The largest body any of our routes has a use for.
const MAX_BODY: usize = 4096;

/// How long a caller may take, and how often.
///
/// actix-http counts `head` and `disconnect` from a clock that it reads every 500 ms, and never
/// notices a deadline that lay in the past when it was set: both must be well above that.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// For the request line and the headers.
    pub(super) head: Duration,
    /// For the body.
    pub(super) body: Duration,
    /// For closing the connection after an answer to a request that was not read to its end.
    pub(super) disconnect: Duration,
    /// How often the public port may be asked.
    pub(super) rates: Allowances,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            body: Duration::from_secs(5),
            disconnect: Duration::from_secs(1),
            rates: Allowances::USUAL,
        }
    }
}

/// Lets a request through once its body is here, and refuses one that is too slow or too large.
pub(super) async fn whole_request(
    limits: Data<Limits>,
    audience: Data<Audience>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let mut payload = request.take_payload();
    let refusal = match timeout(limits.body, read(&mut payload)).await {
        Ok(Ok(body)) => {
            request.set_payload(Payload::from(body));
            return Ok(next.call(request).await?.map_into_boxed_body());
        }
        Ok(Err(refusal)) => refusal,
        Err(_elapsed) => Refusal::TooSlow,
    };
    let answer = audience.refuse(refusal).map_body(|_, words| {
        BoxBody::new(Held {
            words,
            _unread: payload,
        })
    });
    Ok(request.into_response(answer))
}

async fn read(payload: &mut Payload) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|broken: PayloadError| match broken {
            PayloadError::Overflow => Refusal::TooLarge,
            _ => Refusal::Unreadable,
        })?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Refusal::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A refusal that holds what it did not read until it is sent.
///
/// actix-http drops a chunked body that nobody holds byte by byte, for as long as the caller likes;
/// one that somebody still holds makes it close the connection.
struct Held {
    words: BoxBody,
    _unread: Payload,
}

impl MessageBody for Held {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.words.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.words).poll_next(cx)
    }
}

/// Answers a request whose handler panicked, which actix-web would drop without a word. The answer
/// is an error, which passes by what adds the headers to all others.
///
/// The panic hook has logged where it happened. The path stays out of the log: a link in a mail
/// carries its secret there.
pub(super) async fn panic_is_500(
    audience: Data<Audience>,
    headers: Data<Headers>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let answer = AssertUnwindSafe(async move { next.call(request).await });
    answer.catch_unwind().await.unwrap_or_else(|_panic| {
        let mut sorry = audience.refuse(Refusal::Failed);
        headers.put_on(&mut sorry);
        Err(InternalError::from_response("a handler panicked", sorry).into())
    })
}
