//! What a caller may cost: seconds for the head, seconds and bytes for the body, and no panic that
//! goes unanswered. How often somebody may call is counted in `rates`.
//!
//! actix-web itself times only the head. A body that trickles in would hold its connection for
//! ever, so here the whole request is read before any route sees it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage, HttpResponse};
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use super::rates::Allowances;

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
        Err(_elapsed) => StatusCode::REQUEST_TIMEOUT,
    };
    let body = Refusal {
        text: text_of(refusal),
        _unread: payload,
    };
    let answer = HttpResponse::build(refusal)
        .insert_header(ContentType::plaintext())
        .message_body(BoxBody::new(body))?;
    Ok(request.into_response(answer))
}

async fn read(payload: &mut Payload) -> Result<Vec<u8>, StatusCode> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|broken: PayloadError| match broken {
            PayloadError::Overflow => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        })?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn text_of(refusal: StatusCode) -> Bytes {
    Bytes::from(format!(
        "{}\n",
        refusal
            .canonical_reason()
            .unwrap_or("Refused")
            .to_lowercase()
    ))
}

/// A refusal that holds what it did not read until it is sent.
///
/// actix-http drops a chunked body that nobody holds byte by byte, for as long as the caller likes;
/// one that somebody still holds makes it close the connection.
struct Refusal {
    text: Bytes,
    _unread: Payload,
}

impl MessageBody for Refusal {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.text.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Pin::new(&mut self.text).poll_next(cx)
    }
}

/// Answers a request whose handler panicked, which actix-web would drop without a word.
///
/// The panic hook has logged where it happened. The path stays out of the log: a link in a mail
/// carries its secret there.
pub(super) async fn panic_is_500(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let answer = AssertUnwindSafe(async move { next.call(request).await });
    answer.catch_unwind().await.unwrap_or_else(|_panic| {
        let sorry = HttpResponse::InternalServerError()
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type(ContentType::plaintext())
            .body("internal server error\n");
        Err(InternalError::from_response("a handler panicked", sorry).into())
    })
}
