//! A fetch: what a worker wants to work on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::ser::Serializer;

use super::milliseconds;

/// Which tasks come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sorting {
    /// As the engine's database likes: cheap, and without any promise.
    #[default]
    None,
    /// Oldest first; the engine sorts the whole topic for each fetch.
    CreateTime,
}

/// What a worker wants to work on.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// Who locks; at most 255 characters, and of one process alone, for equality of this text is
    /// all the fence there is.
    pub worker_id: String,
    /// The most tasks in one answer.
    pub max_tasks: u32,
    /// How long the engine may wait for a task; at most half an hour.
    pub async_response_timeout: Duration,
    /// Which tasks come first.
    pub sorting: Sorting,
    /// From which topics; a topic given twice counts as the last one.
    pub topics: Vec<FetchTopic>,
}

/// One topic of a fetch.
#[derive(Debug, Clone)]
pub struct FetchTopic {
    /// The topic as the model spells it.
    pub topic: String,
    /// How long its tasks are locked.
    pub lock_duration: Duration,
    /// The variables wanted, by name; none when empty.
    pub variables: Vec<String>,
}

/// A fetch as the engine reads it.
pub(crate) struct FetchBody<'a> {
    pub(crate) request: &'a FetchRequest,
    pub(crate) tenant_ids: &'a [String],
}

impl Serialize for FetchBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Topic<'a> {
            topic_name: &'a str,
            #[serde(serialize_with = "milliseconds")]
            lock_duration: Duration,
            variables: &'a [String],
            /// One undeserialisable value would fail the whole fetch for ever.
            deserialize_values: bool,
            include_extension_properties: bool,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            tenant_id_in: &'a [String],
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            worker_id: &'a str,
            max_tasks: u32,
            #[serde(serialize_with = "milliseconds")]
            async_response_timeout: Duration,
            #[serde(skip_serializing_if = "Option::is_none")]
            sorting: Option<[BTreeMap<&'static str, &'static str>; 1]>,
            topics: Vec<Topic<'a>>,
        }
        let topics = self.request.topics.iter().map(|topic| Topic {
            topic_name: &topic.topic,
            lock_duration: topic.lock_duration,
            variables: &topic.variables,
            deserialize_values: false,
            include_extension_properties: true,
            tenant_id_in: self.tenant_ids,
        });
        let oldest_first = || {
            [BTreeMap::from([
                ("sortBy", "createTime"),
                ("sortOrder", "asc"),
            ])]
        };
        Body {
            worker_id: &self.request.worker_id,
            max_tasks: self.request.max_tasks,
            async_response_timeout: self.request.async_response_timeout,
            sorting: (self.request.sorting == Sorting::CreateTime).then(oldest_first),
            topics: topics.collect(),
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fetch_names_what_it_wants() {
        let request = FetchRequest {
            worker_id: "w".into(),
            max_tasks: 5,
            async_response_timeout: Duration::from_secs(5),
            sorting: Sorting::CreateTime,
            topics: vec![FetchTopic {
                topic: "t".into(),
                lock_duration: Duration::from_secs(10),
                variables: vec![],
            }],
        };
        let body = |request: &FetchRequest, tenant_ids: &[String]| {
            serde_json::to_value(FetchBody {
                request,
                tenant_ids,
            })
            .unwrap()
        };

        let mut expected = json!({
            "workerId": "w", "maxTasks": 5, "asyncResponseTimeout": 5000,
            "sorting": [{"sortBy": "createTime", "sortOrder": "asc"}],
            "topics": [{"topicName": "t", "lockDuration": 10000, "variables": [],
                        "deserializeValues": false, "includeExtensionProperties": true,
                        "tenantIdIn": ["a"]}],
        });
        assert_eq!(body(&request, &["a".into()]), expected);

        expected.as_object_mut().unwrap().remove("sorting");
        expected["topics"][0]
            .as_object_mut()
            .unwrap()
            .remove("tenantIdIn");
        assert_eq!(
            body(
                &FetchRequest {
                    sorting: Sorting::None,
                    ..request
                },
                &[]
            ),
            expected
        );
    }
}
