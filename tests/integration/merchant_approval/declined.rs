//! Merchants that are declined: every rule, and who is told.

use futures_util::future::join_all;

use super::*;

/// Whom the mail about a refusal goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Contact,
    Admin,
    Nobody,
}

impl Told {
    fn audited(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Admin => "admin",
            Self::Nobody => "nobody",
        }
    }
}

/// The owner's KYC status, what is changed of a good merchant, and what comes of it.
struct Case {
    kyc_status: &'static str,
    columns: &'static str,
    errors: &'static [(&'static str, &'static str)],
    told: Told,
}

const NUMBER: (&str, &str) = ("registration_number", "registration_number_invalid");
const CONTACT: (&str, &str) = ("contact_email", "contact_email_invalid");
const OWNER: (&str, &str) = ("user_id", "kyc_not_approved");

/// What the mail says of each code.
const SENTENCES: [(&str, &str); 3] = [
    (NUMBER.1, "The registration number is not valid."),
    (CONTACT.1, "The contact e-mail address is not valid."),
    (OWNER.1, "The identity check of the owner is not complete."),
];

const CASES: [Case; 9] = [
    Case {
        kyc_status: "approved",
        columns: "registration_number = 'BW1234567890'",
        errors: &[NUMBER],
        told: Told::Contact,
    },
    Case {
        kyc_status: "approved",
        columns: "registration_number = ''",
        errors: &[NUMBER],
        told: Told::Contact,
    },
    Case {
        kyc_status: "not_started",
        columns: "phone_number = NULL",
        errors: &[OWNER],
        told: Told::Contact,
    },
    Case {
        kyc_status: "in_progress",
        columns: "phone_number = NULL",
        errors: &[OWNER],
        told: Told::Contact,
    },
    Case {
        kyc_status: "rejected",
        columns: "phone_number = NULL",
        errors: &[OWNER],
        told: Told::Contact,
    },
    Case {
        kyc_status: "approved",
        columns: "contact_email = 'nobody at all'",
        errors: &[CONTACT],
        told: Told::Admin,
    },
    Case {
        kyc_status: "approved",
        columns: "contact_email = 'nobody', admin_email = 'Nobody <a@b.example>'",
        errors: &[CONTACT],
        told: Told::Nobody,
    },
    Case {
        kyc_status: "approved",
        columns: "contact_email = '', admin_email = NULL",
        errors: &[CONTACT],
        told: Told::Nobody,
    },
    Case {
        kyc_status: "rejected",
        columns: "registration_number = '7', contact_email = 'nobody'",
        errors: &[NUMBER, CONTACT, OWNER],
        told: Told::Admin,
    },
];

#[test]
fn a_broken_rule_declines_by_its_code_and_the_mail_goes_to_whom_it_can_reach() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let mut applicants = Vec::new();
        for case in &CASES {
            let applicant = world.applicant(case.kyc_status).await;
            world.set(applicant.merchant, case.columns).await;
            applicants.push(applicant);
        }

        let starts = applicants.iter().map(|one| world.apply(one.merchant));
        let instances = join_all(starts).await;

        for (instance, (case, applicant)) in instances.iter().zip(CASES.iter().zip(&applicants)) {
            let ended = world.engine.ended(instance).await;
            assert_eq!(ended.at, "merchant_declined", "{}", case.columns);
            assert_declined(&world, instance, &ended.variables, case).await;
            assert_told(&world, instance, case, applicant).await;
        }
        let queued = CASES.iter().filter(|case| case.told != Told::Nobody);
        assert_eq!(
            world.count("outbox").await,
            i64::try_from(queued.count()).unwrap()
        );
        assert_eq!(world.count("merchants WHERE is_approved").await, 0);
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        tree.drain().await;
    });
}

async fn assert_declined(world: &World, instance: &str, told_to_it: &Json, case: &Case) {
    let error = |(field, code): &(&str, &str)| json!({"field": field, "code": code});
    let errors: Vec<_> = case.errors.iter().map(error).collect();
    let codes: Vec<_> = case.errors.iter().map(|(_, code)| *code).collect();
    assert_eq!(told_to_it["approval_success"], false);
    assert_eq!(told_to_it["approval_timestamp"], Json::Null);
    assert_eq!(told_to_it["approval_errors"], json!(errors));
    assert_eq!(world.engine.types(instance).await, types(&told("Null")));
    let mail = case.told.audited();
    assert_eq!(
        world.audit(instance).await,
        format!(
            "merchant_approval_decided merchant declined {}",
            json!({"codes": codes, "mail": mail})
        )
    );
}

/// One security event, and one mail under its id to nobody but the right one, which says why.
async fn assert_told(world: &World, instance: &str, case: &Case, applicant: &Applicant) {
    let told = case.told;
    let event = world
        .database
        .text(&format!(
            "SELECT security_event_id::text AS text FROM security_events \
             WHERE process_instance_id = '{instance}' AND kind = 'merchant_declined' \
             AND merchant_id = '{}'",
            applicant.merchant
        ))
        .await;
    let key = format!("merchant-declined:{event}");
    for (address, is_told) in [
        (&applicant.contact, told == Told::Contact),
        (&applicant.admin, told == Told::Admin),
    ] {
        if is_told {
            let mail = assert_mailed(address, &key).await;
            let text = mail["text"].as_str().unwrap();
            for (code, sentence) in SENTENCES {
                let is_a_reason = case.errors.iter().any(|(_, each)| *each == code);
                assert_eq!(text.contains(sentence), is_a_reason, "{code}: {text}");
            }
        } else {
            assert!(mailbox::mails_to(address).await.is_empty(), "{address}");
        }
    }
    let queued = format!("outbox WHERE notification_key = '{key}'");
    assert_eq!(world.count(&queued).await, i64::from(told != Told::Nobody));
}

#[test]
fn a_merchant_that_mends_what_was_wrong_is_approved_the_next_time() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let applicant = world.applicant("in_progress").await;
        let merchant = applicant.merchant;
        for _ in 0..2 {
            let instance = world.apply(merchant).await;
            assert_eq!(world.engine.ended(&instance).await.at, "merchant_declined");
        }
        world
            .database
            .run("UPDATE users SET kyc_status = 'approved'")
            .await;

        let instance = world.apply(merchant).await;

        assert_eq!(world.engine.ended(&instance).await.at, "merchant_approved");
        // Each decision is a fact of its own, with a mail of its own.
        assert_eq!(world.count("security_events").await, 3);
        assert_eq!(world.count("outbox").await, 3);
        tree.drain().await;
    });
}
