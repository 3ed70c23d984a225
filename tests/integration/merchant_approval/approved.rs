//! Merchants that are approved: now, before, and twenty times at once.

use futures_util::future::join_all;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_that_keeps_the_rules_is_approved_and_told_and_the_security_log_says_so() {
    let world = World::new().await;
    let worker = world.worker().start().await;
    let applicant = world.applicant("approved").await;
    let merchant = applicant.merchant;

    let instance = world.apply(merchant).await;
    let ended = world.engine.ended(&instance).await;

    assert_eq!(ended.at, "merchant_approved");
    assert_eq!(world.engine.types(&instance).await, types(&told("Date")));
    assert_eq!(ended.variables["approval_success"], true);
    assert_eq!(ended.variables["approval_errors"], json!([]));
    assert_eq!(
        milliseconds(&ended.variables["approval_timestamp"]),
        world.approved_since(merchant).await
    );
    assert_eq!(
        world.audit(&instance).await,
        "merchant_approval_decided merchant approved {\"codes\":[],\"mail\":\"contact\"}"
    );
    assert_eq!(
        world.security_events(&instance).await,
        format!("merchant_approved {merchant} {{\"codes\": []}}")
    );
    let key = format!("merchant-approved:{merchant}");
    let mail = assert_mailed(&applicant.contact, &key).await;
    assert!(mail["text"].as_str().unwrap().contains("Kalahari Foods"));
    assert!(mailbox::mails_to(&applicant.admin).await.is_empty());

    let lines = worker.security_log(&instance);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["security.kind"], "merchant_approved");
    assert_eq!(lines[0]["security.outcome"], "approved");
    assert_eq!(lines[0]["security.merchant_id"], merchant.to_string());
    for trace in [
        applicant.contact.as_str(),
        "Kalahari Foods",
        "BW12345678901",
    ] {
        assert!(!worker.log().contains(trace), "{trace} is in the log");
    }
}

#[test]
fn a_merchant_without_an_owner_is_approved_too() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let merchant = world.merchant_with(false).await;

        let instance = world.apply(merchant).await;

        assert_eq!(world.engine.ended(&instance).await.at, "merchant_approved");
        tree.drain().await;
    });
}

#[test]
fn a_merchant_that_was_approved_gets_the_same_answer_and_date_and_no_second_mail() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let applicant = world.applicant("approved").await;
        let first = world.apply(applicant.merchant).await;
        let first = world.engine.ended(&first).await;
        mailbox::mail_to(&applicant.contact).await;
        world
            .database
            .run("UPDATE users SET kyc_status = 'rejected'")
            .await;

        let second = world.apply(applicant.merchant).await;
        let again = world.engine.ended(&second).await;

        assert_eq!(again.at, "merchant_approved");
        assert_eq!(again.variables, first.variables);
        assert_eq!(
            world.audit(&second).await,
            "merchant_approval_decided merchant already_approved {}"
        );
        assert_eq!(world.security_events(&second).await, "");
        assert_eq!(world.count("outbox").await, 1);
        assert_eq!(mailbox::mails_to(&applicant.contact).await.len(), 1);
        tree.drain().await;
    });
}

#[test]
fn an_approval_that_the_banking_application_dated_or_did_not_date_stands() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let (dated, undated) = (world.merchant().await, world.merchant().await);
        world
            .set(dated, "approval_date = '2024-02-29 12:34:56.789+02'")
            .await;

        for (merchant, timestamp) in [(dated, "Date"), (undated, "Null")] {
            let instance = world.apply(merchant).await;
            let ended = world.engine.ended(&instance).await;

            assert_eq!(ended.at, "merchant_approved");
            assert_eq!(world.engine.types(&instance).await, types(&told(timestamp)));
            if merchant == dated {
                let since = milliseconds(&ended.variables["approval_timestamp"]);
                assert_eq!(since, world.approved_since(dated).await);
            }
        }
        assert_eq!(world.count("outbox").await, 0);
        assert_eq!(world.count("security_events").await, 0);
        tree.drain().await;
    });
}

#[test]
fn twenty_instances_for_one_merchant_at_once_are_one_approval() {
    on_a_system(async {
        let world = World::new().await;
        let trees = [0; 2].map(|_| TreeBuilder::new(&world, checking_topics()).start());
        let applicant = world.applicant("approved").await;

        let instances = join_all((0..20).map(|_| world.apply(applicant.merchant))).await;

        let since = world.engine.ended(&instances[0]).await.variables;
        for instance in &instances {
            let ended = world.engine.ended(instance).await;
            assert_eq!(ended.at, "merchant_approved");
            assert_eq!(ended.variables, since);
        }
        assert_eq!(world.count("security_events").await, 1);
        assert_eq!(world.count("outbox").await, 1);
        let again = "audit_log WHERE outcome = 'already_approved'";
        assert_eq!(world.count(again).await, 19);
        world.engine.assert_unharmed().await;
        mailbox::mail_to(&applicant.contact).await;
        for tree in trees {
            tree.drain().await;
        }
    });
}
