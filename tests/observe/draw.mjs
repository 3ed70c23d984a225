// draw.mjs DASHBOARDS PROMETHEUS FOLDER: a page of SVG for each dashboard. Called by tests/observe/draw.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { escaped, heatmap, stat, table, timeseries } from './panels.mjs';

const [dashboards, prometheus, folder] = process.argv.slice(2);
const minutes = Number(process.env.MINUTES ?? 15);
const points = 180;
const end = Date.now() / 1000;
const range = { start: end - minutes * 60, end, step: Math.max(5, (minutes * 60) / points) };
const row = 30;

const style = `body{margin:0;background:#f4f5f5;font:12px system-ui,sans-serif;color:#24292e}
main{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:${row}px;gap:6px;padding:8px}
h1{font-size:18px;margin:8px 12px 0}h2{grid-column:1/-1;font-size:14px;margin:4px}
section{background:#fff;border:1px solid #e0e0e0;border-radius:2px;padding:4px 8px;overflow:hidden;display:flex;flex-direction:column}
h3{font-size:12px;margin:0 0 2px;white-space:nowrap}svg{width:100%;flex:1;min-height:0}
ul{margin:0;padding:0;list-style:none;columns:2;font-size:10px;line-height:13px;max-height:65px}
li{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}b{font-size:26px;margin:auto}
i{display:inline-block;width:8px;height:8px;margin-right:4px}table{border-collapse:collapse;width:100%;font-size:11px}
td,th{text-align:left;border-bottom:1px solid #eee;padding:1px 6px}.none{color:#b00;margin:auto}`;

for (const file of readdirSync(dashboards).filter((name) => name.endsWith('.json'))) {
  const dashboard = JSON.parse(readFileSync(join(dashboards, file), 'utf8'));
  const panels = await Promise.all(dashboard.panels.map(draw));
  const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const page = `<!doctype html><meta charset="utf-8"><title>${escaped(dashboard.title)}</title><style>${style}</style>
<body data-height="${60 + rows * (row + 6)}"><h1>${escaped(dashboard.title)}</h1><main>${panels.join('\n')}</main>`;
  writeFileSync(join(folder, `${basename(file, '.json')}.html`), page);
}

async function draw(panel) {
  const { x, y, w, h } = panel.gridPos;
  const place = `grid-column:${x + 1}/span ${w};grid-row:${y + 1}/span ${h}`;
  if (panel.type === 'row') return `<h2 style="${place}">${escaped(panel.title)}</h2>`;
  const answers = await Promise.all(panel.targets.map((target) => ask(target)));
  const drawing = { stat, table, heatmap, timeseries }[panel.type](panel, answers, range);
  return `<section style="${place}" title="${escaped(panel.description)}"><h3>${escaped(panel.title)}</h3>${drawing}</section>`;
}

async function ask({ expr, legendFormat, instant }) {
  const window = `${Math.ceil(Math.max(20, range.step + 5))}s`;
  const query = expr.replaceAll('$__rate_interval', window).replace(/\$(job|namespace|topic|pod)\b/g, '.*');
  const parameters = instant ? { query, time: end } : { query, ...range };
  const answer = await fetch(`${prometheus}/api/v1/${instant ? 'query' : 'query_range'}?${new URLSearchParams(parameters)}`);
  const { error, data } = await answer.json();
  if (error) throw new Error(`${error}: ${query}`);
  return data.result.map(({ metric, values, value }) => ({
    metric,
    name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ''),
    points: (values ?? [value]).map(([time, number]) => [time, Number(number)]),
  }));
}
