// What must hold for a dashboard.
import { faultsOfLinks } from './cockpit.mjs';
import { faultsOfQuery } from './queries.mjs';

const variables = ['datasource', 'job', 'namespace', 'topic', 'pod', 'cockpit'];
const own = /^(__\w+|datasource|job|namespace|topic|pod|cockpit)$/;

export function faultsOfDashboard(name, dashboard, { others, catalogue, processes }) {
  const faults = [
    ...faultsOfHead(name, dashboard, others),
    ...faultsOfVariables(dashboard),
    ...faultsOfPlaces(dashboard.panels),
    ...faultsOfLinks(dashboard, processes),
  ];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') continue;
    for (const fault of faultsOfPanel(panel, catalogue)) faults.push(`panel "${panel.title}": ${fault}`);
  }
  for (const annotation of dashboard.annotations.list.filter(({ expr }) => expr)) {
    for (const fault of faultsOfQuery(annotation.expr, catalogue)) faults.push(`annotation ${annotation.name}: ${fault}`);
  }
  return faults;
}

// Every query of a dashboard, with the place where it stands.
export function queriesOf(dashboard) {
  const panels = dashboard.panels.flatMap((panel) =>
    (panel.targets ?? []).map(({ refId, expr }) => ({ place: `${panel.title} ${refId}`, query: expr })));
  const annotations = dashboard.annotations.list
    .filter(({ expr }) => expr)
    .map(({ name, expr }) => ({ place: `annotation ${name}`, query: expr }));
  return [...panels, ...annotations];
}

function* faultsOfHead(name, dashboard, others) {
  if (dashboard.uid !== `phantom-worker-${name}`) yield `its uid is ${dashboard.uid}`;
  if (dashboard.id) yield 'it has an id, which belongs to one Grafana alone';
  if (dashboard.editable !== false) yield 'it can be edited, and the edit is lost with the next provisioning';
  if (!dashboard.tags.includes('phantom-worker')) yield 'it lacks the tag phantom-worker';
  if (!dashboard.title || !dashboard.description) yield 'it lacks a title or a description';
  for (const other of others) {
    if (!dashboard.links.some(({ url }) => url === `/d/phantom-worker-${other}`)) yield `it has no link to ${other}`;
  }
  for (const annotation of ['Rollouts', 'Alerts']) {
    if (!dashboard.annotations.list.some((each) => each.name === annotation && each.enable)) yield `it has no annotation ${annotation}`;
  }
}

function* faultsOfVariables(dashboard) {
  const defined = dashboard.templating.list;
  const text = JSON.stringify({ ...dashboard, templating: { list: defined.map(({ query }) => query) } });
  for (const name of variables) {
    const variable = defined.find((each) => each.name === name);
    if (!variable) yield `it lacks the variable ${name}`;
    else if (!new RegExp(`\\$\\{?${name}\\b`).test(text)) yield `it never uses the variable ${name}`;
    else if (variable.type === 'query' && variable.refresh !== 2) yield `the variable ${name} is not read again when the time changes`;
  }
  if (defined.filter(({ type }) => type === 'datasource').length !== 1) yield 'it needs exactly one variable for the data source';
  const used = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name);
  for (const name of new Set(used)) {
    if (!own.test(name)) yield `nobody defines the variable ${name}`;
  }
}

function* faultsOfPlaces(panels) {
  const ids = new Set(panels.map(({ id }) => id));
  if (ids.size !== panels.length) yield 'two panels have the same id';
  for (const [at, { title, gridPos: { x, y, w, h } }] of panels.entries()) {
    if (x < 0 || w < 1 || h < 1 || x + w > 24) yield `panel "${title}" leaves the grid`;
    const other = panels.slice(at + 1).find(({ gridPos: that }) =>
      x < that.x + that.w && that.x < x + w && y < that.y + that.h && that.y < y + h);
    if (other) yield `panels "${title}" and "${other.title}" overlap`;
  }
}

function* faultsOfPanel(panel, catalogue) {
  const { defaults } = panel.fieldConfig;
  if (!panel.title) yield 'it has no title';
  if ((panel.description ?? '').length < 20) yield 'it has no description';
  if (!defaults.unit) yield 'it has no unit';
  if (!panel.targets?.length) yield 'it asks nothing';
  for (const source of [panel, ...panel.targets]) {
    if (source.datasource?.uid !== '${datasource}') yield 'it names a data source of its own';
  }
  for (const { expr } of panel.targets) {
    yield* faultsOfQuery(expr, catalogue);
    for (const [, window] of expr.matchAll(/\[([^\]]+)\]/g)) {
      if (window !== '$__rate_interval') yield `the window [${window}] does not follow the step: [$__rate_interval]`;
    }
    if (!expr.includes('$namespace')) yield 'a query of it leaves the variable namespace out';
  }
}
