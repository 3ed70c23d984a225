// What must hold for every query, on a dashboard or in an alert.
import { familyOf, targetLabels, usesIn } from './catalogue.mjs';

export function faultsOfQuery(query, catalogue) {
  const uses = usesIn(query);
  return [...uses.flatMap((use) => faultsOfUse(use, catalogue)), ...faultsOfGroups(query, uses, catalogue)];
}

// A misspelt label after `by` is no error to Prometheus: it groups everything into one.
function* faultsOfGroups(query, uses, catalogue) {
  const known = [...uses.flatMap(({ name }) => catalogue.get(familyOf(name, catalogue))?.labels ?? []), ...targetLabels, 'le'];
  for (const [, labels] of query.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)) {
    for (const label of labels.split(',').map((each) => each.trim())) {
      if (!known.includes(label)) yield `nothing in the query has the label ${label} to group by`;
    }
  }
}

function faultsOfUse(use, catalogue) {
  const series = catalogue.get(familyOf(use.name, catalogue));
  if (!series) return [`there is no series ${use.name}`];
  const faults = [];
  const known = [...series.labels, ...targetLabels, ...(use.name.endsWith('_bucket') ? ['le'] : [])];
  for (const label of use.labels) {
    if (!known.includes(label)) faults.push(`${use.name} has no label ${label}`);
  }
  const counts = series.type !== 'gauge';
  if (series.type === 'histogram' && use.name === familyOf(use.name, catalogue)) {
    faults.push(`${use.name} is a histogram: _bucket, _sum or _count of it`);
  } else if (counts && !/\b(rate|increase)\s*\(\s*$/.test(use.before)) {
    faults.push(`${use.name} only grows: by rate() or increase() alone`);
  } else if (!counts && /\b(rate|increase)\s*\(\s*$/.test(use.before)) {
    faults.push(`${use.name} is a gauge: no rate() of it`);
  }
  // Read from one place and shown by each replica: a sum would count it once for each.
  if (series.shared && !counts && /\b(sum|avg|count)\b(\s+by\s*\([^)]*\))?\s*\(\s*$/.test(use.before)) {
    faults.push(`${use.name} is equal in every replica: max or min of it, never a sum`);
  }
  return faults;
}
