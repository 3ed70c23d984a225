//! A log line as one flat JSON object, so that a collector's filter names a field as the README
//! does: `task.topic`, whichever span it came from.
//!
//! Where a name comes twice, the inner one stands: the event's before its spans', an inner span's
//! before an outer one's. What every line has is written first, for who reads them bare.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::now;

/// Writes events as flat JSON objects.
pub(super) struct FlatJson;

/// One line in the making.
struct Line<'a> {
    level: &'a Level,
    target: &'a str,
    fields: Map<String, Value>,
}

/// The fields that every line has; no other may take their names.
const TIMESTAMP: &str = "timestamp";
const LEVEL: &str = "level";
const TARGET: &str = "target";
const MESSAGE: &str = "message";

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        let spans = context.event_scope().into_iter();
        for span in spans.flat_map(|scope| scope.from_root()) {
            if let Some(written) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.extend(read(written)?);
            }
        }
        let mut written = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut written), event)?;
        fields.extend(read(&written)?);
        let line = Line {
            level: event.metadata().level(),
            target: event.metadata().target(),
            fields,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// Reads what [`JsonFields`] wrote, which is nothing where a span has no fields.
fn read(written: &str) -> Result<Map<String, Value>, fmt::Error> {
    match written {
        "" => Ok(Map::new()),
        object => serde_json::from_str(object).map_err(|_| fmt::Error),
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry(TIMESTAMP, &now())?;
        line.serialize_entry(LEVEL, self.level.as_str())?;
        if let Some(message) = self.fields.get(MESSAGE) {
            line.serialize_entry(MESSAGE, message)?;
        }
        line.serialize_entry(TARGET, self.target)?;
        let own = |name: &str| [TIMESTAMP, LEVEL, TARGET, MESSAGE].contains(&name);
        for (name, value) in self.fields.iter().filter(|(name, _)| !own(name)) {
            line.serialize_entry(name, value)?;
        }
        line.end()
    }
}
