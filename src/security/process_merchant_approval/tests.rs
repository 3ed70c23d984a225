//! What each decision writes and answers, on a real database.

mod races;

use super::*;
use crate::store::prepared::testing::{TRANSACTION, sent_unprepared};
use crate::tasks::testing::{Bank, Task, task, text};

const TOPIC: &str = ProcessMerchantApproval::TOPIC;

fn approval(merchant: Uuid) -> Task {
    task(TOPIC, json!({ "merchant_id": text(merchant) }))
}

/// A merchant that keeps every rule.
async fn merchant(bank: &Bank) -> Uuid {
    bank.merchant(false).await
}

/// A merchant and its owner, whose KYC stands so.
async fn owned_merchant(bank: &Bank, kyc_status: &str) -> (Uuid, Uuid) {
    let owner = owner(bank, kyc_status).await;
    let merchant = merchant(bank).await;
    set(bank, merchant, &format!("user_id = '{owner}'")).await;
    (merchant, owner)
}

async fn owner(bank: &Bank, kyc_status: &str) -> Uuid {
    let email = format!("{}@example.bw", Uuid::new_v4().simple());
    let status = format!(", '{kyc_status}'");
    bank.user(&email, ", kyc_status", &status).await
}

async fn set(bank: &Bank, merchant: Uuid, columns: &str) {
    bank.database
        .run(&format!(
            "UPDATE merchants SET {columns} WHERE merchant_id = '{merchant}'"
        ))
        .await;
}

/// Whether the merchant is approved, and since when as the engine writes it.
async fn stored(bank: &Bank, merchant: Uuid) -> String {
    bank.database
        .text(&format!(
            "SELECT concat_ws(' ', is_approved, to_char(approval_date AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.MS+0000')) AS text \
             FROM merchants WHERE merchant_id = '{merchant}'"
        ))
        .await
}

/// Each mail that was queued: key and payload but for the template.
async fn mails(bank: &Bank) -> Vec<(String, Value)> {
    let rows = "SELECT notification_key || ' ' || (payload - 'template') AS text FROM outbox \
                ORDER BY created_at";
    let rows = bank.database.text(rows).await;
    let mail = |line: &str| {
        let (key, payload) = line.split_once(' ').unwrap();
        (key.to_owned(), serde_json::from_str(payload).unwrap())
    };
    rows.lines().map(mail).collect()
}

/// An answer as it goes to the engine; of each error its field and its code.
fn answer(success: bool, timestamp: Value, errors: &[(&'static str, &'static str)]) -> Value {
    let errors = errors
        .iter()
        .map(|(field, code)| FieldError::new(field, code));
    let errors: Vec<_> = errors.collect();
    json!({
        "approval_success": {"type": "Boolean", "value": success},
        "approval_timestamp": timestamp,
        "approval_errors": {"type": "Json", "value": serde_json::to_string(&errors).unwrap()},
    })
}

