//! Instances for one person at once, on two workers that know nothing of each other.

use futures_util::future::join_all;

use super::*;

#[test]
fn twenty_instances_for_one_user_at_once_are_twenty_validations_and_one_person() {
    on_a_system(async {
        let world = World::new().await;
        let trees = [0; 2].map(|_| TreeBuilder::new(&world, checking_topics()).start());
        let user = world.user_with(&[]).await;
        let (good, young) = (person(), world.years_ago(17).await);
        let bad = person_with("date_of_birth", young);

        let starts = (0..20).map(|n| world.validate(user, if n % 2 == 0 { &good } else { &bad }));
        let instances = join_all(starts).await;

        for (n, instance) in instances.iter().enumerate() {
            let ended = world.engine.ended(instance).await;
            let end = if n % 2 == 0 {
                "kyc_approved"
            } else {
                "kyc_rejected"
            };
            assert_eq!(ended.at, end);
        }
        let national_id = good["national_id"].as_str().unwrap();
        assert_eq!(
            world.kyc_of(user).await,
            format!("approved {national_id} 1961-07-19 +26774918273")
        );
        assert_eq!(world.count("security_events").await, 20);
        assert_eq!(
            world
                .count("audit_log WHERE action = 'kyc_validated'")
                .await,
            20
        );
        world.engine.assert_unharmed().await;
        for tree in trees {
            tree.drain().await;
        }
    });
}

#[test]
fn of_twenty_users_with_one_national_id_at_once_one_is_approved() {
    on_a_system(async {
        let world = World::new().await;
        let trees = [0; 2].map(|_| TreeBuilder::new(&world, checking_topics()).start());
        let person = person();
        let users = join_all((0..20).map(|_| world.user_with(&[]))).await;

        let starts = users.iter().map(|user| world.validate(*user, &person));
        let instances = join_all(starts).await;

        let taken = json!([{"field": "national_id", "code": "national_id_taken"}]);
        let mut approved = 0;
        for instance in &instances {
            let ended = world.engine.ended(instance).await;
            match ended.at.as_str() {
                "kyc_approved" => approved += 1,
                _ => assert_eq!(ended.variables["kyc_errors"], taken),
            }
        }
        assert_eq!(approved, 1);
        assert_eq!(world.count("users WHERE kyc_status = 'approved'").await, 1);
        assert_eq!(world.count("users WHERE kyc_status = 'rejected'").await, 19);
        assert_eq!(world.count("security_events").await, 20);
        world.engine.assert_unharmed().await;
        for tree in trees {
            tree.drain().await;
        }
    });
}
