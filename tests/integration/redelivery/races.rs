//! Requests for one person at once, from instances that know nothing of each other.

use super::*;

#[test]
fn two_requests_of_one_person_at_once_make_one_wallet() {
    on_a_system(async {
        let world = World::new().await;
        let merchant = world.merchant().await;
        let applicants: Vec<_> = (0..20).map(|_| Applicant::new()).collect();
        let trees = [0; 2].map(|_| TreeBuilder::new(&world, wallet_topics()).start());

        let starts = applicants
            .iter()
            .flat_map(|applicant| [0; 2].map(|_| world.request_wallet(merchant, applicant)));
        let instances = join_all(starts).await;

        for pair in instances.chunks(2) {
            let ends = [
                world.engine.ended(&pair[0]).await,
                world.engine.ended(&pair[1]).await,
            ];
            let losers: Vec<_> = ends
                .iter()
                .filter(|end| end.at != "wallet_created")
                .collect();
            assert_eq!(losers.len(), 1, "{ends:?}");
            let exists = json!([{"field": "national_id", "code": "wallet_exists"}]);
            match losers[0].at.as_str() {
                "wallet_not_created" => {
                    assert_eq!(losers[0].variables["error_code"], "WALLET_EXISTS");
                }
                "wallet_request_rejected" => {
                    assert_eq!(losers[0].variables["validation_errors"], exists);
                }
                elsewhere => panic!("ended at {elsewhere}"),
            }
        }
        for table in ["users", "customers", "wallets", "outbox"] {
            assert_eq!(world.count(table).await, 20, "{table}");
        }
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        assert_one_mail_each(&world, &applicants).await;
        for tree in trees {
            tree.drain().await;
        }
    });
}

#[test]
fn two_merchants_requests_for_one_new_person_at_once_make_one_customer() {
    on_a_system(async {
        let world = World::new().await;
        let merchants = [world.merchant().await, world.merchant().await];
        let applicants: Vec<_> = (0..20).map(|_| Applicant::new()).collect();
        let trees = [0; 2].map(|_| TreeBuilder::new(&world, wallet_topics()).start());

        let starts = applicants
            .iter()
            .flat_map(|applicant| merchants.map(|id| world.request_wallet(id, applicant)));
        let instances = join_all(starts).await;

        for instance in &instances {
            assert_eq!(world.engine.ended(instance).await.at, "wallet_created");
        }
        assert_eq!(world.count("users").await, 20);
        assert_eq!(world.count("customers").await, 20);
        assert_eq!(world.count("wallets").await, 40);
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        for tree in trees {
            tree.drain().await;
        }
    });
}