fn null() -> Value {
    json!({"type": "Null", "value": null})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_that_keeps_every_rule_is_approved_and_told() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;

    let given = bank.answer(&approval(merchant)).await;

    let row = stored(&bank, merchant).await;
    let since = row.strip_prefix("t ").unwrap();
    let date = json!({"type": "Date", "value": since});
    assert_eq!(given, answer(true, date, &[]));
    assert_eq!(
        bank.count("merchants WHERE updated_at > created_at").await,
        1
    );
    let mails = mails(&bank).await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].0, format!("merchant-approved:{merchant}"));
    assert_eq!(mails[0].1["recipient"], "shop@pula.example");
    assert_eq!(mails[0].1["business_name"], "Pula Traders");
    assert_eq!(mails[0].1["merchant_id"], merchant.to_string());
    assert_eq!(
        bank.audit().await,
        "merchant_approval_decided merchant approved {\"codes\":[],\"mail\":\"contact\"}"
    );
    assert_eq!(
        bank.security_events().await,
        format!("merchant_approved {merchant} {{\"codes\": []}}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_stays_prepared() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;

    let approval = approval(merchant);
    let work = bank.answer(&approval);
    let unprepared = sent_unprepared(&bank.database.pool, work).await;

    assert_eq!(unprepared, TRANSACTION);
}

/// The merchant is declined with these codes; what the audit log says of the mail about it.
async fn assert_declined(
    bank: &Bank,
    merchant: Uuid,
    errors: &[(&'static str, &'static str)],
    mail: &str,
) {
    let given = bank.answer(&approval(merchant)).await;

    let codes: Vec<_> = errors.iter().map(|(_, code)| *code).collect();
    assert_eq!(given, answer(false, null(), errors));
    assert_eq!(stored(bank, merchant).await, "f");
    let audited = format!(
        "merchant_approval_decided merchant declined {}",
        json!({"codes": codes, "mail": mail})
    );
    assert!(bank.audit().await.ends_with(&audited), "{audited}");
    let event = "SELECT concat_ws(' ', kind, merchant_id, details - 'codes', array_to_string(ARRAY( \
                 SELECT jsonb_array_elements_text(details -> 'codes')), ' ')) AS text \
                 FROM security_events ORDER BY security_event_id DESC LIMIT 1";
    assert_eq!(
        bank.database.text(event).await,
        format!("merchant_declined {merchant} {{}} {}", codes.join(" "))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_rule_declines_and_the_mail_says_why() {
    let bank = Bank::open().await;
    let number = ("registration_number", "registration_number_invalid");
    let contact = ("contact_email", "contact_email_invalid");
    let owner = ("user_id", "kyc_not_approved");
    let admin = "admin_email = 'admin@pula.example'";
    for (kyc, columns, errors, role, to) in [
        (
            "approved",
            "registration_number = 'BW1'",
            vec![number],
            "contact",
            "shop@pula.example",
        ),
        (
            "approved",
            "contact_email = 'shop'",
            vec![contact],
            "nobody",
            "",
        ),
        (
            "approved",
            "contact_email = 'shop', admin_email = 'neo'",
            vec![contact],
            "nobody",
            "",
        ),
        (
            "approved",
            &format!("contact_email = 'shop', {admin}"),
            vec![contact],
            "admin",
            "admin@pula.example",
        ),
        (
            "not_started",
            admin,
            vec![owner],
            "contact",
            "shop@pula.example",
        ),
        (
            "in_progress",
            admin,
            vec![owner],
            "contact",
            "shop@pula.example",
        ),
        (
            "rejected",
            &format!("registration_number = '', contact_email = '', {admin}"),
            vec![number, contact, owner],
            "admin",
            "admin@pula.example",
        ),
    ] {
        let (merchant, _) = owned_merchant(&bank, kyc).await;
        set(&bank, merchant, columns).await;
        let before = mails(&bank).await.len();

        assert_declined(&bank, merchant, &errors, role).await;

        let mails = mails(&bank).await.split_off(before);
        assert_eq!(mails.len(), usize::from(role != "nobody"), "{columns}");
        let event = "SELECT security_event_id::text AS text FROM security_events \
                     ORDER BY security_event_id DESC LIMIT 1";
        let event = bank.database.text(event).await;
        let codes: Vec<_> = errors.iter().map(|(_, code)| *code).collect();
        for (key, payload) in mails {
            let expected = json!({
                "recipient": to,
                "business_name": "Pula Traders",
                "merchant_id": merchant,
                "security_event_id": event,
                "reasons": codes,
            });
            assert_eq!(key, format!("merchant-declined:{event}"));
            assert_eq!(payload, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_without_an_owner_needs_nobodys_kyc() {
    let bank = Bank::open().await;
    let merchant = merchant(&bank).await;

    let given = bank.answer(&approval(merchant)).await;

    assert_eq!(given["approval_success"]["value"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_merchant_may_come_again_and_is_approved_once_it_keeps_the_rules() {
    let bank = Bank::open().await;
    let (merchant, owner) = owned_merchant(&bank, "rejected").await;
    let declined = [("user_id", "kyc_not_approved")];
    assert_declined(&bank, merchant, &declined, "contact").await;
    assert_declined(&bank, merchant, &declined, "contact").await;
    let approve = format!("UPDATE users SET kyc_status = 'approved' WHERE id = '{owner}'");
    bank.database.run(&approve).await;

    let given = bank.answer(&approval(merchant)).await;

    assert_eq!(given["approval_success"]["value"], true);
    // Two decisions, two refusals; one approval.
    assert_eq!(mails(&bank).await.len(), 3);
    assert_eq!(bank.count("security_events").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_given_once_and_answered_with_the_same_date_again() {
    let bank = Bank::open().await;
    let (merchant, _) = owned_merchant(&bank, "approved").await;
    let first = bank.answer(&approval(merchant)).await;
    bank.database
        .run("UPDATE users SET kyc_status = 'rejected'")
        .await;
    set(&bank, merchant, "contact_email = 'gone'").await;

    let again = bank.answer(&approval(merchant)).await;

    assert_eq!(first, again);
    assert_eq!(mails(&bank).await.len(), 1);
    assert_eq!(bank.count("security_events").await, 1);
    assert!(
        bank.audit()
            .await
            .ends_with("\nmerchant_approval_decided merchant already_approved {}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_by_the_banking_application_stands_with_its_date_or_without() {
    let bank = Bank::open().await;
    let merchant = bank.merchant(true).await;

    let undated = bank.answer(&approval(merchant)).await;
    set(
        &bank,
        merchant,
        "approval_date = '2024-02-29 12:34:56.789+02'",
    )
    .await;
    let dated = bank.answer(&approval(merchant)).await;

    let date = json!({"type": "Date", "value": "2024-02-29T10:34:56.789+0000"});
    assert_eq!(undated, answer(true, null(), &[]));
    assert_eq!(dated, answer(true, date, &[]));
    assert!(mails(&bank).await.is_empty());
    assert_eq!(bank.count("security_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_approval_gets_it_back_and_is_not_told_twice() {
    let bank = Bank::open().await;
    let merchant = merchant(&bank).await;
    bank.answer(&approval(merchant)).await;
    set(&bank, merchant, "is_approved = false, approval_date = NULL").await;

    let given = bank.answer(&approval(merchant)).await;

    assert_eq!(given["approval_timestamp"]["type"], "Date");
    assert!(stored(&bank, merchant).await.starts_with("t "));
    assert_eq!(mails(&bank).await.len(), 1);
    assert_eq!(bank.count("security_events").await, 2);
    assert!(bank.audit().await.ends_with(
        "merchant_approval_decided merchant approved {\"codes\":[],\"mail\":\"told_before\"}"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_merchant_is_a_bpmn_error_and_audited() {
    let bank = Bank::open().await;
    let unknown = Uuid::new_v4();

    let given = bank.answer(&approval(unknown)).await;

    assert_eq!(given, json!({"error": "MERCHANT_NOT_FOUND"}));
    let audited = format!("audit_log WHERE subject_id = '{unknown}'");
    assert_eq!(bank.count(&audited).await, 1);
    assert_eq!(
        bank.audit().await,
        "merchant_approval_decided merchant MERCHANT_NOT_FOUND {}"
    );
    assert_eq!(bank.count("security_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_task_gets_the_same_answer_and_one_mail() {
    let bank = Bank::open().await;
    for kyc_status in ["approved", "rejected"] {
        let (merchant, _) = owned_merchant(&bank, kyc_status).await;
        bank.assert_answered_once(&approval(merchant)).await;
    }
    assert_eq!(bank.count("security_events").await, 2);
    assert_eq!(mails(&bank).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_an_incident_and_writes_nothing() {
    let bank = Bank::open().await;
    for merchant_id in [
        Value::Null,
        text("Jane Doe"),
        json!({"type": "Long", "value": 7}),
    ] {
        let task = task(TOPIC, json!({ "merchant_id": merchant_id }));
        let message = bank.incident(&task).await;

        assert!(
            message.starts_with("variable \"merchant_id\": expected "),
            "{message}"
        );
        assert!(!message.contains("Jane"), "{message}");
    }
    assert!(bank.rows().await.iter().all(|(_, count)| *count == 0));
}
