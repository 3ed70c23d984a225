//! The page behind the link in a mail.
//!
//! Looking changes nothing, because scanners open the links in mails; only the button's POST
//! confirms. A link that confirms nothing gets one answer, whether it was used, is over or never
//! was. The token is in the path, so nothing here or above it may log a path.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use ipnet::IpNet;
use tokio::runtime::Handle;

use super::Public;
use super::caller::Caller;
use super::pages::Pages;
use super::rates::{Allowances, Rates, TooOften};
use crate::links::{Links, PATH};
use crate::security::confirm::{self, Confirmation, Standing};
use crate::store::{DatabaseFailure, NoAnswer, Pool};

/// How long the database may take over one link. Longer than its own time-out for locks, so that
/// two presses of one button wait for each other, and short enough for somebody who watches.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a confirmation that met another transaction is tried.
const TRIES: usize = 3;
/// Seconds after which a database that was away is worth another try.
const AWAY_SECONDS: u64 = 30;
/// The last part of the address of the page of thanks. No token is as short.
const THANKS: &str = "thanks";

/// What the routes work with.
pub(super) struct Desk {
    pub(super) pages: Arc<Pages>,
    rates: Rates,
    trusted_proxies: Vec<IpNet>,
    office: Office,
}

/// Where links are looked up.
#[derive(Clone)]
struct Office {
    pool: Pool,
    links: Arc<Links>,
    runtime: Handle,
    outbox_grew: Arc<dyn Fn() + Send + Sync>,
}

impl Desk {
    pub(super) fn new(
        public: Public,
        pages: Arc<Pages>,
        trusted_proxies: Vec<IpNet>,
        granted: &Allowances,
    ) -> Self {
        Self {
            pages,
            rates: Rates::new(granted),
            trusted_proxies,
            office: Office {
                pool: public.pool,
                links: public.links,
                runtime: public.runtime,
                outbox_grew: public.outbox_grew,
            },
        }
    }

    fn caller(&self, request: &HttpRequest) -> Caller {
        Caller::of(request, &self.trusted_proxies)
    }

    fn too_often(&self, refused: TooOften) -> HttpResponse {
        let seconds = refused.0.as_secs_f64().ceil() as u64;
        self.pages.too_often.answer_for_later(seconds.max(1))
    }

    fn away(&self, error: &NoAnswer) -> HttpResponse {
        tracing::warn!(%error, "could not look up a link: {error}");
        self.pages.away.answer_for_later(AWAY_SECONDS)
    }
}

/// The address of a link's page, as the router spells it.
pub(super) fn link_path() -> String {
    format!("/{PATH}/{{token}}")
}

/// The address of the page of thanks.
pub(super) fn thanks_path() -> String {
    format!("/{PATH}/{THANKS}")
}

pub(super) async fn show(request: HttpRequest, desk: Data<Desk>) -> HttpResponse {
    if let Err(refused) = desk.rates.look(desk.caller(&request)) {
        return desk.too_often(refused);
    }
    match desk.office.clone().look(token(&request)).await {
        Ok(Standing::Open) => desk.pages.ask.answer(),
        Ok(Standing::Over) => desk.pages.over.answer(),
        Err(error) => desk.away(&error),
    }
}

pub(super) async fn confirm(request: HttpRequest, desk: Data<Desk>) -> HttpResponse {
    let token = token(&request);
    if let Err(refused) = desk.rates.confirm(desk.caller(&request), &token) {
        return desk.too_often(refused);
    }
    match desk.office.clone().confirm(token).await {
        // Relative, so that a proxy may serve us below a path of its own.
        Ok(Confirmation::Confirmed { .. }) => HttpResponse::SeeOther()
            .insert_header((LOCATION, THANKS))
            .finish(),
        Ok(Confirmation::Over) => desk.pages.over.answer(),
        Err(error) => desk.away(&error),
    }
}

pub(super) async fn thanks(desk: Data<Desk>) -> HttpResponse {
    desk.pages.thanks.answer()
}

fn token(request: &HttpRequest) -> String {
    request.match_info().query("token").to_owned()
}

impl Office {
    async fn look(self, token: String) -> Result<Standing, NoAnswer> {
        let looking = self.runtime.clone().spawn(async move {
            let look = async |conn: &mut _| confirm::look(conn, &self.links, &token).await;
            self.pool.ask(PATIENCE, look).await
        });
        looking.await.unwrap_or(Err(NoAnswer::Silence))
    }

    /// Goes on to its end when the caller hangs up: whoever pressed the button meant it.
    async fn confirm(self, token: String) -> Result<Confirmation, NoAnswer> {
        let confirming = self.runtime.clone().spawn(async move {
            let confirm = async |conn: &mut _| confirm_at_last(conn, &self.links, &token).await;
            let confirmation = self.pool.ask(PATIENCE, confirm).await?;
            if let Confirmation::Confirmed { outbox_grew: true } = confirmation {
                (self.outbox_grew)();
            }
            Ok(confirmation)
        });
        confirming.await.unwrap_or(Err(NoAnswer::Silence))
    }
}

/// Tries again when another transaction was in the way.
async fn confirm_at_last(
    conn: &mut AsyncPgConnection,
    links: &Links,
    token: &str,
) -> QueryResult<Confirmation> {
    for _ in 1..TRIES {
        match confirm::confirm(conn, links, token).await {
            Err(error) if DatabaseFailure::of(&error, false) == DatabaseFailure::Conflict => {}
            settled => return settled,
        }
    }
    confirm::confirm(conn, links, token).await
}
