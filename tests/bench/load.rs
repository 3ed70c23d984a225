//! Work for a rival: a tenant of its own with a process of one task, and its instances.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use phantom_worker::camunda::Client;
use phantom_worker::camunda::client::EngineSettings;
use phantom_worker::camunda::model::{Deployment, DeploymentFile, Start};
use phantom_worker::camunda::variables::{Value, Variables};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tokio::time::{Instant, sleep};
use url::Url;
use uuid::Uuid;

use super::rival::Running;
use super::stand::Stand;

const MODEL: &str = include_str!("model.bpmn");
const PROCESS: &str = "bench";

/// Starts at once: what the engine's two cores can take.
const STARTERS: usize = 8;
/// The most time for all of a measurement's tasks.
const PATIENCE: Duration = Duration::from_secs(90);

/// The runtime tables, which empty and fill with every measurement: without this the planner
/// believes in the last one's end, and dead rows pile up for whoever comes later.
const TIDY: &str = "VACUUM (ANALYZE) act_ru_ext_task, act_ru_execution, act_ru_variable, \
                    act_ge_bytearray, act_hi_procinst, act_hi_actinst";

/// How the engine is reached by those who go through our own client.
pub(crate) fn engine_settings(url: &str, tenant: &str) -> anyhow::Result<EngineSettings> {
    Ok(EngineSettings {
        url: Url::parse(url)?,
        credentials: None,
        tenant_ids: vec![tenant.to_owned()],
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(30),
        ca_file: None,
    })
}

/// A tenant with the process of one task. New for each measurement: what a killed rival's poll
/// may still lock is then nobody's.
pub(crate) struct Stage<'s> {
    stand: &'s Stand,
    pub(crate) tenant: String,
    client: Client,
    http: reqwest::Client,
}

/// An instance that has ended, by the engine's own account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    pub(crate) id: String,
    state: String,
    #[serde(deserialize_with = "engine_date")]
    pub(crate) end_time: DateTime<Utc>,
    /// From the start of the instance to its end.
    pub(crate) duration_in_millis: u64,
}

fn engine_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.3f%z")
        .map(Into::into)
        .map_err(serde::de::Error::custom)
}

impl<'s> Stage<'s> {
    /// A new tenant whose tasks have this topic.
    pub(crate) async fn new(stand: &'s Stand, topic: &str) -> anyhow::Result<Self> {
        let tenant = format!("bench-{}", Uuid::new_v4());
        let client = Client::new(engine_settings(stand.engine.as_str(), &tenant)?)?;
        let file = DeploymentFile {
            name: "bench.bpmn".into(),
            content: MODEL.replace("TOPIC", topic).into(),
        };
        let deployment = Deployment {
            name: "bench".into(),
            source: "bench".into(),
            tenant: Some(tenant.clone()),
            files: vec![file],
        };
        client.deploy(&deployment).await?;
        Ok(Self {
            stand,
            tenant,
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Starts this many instances and lets the planner see them.
    pub(crate) async fn preload(&self, tasks: usize) -> anyhow::Result<()> {
        stream::iter(0..tasks)
            .map(|number| self.start_one(number))
            .buffer_unordered(STARTERS)
            .try_for_each(async |_| Ok(()))
            .await
            .context("starting instances")?;
        self.stand.engine_database.run(TIDY).await
    }

    /// Starts one instance, of an applicant like no other, and gives its id.
    pub(crate) async fn start_one(&self, number: usize) -> anyhow::Result<String> {
        let start = Start {
            key: PROCESS.into(),
            business_key: None,
            variables: self.request(number)?,
        };
        Ok(self.client.start(&start).await?.id.to_string())
    }

    /// A valid request for a wallet: two variables, whoever reads them.
    fn request(&self, number: usize) -> anyhow::Result<Variables> {
        let request_data = json!({
            "first_name": "Naledi",
            "last_name": "Kgosi",
            "email": format!("naledi.{number}@customer.example"),
            "phone_number": "71234567",
            // Nine digits of which the fifth says male or female.
            "national_id": format!("{:04}1{:04}", number / 10_000 % 10_000, number % 10_000),
            "date_of_birth": "1990-04-12",
        });
        let mut variables = Variables::new();
        variables.insert(
            "merchant_id",
            Value::String(self.stand.merchant.to_string()),
        )?;
        variables.insert("request_data", Value::Json(request_data.to_string()))?;
        Ok(variables)
    }

    /// The tasks that are still there, asked of the database: a question to the engine would take
    /// part in the race.
    pub(crate) async fn open_tasks(&self) -> anyhow::Result<usize> {
        let query = format!(
            "SELECT count(*) FROM act_ru_ext_task WHERE tenant_id_ = '{}'",
            self.tenant
        );
        Ok(usize::try_from(
            self.stand.engine_database.count(&query).await?,
        )?)
    }

    /// Waits until at most this many tasks are left, and tells how many there are.
    pub(crate) async fn down_to(
        &self,
        most: usize,
        look_every: Duration,
        running: &mut Running,
    ) -> anyhow::Result<usize> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = self.open_tasks().await?;
            if left <= most {
                return Ok(left);
            }
            running.ensure_alive()?;
            anyhow::ensure!(
                Instant::now() < until,
                "{left} tasks are left after {} s",
                PATIENCE.as_secs()
            );
            sleep(look_every).await;
        }
    }

    /// Every instance of this tenant, all of them ended as they should.
    pub(crate) async fn ended(&self) -> anyhow::Result<Vec<Ended>> {
        let address = format!(
            "{}/history/process-instance",
            self.stand.engine.as_str().trim_end_matches('/')
        );
        let query = [
            ("tenantIdIn", self.tenant.as_str()),
            ("finished", "true"),
            ("sortBy", "endTime"),
            ("sortOrder", "asc"),
        ];
        let answer = self.http.get(address).query(&query).send().await?;
        let ended: Vec<Ended> = answer.error_for_status()?.json().await?;
        let strays = ended
            .iter()
            .filter(|instance| instance.state != "COMPLETED");
        anyhow::ensure!(strays.count() == 0, "instances did not end by completion");
        Ok(ended)
    }

    /// How long each instance took, by its id.
    pub(crate) async fn durations(&self) -> anyhow::Result<HashMap<String, f64>> {
        let ended = self.ended().await?.into_iter();
        Ok(ended
            .map(|instance| (instance.id, instance.duration_in_millis as f64))
            .collect())
    }
}
