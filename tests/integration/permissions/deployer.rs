//! `--role deployer`: a user for the Job `deploy`, whose password is worth no task.

use phantom_worker::processes::BUILT_IN;
use serde_json::{Value as Json, json};

use super::{Account, Guarded, KYC, KYC_TOPIC, PASSWORD, WORKER, what};

const DEPLOYER: Account = Account {
    user: "walletdeployer",
    group: "phantomdeployer",
};
/// The engine's numbers for what a grant is about, and its name for all of a kind.
const PROCESS: u8 = 6;
const DEPLOYMENT: u8 = 9;
const ANY: &str = "*";
const AS_DEPLOYER: [&str; 2] = ["--role", "deployer"];

pub(super) async fn brings_models_and_touches_no_task(guarded: &Guarded) {
    guarded.grant(DEPLOYER, &AS_DEPLOYER).await;

    grants_are_exactly_those_of_a_deployer(guarded).await;
    deploy_works(guarded).await;
    engine_adds_no_more_than_is_told(guarded).await;
    no_task_is_the_deployers(guarded).await;
    deploy_tells_of_each_missing_grant(guarded).await;
}

async fn grants_are_exactly_those_of_a_deployer(guarded: &Guarded) {
    let granted: Vec<_> = guarded.grants(DEPLOYER).await.iter().map(what).collect();

    let only = |permission: &str| vec![permission.to_owned()];
    let mut keys: Vec<_> = BUILT_IN.iter().map(|model| model.key).collect();
    keys.sort();
    let read = keys
        .iter()
        .map(|key| (json!(PROCESS), json!(key), only("READ")));
    let mut needed = vec![(json!(DEPLOYMENT), json!(ANY), only("CREATE"))];
    needed.extend(read);
    assert_eq!(granted, needed);
}

async fn deploy_works(guarded: &Guarded) {
    for outcome in ["new", "unchanged"] {
        let said = guarded.run(DEPLOYER, "deploy").await;

        assert_eq!(said.code, 0, "{}", said.stderr);
        let lines: Vec<_> = said.stdout.lines().collect();
        assert_eq!(lines.len(), BUILT_IN.len(), "{}", said.stdout);
        assert!(
            lines.iter().all(|line| line.ends_with(outcome)),
            "{lines:?}"
        );
    }
}

/// As the script's help says. That a user may see to itself is not of interest.
async fn engine_adds_no_more_than_is_told(guarded: &Guarded) {
    const USER: u8 = 1;
    let path = format!("authorization?type=1&userIdIn={}", DEPLOYER.user);
    let added = guarded.world.engine.get(&path).await;
    let added = added.as_array().unwrap().iter();
    let added: Vec<_> = added
        .filter(|grant| grant["resourceType"] != USER)
        .map(what)
        .collect();

    let deployment = guarded.world.engine.get("deployment?source=phantom-worker");
    let id = deployment.await[0]["id"].clone();
    let both = ["DELETE", "READ"].map(str::to_owned).to_vec();
    assert_eq!(added, [(json!(DEPLOYMENT), id, both)]);
}

/// The worker takes the very task that the deployer is not shown, and may not answer.
async fn no_task_is_the_deployers(guarded: &Guarded) {
    let unfit = json!({ "variables": {} }).to_string();
    let started = guarded.world.engine.start_as_written(KYC, unfit).await;
    started.unwrap();
    let fetch = json!({
        "workerId": "story",
        "maxTasks": 1,
        "topics": [{ "topicName": KYC_TOPIC, "lockDuration": 60_000 }],
    });

    let (_, shown) = guarded
        .ask(DEPLOYER, "external-task/fetchAndLock", &fetch)
        .await;
    let (_, taken) = guarded
        .ask(WORKER, "external-task/fetchAndLock", &fetch)
        .await;

    assert_eq!(shown, json!([]));
    let id = taken[0]["id"].as_str().unwrap();
    for (verb, body) in [
        ("complete", json!({ "workerId": "story" })),
        ("unlock", json!({})),
    ] {
        let path = format!("external-task/{id}/{verb}");
        let (status, refusal) = guarded.ask(DEPLOYER, &path, &body).await;
        assert_eq!(status, 403, "{verb}: {refusal}");
    }
}

async fn deploy_tells_of_each_missing_grant(guarded: &Guarded) {
    for (resource, told) in [(ANY, "CREATE"), (KYC, "lacks READ")] {
        let grant = guarded.grant_on(DEPLOYER, resource).await;
        let path = format!("authorization/{}", grant["id"].as_str().unwrap());
        guarded.world.engine.delete(&path).await;

        let said = guarded.run(DEPLOYER, "deploy").await;

        assert_eq!(said.code, 1, "{resource}: {}", said.stdout);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        assert!(said.stderr.contains(told), "{}", said.stderr);
        let again = guarded.grant(DEPLOYER, &AS_DEPLOYER).await;
        assert_eq!(again.matches(": granted\n").count(), 1, "{again}");
    }
}

impl Guarded {
    /// Posts as this user: what the engine answers, if it is more than a status.
    async fn ask(&self, account: Account, path: &str, body: &Json) -> (u16, Json) {
        let engine = self.world.engine.url.as_str().trim_end_matches('/');
        let call = reqwest::Client::new().post(format!("{engine}/{path}"));
        let call = call.basic_auth(account.user, Some(PASSWORD)).json(body);
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}
