// lint.mjs CHECKOUT [QUERIES]: dashboards, alerts, runbooks and pages against each other and against
// the series that there are. Called by tests/observe/lint.
//
// QUERIES is a file to write: every query of the dashboards as a rule, so that promtool can parse it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { faultsOfAlerts, readAlerts } from './alerts.mjs';
import { familyOf, readCatalogue, usesIn } from './catalogue.mjs';
import { readProcesses } from './cockpit.mjs';
import { faultsOfDashboard, queriesOf } from './dashboards.mjs';

const [checkout, queriesFile] = process.argv.slice(2);
const at = (...path) => join(checkout, ...path);
const read = (file) => readFileSync(file, 'utf8');
const listed = (folder, ending) => readdirSync(folder).filter((file) => file.endsWith(ending)).sort().map((file) => join(folder, file));

const catalogue = readCatalogue(at('grafana/METRICS.md'));
const dashboards = listed(at('grafana/dashboards'), '.json').map((file) => ({ name: basename(file, '.json'), ...JSON.parse(read(file)) }));
const processes = readProcesses(at('bpmn'));
const rules = at('deploy/alerts/rules.yaml');
const alerts = readAlerts(rules);
const pages = [at('README.md'), at('grafana/README.md'), at('deploy/alerts/README.md'), ...listed(at('deploy/runbooks'), '.md')];

const faults = [...faultsOfAll()];
for (const fault of faults) console.error(fault);
if (queriesFile) writeFileSync(queriesFile, asRules());
console.log(`${dashboards.length} dashboards, ${alerts.length} alerts, ${catalogue.size} series, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

function* faultsOfAll() {
  for (const dashboard of dashboards) {
    const others = dashboards.filter((each) => each !== dashboard).map(({ name }) => name);
    for (const fault of faultsOfDashboard(dashboard.name, dashboard, { others, catalogue, processes })) yield `${dashboard.name}.json: ${fault}`;
  }
  const tests = listed(at('tests/observe/alerts'), '.yaml').map(read).join('\n');
  for (const fault of faultsOfAlerts(alerts, { tests, runbooks: at('deploy/runbooks'), dashboards, catalogue })) yield `rules.yaml: ${fault}`;
  yield* faultsOfPages();
  yield* unusedSeries();
}

// A page may name a family, and a group of them by a star.
function* faultsOfPages() {
  for (const page of pages) {
    for (const { name, behind } of usesIn(read(page))) {
      const known = behind.startsWith('*')
        ? [...catalogue.keys()].some((each) => each.startsWith(name))
        : catalogue.has(familyOf(name, catalogue));
      if (!known) yield `${page.slice(checkout.length + 1)}: there is no series ${name}`;
    }
  }
}

// What no panel shows and no alert asks must be listed, so that nobody takes it for forgotten.
function* unusedSeries() {
  const queries = [...dashboards.flatMap(queriesOf).map(({ query }) => query), ...alerts.map(({ expr }) => expr)];
  const used = new Set(queries.flatMap((query) => usesIn(query)).map(({ name }) => familyOf(name, catalogue)));
  const listedAsUnused = read(at('grafana/README.md')).split('## Series on no panel\n')[1]?.split('\n## ')[0] ?? '';
  for (const name of catalogue.keys()) {
    if (!used.has(name) && !listedAsUnused.includes(`\`${name}\``)) yield `no panel and no alert uses ${name}`;
  }
}

// JSON is YAML. The variables get values of their kind.
function asRules() {
  const filled = (query) => query.replaceAll('$__rate_interval', '1m').replace(/\$(job|namespace|topic|pod)\b/g, '.*');
  const groups = dashboards.map((dashboard) => ({
    name: dashboard.name,
    rules: queriesOf(dashboard).map(({ place, query }, number) => ({ record: `query:${number}`, expr: filled(query), labels: { place } })),
  }));
  return JSON.stringify({ groups }, null, 1);
}
