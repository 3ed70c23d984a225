//! Many at once on one link and one user.

use futures_util::future::{join, join_all};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_presses_at_once_are_one_confirmation() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;

    let presses = join_all((0..100).map(|_| press(&bank, &links, &token))).await;

    let confirmed = presses.iter().filter(|came| **came == CONFIRMED).count();
    let over = |came: &&Confirmation| **came == Confirmation::Over;
    assert_eq!((confirmed, presses.iter().filter(over).count()), (1, 99));
    assert_eq!(
        messages(&bank).await,
        "engine_message engine instance t 01:00:00"
    );
    let audited = "audit_log WHERE action = 'email_verified'";
    assert_eq!(bank.count(audited).await, 1);
}

/// All wait for the user's row, so that they go on at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_press_and_a_newer_link_at_once_leave_one_of_two_states() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed_for(&bank, &links, user, "older").await;
    let newer = request(user, "newer");
    let held = bank.lock("SELECT 1 FROM users FOR UPDATE").await;

    let ((pressed, answer), ()) = join(
        join(press(&bank, &links, &token), bank.answer(&newer)),
        held.until_waited_for_by(2),
    )
    .await;

    let unused = "email_verifications WHERE superseded_at IS NULL AND confirmed_at IS NULL";
    let sent = answer["verification_sent"]["value"] == true;
    match pressed {
        // The newer request found the address verified.
        CONFIRMED => assert_eq!((sent, bank.count(unused).await), (false, 0)),
        // The newer link has taken the older one's place.
        _ => assert_eq!((sent, bank.count(unused).await), (true, 1)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_presses_in_any_order_never_lock_each_other_out() {
    let (bank, user) = bank().await;
    let links = links(1, None);
    let token = mailed(&bank, &links, user).await;
    let requests: Vec<_> = (0..8).map(|_| request(user, "newer")).collect();

    let (answers, presses) = join(
        join_all(requests.iter().map(|task| bank.answer(task))),
        join_all((0..8).map(|_| press(&bank, &links, &token))),
    )
    .await;

    assert!(answers.iter().all(|answer| answer["error"].is_null()));
    let confirmed = presses.iter().filter(|came| **came == CONFIRMED).count();
    assert!(confirmed <= 1);
    let unused = "email_verifications WHERE superseded_at IS NULL AND confirmed_at IS NULL";
    assert_eq!(
        bank.count(unused).await,
        1 - i64::try_from(confirmed).unwrap()
    );
}
