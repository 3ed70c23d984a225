//! Requests for one person at once, from instances that know nothing of each other.

use std::collections::BTreeSet;

use super::*;
use crate::support::wallets::PROCESS;

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

#[test]
fn twenty_instances_for_one_request_at_once_are_one_wallet_and_one_mail() {
    on_a_system(async {
        let world = World::new().await;
        let applicant = Applicant::new();
        let tree = tree_of(&world, "validate-wallet-request");
        let merchant = world.merchant().await;
        let first = world.request_wallet(merchant, &applicant).await;
        let request = until("the request is approved", async || {
            let variables = world.engine.variables(&first).await;
            variables["request_id"].as_str().map(str::to_owned)
        })
        .await;
        tree.drain().await;
        let variables = json!({"request_id": {"type": "String", "value": request}});
        let engine = &world.engine;
        let start = |_| engine.start_before(PROCESS, "create_wallet", variables.clone());
        let mut instances = join_all((1..20).map(start)).await;
        instances.push(first);

        let trees = [0; 2].map(|_| TreeBuilder::new(&world, wallet_topics()).start());

        let mut wallets = BTreeSet::new();
        for instance in &instances {
            let ended = world.engine.ended(instance).await;
            assert_eq!(ended.at, "wallet_created");
            wallets.insert(ended.variables["wallet_id"].to_string());
        }
        assert_eq!(wallets.len(), 1);
        for table in ["users", "customers", "wallets"] {
            assert_eq!(world.count(table).await, 1, "{table}");
        }
        assert_eq!(world.engine.failures().await, [Json::Null; 0]);
        assert_one_mail_each(&world, &[applicant]).await;
        for tree in trees {
            tree.drain().await;
        }
    });
}
