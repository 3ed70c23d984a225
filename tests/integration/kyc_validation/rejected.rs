//! Data that do not pass: every code, and what stays of the user.

use futures_util::future::join_all;

use super::*;

/// A user, the data that are said to be theirs, and the fields and codes they are refused with.
struct Case {
    user: Uuid,
    kyc_data: Json,
    errors: Vec<(&'static str, &'static str)>,
}

async fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, value, code) in [
        ("national_id", json!(null), "national_id_missing"),
        ("national_id", json!("123436789"), "national_id_invalid"),
        ("national_id", json!(123_416_789), "national_id_invalid"),
        ("date_of_birth", json!(null), "date_of_birth_missing"),
        (
            "date_of_birth",
            json!("1990-02-30"),
            "date_of_birth_invalid",
        ),
        (
            "date_of_birth",
            json!("1850-01-01"),
            "date_of_birth_invalid",
        ),
        (
            "date_of_birth",
            json!(world.years_ago(17).await),
            "under_age",
        ),
        ("phone_number", json!(null), "phone_number_missing"),
        ("phone_number", json!("123"), "phone_number_invalid"),
        (
            "phone_number",
            json!("7491\u{7}8273"),
            "phone_number_invalid",
        ),
    ] {
        cases.push(Case {
            user: world.user_with(&[]).await,
            kyc_data: person_with(field, value),
            errors: vec![(field, code)],
        });
    }
    cases.push(Case {
        user: world.user_with(&[("kyc_status", "in_progress")]).await,
        kyc_data: json!({"phone_number": "123"}),
        errors: vec![
            ("national_id", "national_id_missing"),
            ("date_of_birth", "date_of_birth_missing"),
            ("phone_number", "phone_number_invalid"),
        ],
    });
    cases.extend(clashes(world).await);
    cases
}

/// National ids that are somebody's already.
async fn clashes(world: &World) -> Vec<Case> {
    world.user_with(&[("national_id", "111111111")]).await;
    let holder = world.user_with(&[]).await;
    world.customer(holder, "222212222").await;
    let mut cases = Vec::new();
    for national_id in ["111111111", "222212222"] {
        cases.push(Case {
            user: world.user_with(&[("kyc_status", "rejected")]).await,
            kyc_data: person_with("national_id", national_id),
            errors: vec![("national_id", "national_id_taken")],
        });
    }
    let user = world.user_with(&[]).await;
    world.customer(user, "333313333").await;
    cases.push(Case {
        user,
        kyc_data: person(),
        errors: vec![("national_id", "national_id_mismatch")],
    });
    cases
}

#[test]
fn data_that_do_not_pass_reject_the_user_and_are_kept_nowhere() {
    on_a_system(async {
        let world = World::new().await;
        let cases = cases(&world).await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();

        let starts = cases
            .iter()
            .map(|case| world.validate(case.user, &case.kyc_data));
        let instances = join_all(starts).await;

        for (instance, case) in instances.iter().zip(&cases) {
            let ended = world.engine.ended(instance).await;
            assert_rejected(&world, instance, &ended.variables, case).await;
            assert_eq!(ended.at, "kyc_rejected");
            assert_eq!(world.kyc_of(case.user).await, "rejected");
        }
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        assert_eq!(world.count("outbox").await, 0);
        tree.drain().await;
    });
}

async fn assert_rejected(world: &World, instance: &str, told: &Json, case: &Case) {
    let error = |(field, code): &(&str, &str)| json!({"field": field, "code": code});
    let errors: Vec<_> = case.errors.iter().map(error).collect();
    let codes: Vec<_> = case.errors.iter().map(|(_, code)| *code).collect();
    assert_eq!(told["kyc_errors"], json!(errors), "{}", case.kyc_data);
    assert_eq!(told["kyc_validation_success"], false);
    assert_eq!(world.engine.types(instance).await, types(&TOLD));
    let status = world.kyc_of(case.user).await;
    let status = status.split(' ').next();
    assert_eq!(
        world.audit(instance).await,
        format!(
            "kyc_validated user rejected {}",
            json!({"codes": codes, "kyc_status": status})
        )
    );
    let event = world.security_events(instance).await;
    let details = event.strip_prefix(&format!("kyc_validated {} ", case.user));
    assert_eq!(
        serde_json::from_str::<Json>(details.unwrap()).unwrap(),
        json!({ "codes": codes })
    );
}

#[test]
fn a_user_who_was_approved_stays_approved_when_later_data_do_not_pass() {
    on_a_system(async {
        let world = World::new().await;
        let tree = TreeBuilder::new(&world, checking_topics()).start();
        let user = world.user_with(&[]).await;
        let first = world.validate(user, &person()).await;
        assert_eq!(world.engine.ended(&first).await.at, "kyc_approved");
        let row = world.kyc_of(user).await;
        let case = Case {
            user,
            kyc_data: person_with("phone_number", "123"),
            errors: vec![("phone_number", "phone_number_invalid")],
        };

        let second = world.validate(user, &case.kyc_data).await;
        let ended = world.engine.ended(&second).await;

        assert_eq!(ended.at, "kyc_rejected");
        assert_rejected(&world, &second, &ended.variables, &case).await;
        assert_eq!(world.kyc_of(user).await, row);
        assert!(row.starts_with("approved "), "{row}");
        tree.drain().await;
    });
}
