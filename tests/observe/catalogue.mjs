// The series that the worker has, from grafana/METRICS.md, which the worker itself writes.
import { readFileSync } from 'node:fs';

// The labels that a target brings with it; no series of ours may have one of them.
export const targetLabels = ['job', 'namespace', 'pod', 'instance'];

const row = /^\| `(?<name>\w+)` \| (?<type>counter|gauge|histogram)[^|]*\| [^|]*\| (?<labels>[^|]*)\| (?<replicas>[^|]*)\|/;

export function readCatalogue(file) {
  const series = new Map();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const found = row.exec(line)?.groups;
    if (!found) continue;
    series.set(found.name, {
      type: found.type,
      labels: [...found.labels.matchAll(/`(\w+)`:/g)].map(([, label]) => label),
      shared: found.replicas.trim() !== 'each its own',
    });
  }
  if (series.size === 0) throw new Error(`${file} lists no series`);
  return series;
}

// The family to which a name in a query belongs.
export function familyOf(name, catalogue) {
  const family = name.replace(/_(bucket|sum|count)$/, '');
  return catalogue.get(family)?.type === 'histogram' ? family : name;
}

// Each use of one of our series in a text: its name, its labels, what stands before and behind it.
export function usesIn(text) {
  const uses = [];
  const selector = /\b(phantom_worker_\w+|process_(?:cpu|max_fds|open_fds|resident|start_time|threads|virtual)\w*)(\{[^}]*\})?(\[[^\]]*\])?/g;
  for (const found of text.matchAll(selector)) {
    const [whole, name, labels = '', window = ''] = found;
    uses.push({
      name,
      labels: [...labels.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label),
      window,
      before: text.slice(0, found.index),
      behind: text.slice(found.index + whole.length),
    });
  }
  return uses;
}
