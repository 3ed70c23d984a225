// What must hold for the alerts, their runbooks and their tests.
//
// Prometheus itself reads the YAML of the rules; what is needed here are a few lines of each alert.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultsOfQuery } from './queries.mjs';

const severities = ['critical', 'warning', 'info'];

export function readAlerts(file) {
  const parts = readFileSync(file, 'utf8').split(/^ {6}- alert: /m).slice(1);
  return parts.map((part) => ({
    name: part.split('\n', 1)[0],
    expr: /^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.+))/m.exec(part)?.slice(1).find(Boolean) ?? '',
    field: (name) => new RegExp(`^ {10}${name}: (.+)$`, 'm').exec(part)?.[1] ?? '',
  }));
}

export function* faultsOfAlerts(alerts, { tests, runbooks, dashboards, catalogue }) {
  const names = alerts.map(({ name }) => name);
  for (const name of new Set(names.filter((name, at) => names.indexOf(name) !== at))) yield `${name} is there twice`;
  for (const alert of alerts) {
    const faults = [...faultsOfAlert(alert, dashboards, catalogue), ...faultsOfTests(alert, tests), ...faultsOfRunbook(alert, runbooks)];
    for (const fault of faults) yield `${alert.name}: ${fault}`;
  }
  for (const file of readdirSync(runbooks)) {
    const name = file.replace(/\.md$/, '');
    if (file !== 'README.md' && !names.includes(name)) yield `the runbook ${file} belongs to no alert`;
  }
}

function* faultsOfAlert(alert, dashboards, catalogue) {
  if (!/^PhantomWorker[A-Z]\w+$/.test(alert.name)) yield 'its name does not start with PhantomWorker';
  if (!severities.includes(alert.field('severity'))) yield `its severity is not one of ${severities.join(', ')}`;
  for (const field of ['summary', 'description']) {
    if (!alert.field(field)) yield `it has no ${field}`;
  }
  if (!alert.field('runbook_url').endsWith(`/${alert.name}.md`)) yield 'its runbook_url leads elsewhere';
  const [, uid, query = ''] = /\/d\/([\w-]+)(\?.*)?$/.exec(alert.field('dashboard_url')) ?? [];
  const dashboard = dashboards.find((each) => each.uid === uid);
  if (!dashboard) yield 'its dashboard_url leads to no dashboard';
  for (const [, name] of query.matchAll(/var-(\w+)=/g)) {
    if (!dashboard?.templating.list.some((each) => each.name === name)) yield `its dashboard has no variable ${name}`;
  }
  yield* faultsOfQuery(alert.expr, catalogue);
}

// One case at least in which it fires, and one in which it does not though it was asked for.
function* faultsOfTests({ name }, tests) {
  const cases = tests.split(/^ {6}- alertname: /m).slice(1).filter((each) => each.split('\n', 1)[0] === name);
  if (!cases.some((each) => each.includes('exp_labels:'))) yield 'no test in which it fires';
  if (!cases.some((each) => each.includes('exp_alerts: []'))) yield 'no test in which it does not fire';
}

function* faultsOfRunbook({ name }, runbooks) {
  const file = join(runbooks, `${name}.md`);
  if (!existsSync(file)) {
    yield 'it has no runbook';
    return;
  }
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith(`# ${name}\n`)) yield 'its runbook has another title';
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title).join(', ');
  if (sections !== 'Meaning, Impact, Diagnosis, Mitigation') yield `its runbook has the sections ${sections}`;
  if (!/## Diagnosis\n[^#]*?```sh\n/.test(text)) yield 'the diagnosis in its runbook starts with no command';
}
