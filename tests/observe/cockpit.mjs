// Links to Cockpit: one for each process, and from a topic to the process that it belongs to.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// The topics of each model, by the process's id.
export function readProcesses(folder) {
  const models = readdirSync(folder).filter((file) => file.endsWith('.bpmn')).map((file) => readFileSync(join(folder, file), 'utf8'));
  return new Map(models.map((model) => [
    /<bpmn:process id="([^"]+)"/.exec(model)[1],
    [...model.matchAll(/camunda:topic="([^"]+)"/g)].map(([, topic]) => topic),
  ]));
}

export function* faultsOfLinks(dashboard, processes) {
  for (const key of processes.keys()) {
    if (!dashboard.links.some(({ url }) => url === `\${cockpit}/go/definition/${key}`)) yield `it has no link to ${key} in Cockpit`;
  }
  for (const [, key] of JSON.stringify(dashboard).matchAll(/\/go\/definition\/([^"]*)/g)) {
    if (!processes.has(key)) yield `a link of it leads to ${key}, which is no process`;
  }
  for (const { title, topics, key } of linkedTopics(dashboard)) {
    for (const topic of topics) {
      if (!processes.get(key)?.includes(topic)) yield `panel "${title}": ${topic} is no topic of ${key}`;
    }
  }
}

function linkedTopics({ panels }) {
  return panels.flatMap(({ title, fieldConfig }) => (fieldConfig?.overrides ?? []).flatMap(({ matcher, properties }) => {
    const links = properties.filter(({ id }) => id === 'links').flatMap(({ value }) => value);
    const keys = links.map(({ url }) => /\/go\/definition\/(.+)$/.exec(url)?.[1]).filter(Boolean);
    return keys.map((key) => ({ title, key, topics: matcher.options.replace(/^\/\^\(|\)\$\/$/g, '').split('|') }));
  }));
}
