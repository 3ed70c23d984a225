// The kinds of panels as HTML and SVG.
const colours = ['#56a64b', '#f2cc0c', '#3274d9', '#ff780a', '#e02f44', '#a352cc', '#37872d', '#1f60c4', '#fa6400', '#c4162a', '#8f3bb8', '#705da0'];
const [width, height] = [600, 200];
const nothing = '<span class="none">no data</span>';

export const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export function formatted(value, unit) {
  if (!Number.isFinite(value)) return '–';
  const short = (number) => (Math.abs(number) >= 1000 ? `${Number((number / 1000).toPrecision(3))} k` : `${Number(number.toPrecision(3))}`);
  switch (unit) {
    case 's':
      if (value < 1) return `${Number((value * 1000).toPrecision(3))} ms`;
      return value < 120 ? `${short(value)} s` : value < 7200 ? `${short(value / 60)} min` : `${short(value / 3600)} h`;
    case 'percentunit': return `${short(value * 100)} %`;
    case 'bytes': return `${short(value / 2 ** 20)} MiB`;
    case 'ops': case 'reqps': return `${short(value)}/s`;
    case 'cpm': return `${short(value)}/min`;
    default: return short(value);
  }
}

export function stat(panel, [series]) {
  const last = series[0]?.points.at(-1)?.[1];
  if (last === undefined) return nothing;
  const { unit, thresholds } = panel.fieldConfig.defaults;
  const step = thresholds.steps.findLast(({ value }) => value === null || last >= value);
  return `<b style="color:${step.color}">${formatted(last, unit)}</b>`;
}

export function timeseries(panel, answers, range) {
  const { unit, custom, max } = panel.fieldConfig.defaults;
  const series = answers.flat();
  if (series.length === 0) return nothing;
  const stacked = custom.stacking.mode === 'normal';
  const below = new Map();
  const lines = series.map(({ name, points }) => ({
    name,
    last: points.at(-1)[1],
    points: points.filter(([, value]) => Number.isFinite(value)).map(([time, value]) => {
      const base = stacked ? (below.get(time) ?? 0) : 0;
      below.set(time, base + value);
      return [time, base, base + value];
    }),
  }));
  const most = Math.max(...lines.flatMap(({ points }) => points.map(([, , value]) => value)), 0);
  const top = max ?? (most || 1);
  const x = (time) => ((time - range.start) / (range.end - range.start)) * width;
  const y = (value) => height - (value / top) * (height - 14);
  const shapes = lines.map(({ points }, at) => {
    const upper = points.map(([time, , value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    const lower = points.toReversed().map(([time, base]) => `${x(time).toFixed(1)},${y(base).toFixed(1)}`);
    const area = stacked ? `<polygon points="${upper.concat(lower).join(' ')}" fill="${colours[at % colours.length]}" opacity=".35"/>` : '';
    return `${area}<polyline points="${upper.join(' ')}" fill="none" stroke="${colours[at % colours.length]}" stroke-width="1.5" vector-effect="non-scaling-stroke"/>`;
  });
  return chart(shapes.reverse().join(''), formatted(top, unit)) + legend(lines, unit);
}

export function heatmap(panel, [series], range) {
  const { unit } = panel.fieldConfig.defaults;
  const rows = series
    .map(({ metric, points }) => ({ bound: Number(metric.le.replace('+Inf', 'Infinity')), points: new Map(points) }))
    .sort((one, other) => one.bound - other.bound);
  if (rows.length === 0) return nothing;
  const cells = rows.map(({ bound, points }, at) => ({
    bound,
    // Buckets hold all that lies below their bound.
    cells: [...points].map(([time, count]) => [time, Math.max(0, count - (rows[at - 1]?.points.get(time) ?? 0))]),
  }));
  const most = Math.max(...cells.flatMap((row) => row.cells.map(([, count]) => count)), Number.MIN_VALUE);
  const step = (height - 14) / cells.length;
  const side = (range.step / (range.end - range.start)) * width;
  const shapes = cells.flatMap((row, at) => row.cells.filter(([, count]) => count > 0).map(([time, count]) =>
    `<rect x="${(((time - range.start) / (range.end - range.start)) * width - side).toFixed(1)}" y="${(height - (at + 1) * step).toFixed(1)}" width="${side.toFixed(2)}" height="${step.toFixed(1)}" fill="#e8590c" opacity="${(0.15 + 0.85 * Math.sqrt(count / most)).toFixed(2)}"/>`));
  const bounds = cells.map(({ bound }, at) =>
    `<text x="2" y="${(height - at * step - 2).toFixed(1)}" font-size="9" fill="#555">≤ ${bound === Infinity ? '∞' : formatted(bound, unit)}</text>`);
  return chart(shapes.join('') + bounds.join(''), '');
}

// Rows of the answers that have the same labels are one row, as Grafana joins them.
export function table(panel, answers) {
  const rows = new Map();
  const labels = new Set();
  for (const [at, series] of answers.entries()) {
    for (const { metric, points } of series) {
      Object.keys(metric).forEach((label) => labels.add(label));
      const key = JSON.stringify(metric);
      rows.set(key, { ...rows.get(key), ...metric, [at]: points[0][1] });
    }
  }
  if (rows.size === 0) return nothing;
  const columns = answers.length === 1 ? [] : answers.map((_, at) => {
    const named = panel.fieldConfig.overrides.find(({ matcher }) => matcher.options === `Value #${String.fromCharCode(65 + at)}`);
    const property = (id) => named.properties.find((each) => each.id === id).value;
    return { at, title: property('displayName'), unit: property('unit') };
  });
  const head = [...labels, ...columns.map(({ title }) => title)].map((title) => `<th>${escaped(title)}`).join('');
  const body = [...rows.values()].map((row) => `<tr>${[...labels].map((label) => `<td>${escaped(row[label] ?? '')}`).join('')}${
    columns.map(({ at, unit }) => `<td>${row[at] === undefined ? '' : formatted(row[at], unit)}`).join('')}`);
  return `<table><tr>${head}${body.join('')}</table>`;
}

const chart = (shapes, top) =>
  `<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none"><line x1="0" x2="${width}" y1="${height}" y2="${height}" stroke="#ccc"/>${shapes}<text x="2" y="10" font-size="10" fill="#555">${top}</text></svg>`;

function legend(lines, unit) {
  const items = lines.map(({ name, last }, at) =>
    `<li><i style="background:${colours[at % colours.length]}"></i>${escaped(name)} ${formatted(last, unit)}`);
  return `<ul>${items.join('')}</ul>`;
}
