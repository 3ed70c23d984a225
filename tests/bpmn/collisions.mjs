// Finds what cannot be read in a drawing because something lies on it.

/**
 * Says of each label what it collides with: an element, a flow, another label, or the place where
 * Cockpit puts its badges; and of each boundary event whether it lies under badges. Runs in the
 * browser, so it must not use anything outside itself.
 */
export function findCollisions(viewer) {
  const registry = viewer.get('elementRegistry');
  const elements = registry.getAll().filter((element) => element.parent);
  const labels = elements.filter((element) => element.labelTarget);
  const shapes = elements.filter((element) => !element.labelTarget && !element.waypoints);
  const flows = elements.filter((element) => element.waypoints);

  // Letters this near to a line no longer stand apart from it.
  const gap = 2;
  // Cockpit's counts of instances and incidents, side by side at the lower left corner of what can
  // wait. Measured in Cockpit 7.24, with room for three digits each.
  const badges = { left: -10, right: 72, above: 18, below: 5 };
  const canWait = ['Activity', 'EventBasedGateway', 'IntermediateCatchEvent'];

  const nameOf = (element) => element.labelTarget?.id ?? element.id;
  const meet = (a, b) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  const grow = (box, by) =>
    ({ x: box.x - by, y: box.y - by, width: box.width + 2 * by, height: box.height + 2 * by });

  // The written text, not the box that the file reserves for it; and the text as Cockpit writes it,
  // whose bpmn-js breaks no line that is shorter than 90, however narrow the box.
  function textBox(label) {
    const text = registry.getGraphics(label).querySelector('text').getBBox();
    const here = { x: label.x + text.x, y: label.y + text.y, width: text.width, height: text.height };
    const name = label.businessObject.name;
    return unite(here, viewer.get('textRenderer').getExternalLabelBounds(label, name));
  }

  function unite(a, b) {
    const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
    const width = Math.max(a.x + a.width, b.x + b.width) - x;
    return { x, y, width, height: Math.max(a.y + a.height, b.y + b.height) - y };
  }

  // Exact for level and upright lines; a slanting one counts with its whole box.
  function segments(flow) {
    return flow.waypoints.slice(1).map((end, index) => {
      const start = flow.waypoints[index];
      const [x, y] = [Math.min(start.x, end.x), Math.min(start.y, end.y)];
      return { x, y, width: Math.abs(end.x - start.x) || 1, height: Math.abs(end.y - start.y) || 1 };
    });
  }

  function badgePlaces(shape) {
    if (!canWait.some((type) => shape.businessObject.$instanceOf(`bpmn:${type}`))) return [];
    const [x, y] = [shape.x + badges.left, shape.y + shape.height - badges.above];
    return [{ x, y, width: badges.right - badges.left, height: badges.above + badges.below }];
  }

  const isUnderBadgesOf = (box) => (shape) => badgePlaces(shape).some((place) => meet(box, place));

  const events = shapes.filter((shape) => shape.host && isUnderBadgesOf(shape)(shape.host))
    .map((event) => `${nameOf(event)} lies under the badges of ${nameOf(event.host)}`);

  return events.concat(labels.flatMap((label, index) => {
    const text = grow(textBox(label), gap);
    const others = labels.slice(index + 1);
    return [
      ...shapes.filter((shape) => meet(text, shape)).map((shape) => `lies on ${nameOf(shape)}`),
      ...flows.filter((flow) => segments(flow).some((line) => meet(text, line)))
        .map((flow) => `lies on the flow ${nameOf(flow)}`),
      ...others.filter((other) => meet(text, textBox(other)))
        .map((other) => `lies on the label of ${nameOf(other)}`),
      ...shapes.filter(isUnderBadgesOf(text))
        .map((shape) => `lies under the badges of ${nameOf(shape)}`),
    ].map((what) => `the label of ${nameOf(label)} ${what}`);
  }));
}
