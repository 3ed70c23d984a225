//! The e-mail link, from a real browser through the real worker to the database, and once from the
//! start of a process to its end.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::support::browser::{Looks, Seen, visit};
use crate::support::engine::variables;
use crate::support::links::Verification;
use crate::support::proxy::{Network, Proxy};
use crate::support::users::new_address;
use crate::support::worker::Worker;
use crate::support::world::address_of;
use crate::support::{World, mailbox, until};

const ASKS: &str = "Confirm your e-mail address";
const THANKS: &str = "Your e-mail address is confirmed";
const OVER: &str = "This link is no longer in use";

#[derive(Deserialize)]
struct Press {
    link: Seen,
    thanks: Seen,
    reloaded: Seen,
    back: Seen,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_confirms_reloads_and_goes_back() {
    let (world, worker, link) = link_at_work().await;

    let press: Press = visit("press", &link.at(&worker)).await;

    assert_eq!((press.link.status, press.link.heading()), (200, ASKS));
    for thanks in [&press.thanks, &press.reloaded] {
        assert_eq!((thanks.status, thanks.heading()), (200, THANKS));
    }
    // Whoever goes back is told that all is well.
    assert_eq!((press.back.status, press.back.heading()), (410, OVER));
    assert!(press.back.text.contains("all is well"));
    for seen in [&press.link, &press.thanks, &press.reloaded, &press.back] {
        seen.assert_good(seen.heading());
    }
    assert_eq!(world.confirmations(&link).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_mail_in_a_browser_ends_the_process_in_e_mail_verified() {
    let world = World::new().await;
    // Customers come through a door whose address is known before the worker's.
    let door = Proxy::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let base_url = format!("http://{}", door.address());
    let worker = world.worker().set("PUBLIC_BASE_URL", &base_url);
    let worker = worker.start().await;
    door.lead_to(address_of(&worker.public_address()));
    let address = new_address();
    let user = world.user_at(&address).await;

    let given = variables(json!({ "user_id": user.to_string() }));
    let process = "email-verification-process";
    let instance = world.engine.start(process, given).await;
    let link = link_in(&mailbox::mail_to(&address).await, &base_url);
    let press: Press = visit("press", &link).await;

    assert_eq!((press.link.status, press.link.heading()), (200, ASKS));
    assert_eq!((press.thanks.status, press.thanks.heading()), (200, THANKS));
    assert_eq!((press.back.status, press.back.heading()), (410, OVER));
    let ended = world.engine.ended(&instance).await;
    assert_eq!(ended.at, "email_verified");
    assert_eq!(ended.variables["email_verified"], true);
    let verified = format!("users WHERE id = '{user}' AND verified_email = '{address}'");
    assert_eq!(world.count(&verified).await, 1);
}

/// Where the button of a mail leads, which is where its text says.
fn link_in(mail: &Json, base_url: &str) -> String {
    let text = mail["text"].as_str().unwrap();
    let mut words = text.split_whitespace();
    let link = words.find(|word| word.starts_with(base_url)).unwrap();
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    link.to_owned()
}

#[derive(Deserialize)]
struct Keyboard {
    focus: Focus,
    link: Seen,
    thanks: Seen,
}

#[derive(Deserialize)]
struct Focus {
    text: String,
    outline: f64,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_on_a_narrow_dark_screen() {
    let (world, worker, link) = link_at_work().await;

    let keyboard: Keyboard = visit("keyboard", &link.at(&worker)).await;

    assert_eq!(keyboard.focus.text, "Confirm my e-mail address");
    assert!(keyboard.focus.outline >= 2.0);
    assert_eq!(keyboard.thanks.heading(), THANKS);
    for seen in [&keyboard.link, &keyboard.thanks] {
        seen.assert_good(seen.heading());
        assert!(seen.is_dark());
    }
    assert_eq!(world.confirmations(&link).await, 1);
}

#[derive(Deserialize)]
struct DoubleClick {
    end: Seen,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_confirms_once_and_frightens_nobody() {
    let (world, worker, link) = link_at_work().await;

    let DoubleClick { end } = visit("double_click", &link.at(&worker)).await;

    // Which answer the browser shows is a race between its two requests.
    let is_kind = end.heading() == THANKS || end.text.contains("all is well");
    assert!(is_kind, "{}", end.text);
    end.assert_good("the end of a double click");
    let confirmed = async || (world.confirmations(&link).await == 1).then_some(());
    until("one confirmation", confirmed).await;
}

#[derive(Deserialize)]
struct WithoutScript {
    heading: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_script_is_needed() {
    let (world, worker, link) = link_at_work().await;

    let seen: WithoutScript = visit("without_script", &link.at(&worker)).await;

    assert_eq!(seen.heading, THANKS);
    assert_eq!(world.confirmations(&link).await, 1);
}

#[derive(Deserialize)]
struct PressLate {
    late: Seen,
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_presses_are_asked_to_wait() {
    let (world, worker, link) = link_at_work().await;

    let PressLate { late } = visit("press_late", &link.at(&worker)).await;

    assert_eq!((late.status, late.heading()), (429, "Please wait a moment"));
    late.assert_good("after too many presses");
    assert_eq!(world.confirmations(&link).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_good_on_every_screen() {
    let (world, worker, link) = link_at_work().await;
    let over = world.superseded_verification().await.at(&worker);
    let public = worker.public_address();

    for (url, status, heading) in [
        (link.at(&worker), 200, ASKS),
        (over, 410, OVER),
        (format!("{public}/verify-email/thanks"), 200, THANKS),
        (format!("{public}/"), 404, "This page does not exist"),
    ] {
        assert_good_everywhere(&url, status, heading).await;
    }

    assert_eq!(world.confirmations(&link).await, 0);
}

#[derive(Deserialize)]
struct Refused {
    refused: Seen,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_gets_a_good_page_too() {
    let (world, worker, link) = link_at_work().await;

    let Refused { refused } = visit("refused", &link.at(&worker)).await;

    let told = (refused.status, refused.heading());
    assert_eq!(told, (405, "This page cannot do that"));
    refused.assert_good("after a method that the link does not have");
    assert_eq!(world.confirmations(&link).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_the_page_says_when_to_come_back() {
    let world = World::new().await;
    let proxy = Proxy::to(world.database_address());
    let url = world.database_url_through(&proxy);
    let worker = world.worker().set("DATABASE_URL", url).start().await;
    let link = world.verification().await;
    proxy.set(Network::Refusing);

    assert_good_everywhere(&link.at(&worker), 503, "We will be right back").await;

    proxy.set(Network::Up);
    let press: Press = visit("press", &link.at(&worker)).await;
    assert_eq!(press.thanks.heading(), THANKS);
    assert_eq!(world.confirmations(&link).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_in_no_log_at_any_level() {
    let world = World::new().await;
    let worker = world.worker().set("LOG_LEVEL", "trace").start().await;
    let link = world.verification().await;
    let (client, url) = (reqwest::Client::new(), link.at(&worker));

    for request in [
        client.get(&url),
        client.head(&url),
        client.put(&url),
        client.post(&url).body("x".repeat(5_000)),
        client.post(&url),
        client.post(&url),
        client.get(format!("{url}/more")),
    ] {
        request.send().await.unwrap();
    }

    let log = worker.log();
    assert!(log.contains("\"TRACE\""), "the log has the finest lines");
    assert!(!log.contains(link.token()));
    assert!(!log.contains("/verify-email"));
    assert_eq!(world.confirmations(&link).await, 1);
}

async fn link_at_work() -> (World, Worker, Verification) {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let link = world.verification().await;
    (world, worker, link)
}

async fn assert_good_everywhere(url: &str, status: u16, heading: &str) {
    let looks: Looks = visit("look", url).await;

    assert_eq!(looks.len(), 5);
    for (screen, seen) in looks {
        assert_eq!((seen.status, seen.heading()), (status, heading), "{screen}");
        assert_eq!(seen.is_dark(), screen.ends_with("dark"), "{screen}");
        seen.assert_good(&format!("{heading} on {screen}"));
    }
}
